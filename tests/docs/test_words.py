"""What stands in backticks and looks like ours is ours: flags, variables, commands, headers, paths, settings."""

import re

import click
import pytest

from gateway.choose.named_target import family_headers
from gateway.cli import main
from gateway.http.openapi import document
from gateway.http.openapi_tables import ANSWER_HEADERS, FAILURE_HEADERS, REQUEST_HEADERS
from gateway.settings import NAMES, PREFIX
from tests.docs.pages import words
from tests.documents import ROOT, documents

SETTINGS = {PREFIX + name.upper() for name in NAMES}
HEADERS = {*REQUEST_HEADERS, *ANSWER_HEADERS, *FAILURE_HEADERS, "x-beamsplitter-signature"}
FAMILIES = {name for name in document()["components"]["parameters"] if name.startswith("x-portkey-")}
PATHS = {re.sub(r"\{[^}]*\}", "{}", path) for path in document()["paths"]} | {
    "/console",
    "/docs",
    "/llms.txt",
    "/metrics",
}
FOREIGN = {
    "docs/migrate-from-litellm.md": {"/key/generate", "/health/liveliness", "/health/readiness"},
    "docs/migrate-from-portkey.md": {"x-portkey-strict-open-ai-compliance"},
    "docs/telemetry.md": {"/v1/traces"},
    "docs/providers.md": re.compile(r"/.*"),
}
"""What is another's, and looks like ours."""


def commands(command=main, name=()):
    """Yield each command with the flags that it takes."""
    flags = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help", "-h"}
    yield " ".join(name), flags
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            yield from commands(command.get_command(context, each), (*name, each))


COMMANDS = dict(commands())
FLAGS = {flag for flags in COMMANDS.values() for flag in flags}


def unknown(word):
    """Return what in a word looks like ours and is not."""
    found = [flag for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", word) if flag not in FLAGS]
    found += [name for name in re.findall(rf"\b{PREFIX}[A-Z_]+\b", word) if name not in SETTINGS and name != PREFIX]
    found += [
        name for name in re.findall(r"\bx-(?:portkey|gateway|beamsplitter)-[a-z-]*[a-z]", word) if not is_header(name)
    ]
    if word.startswith("beamsplitter "):
        named = re.match(r"beamsplitter((?: [a-z]+)*)", word)[1].split()
        found += [] if any(" ".join(named[:count]) in COMMANDS for count in (1, 2)) or not named else [word]
    path = re.fullmatch(r"(?:[A-Z]+(?:, [A-Z]+)* )?(/[a-z][\w{}./:-]*)(?:\?.*)?…?", word)
    if path and not is_path(path[1]):
        found.append(path[1])
    return found


def is_header(name):
    """Say whether we read or send it; `x-portkey-azure-…` stands for several."""
    return name in HEADERS or bool(family_headers({name: ""})) or any(each.startswith(f"{name}-") for each in FAMILIES)


def is_path(path):
    """Say whether a path is one of ours, or the beginning of one, or a file of the repository."""
    asked = re.sub(r"\{[^}]*\}|\b[A-Z]+\b", "{}", path).rstrip("/").split("/")
    return (ROOT / path[1:]).exists() or any(leads(asked, known.split("/")) for known in PATHS)


def leads(asked, known):
    return len(asked) <= len(known) and all(
        word in {there, "{}"} or there == "{}" for word, there in zip(asked, known, strict=False)
    )


@pytest.mark.parametrize("page", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_looks_like_ours_is_there(page):
    foreign = FOREIGN.get(page.relative_to(ROOT).as_posix(), set())
    wrong = [each for word in words(page) for each in unknown(word)]
    if isinstance(foreign, re.Pattern):
        wrong, foreign = [each for each in wrong if not foreign.fullmatch(each)], set()
    assert [each for each in wrong if each not in foreign] == []
    assert foreign <= set(wrong), "no longer there: take them off the list"


@pytest.mark.parametrize(
    "word",
    [
        "serve --no-such-flag",
        "BEAMSPLITTER_NO_SUCH",
        "x-gateway-no-such",
        "x-portkey-mode",
        "beamsplitter paint",
        "GET /v1/no-such",
        "/nosuch",
    ],
)
def test_what_is_not_there_is_found(word):
    assert unknown(word) != []


@pytest.mark.parametrize(
    "word",
    [
        "--print-settings",
        "BEAMSPLITTER_PORT",
        "x-portkey-azure-resource-name: pictures",
        "beamsplitter keys create web-shop",
        "GET /v1/logs?trace_id=…",
        "/v1/configs/{name}",
        "PUT /v1/virtual-keys/{slug}",
        "GET /v1/models/MODEL",
        "image/png",
    ],
)
def test_what_is_there_is_left_alone(word):
    assert unknown(word) == []
