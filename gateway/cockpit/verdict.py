"""What can be said of a config without a request: what is wrong, how its tests end, what it takes at worst."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.catalogue import Catalogue
from gateway.cockpit.cases import run_cases
from gateway.cockpit.expectations import Ran
from gateway.compile import compile_config
from gateway.config.document import Document
from gateway.config.snapshot import Snapshot, content
from gateway.config.spec import ConfigSpec, TargetSpec
from gateway.config.virtual_key import VirtualKey
from gateway.errors import InvalidConfig, Problem
from gateway.explain import explain
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.rehearsal import outside
from gateway.secret import Secret
from gateway.target import ImageTarget

FAILED_TEST = "test-failed"
"""The code of a test that did not pass."""

_CALLERS_KEY = Secret("stands-for-the-key-that-the-caller-would-send")
_USUAL = {"prompt": "an otter", "size": "1024x1024"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of one config that can be read."""

    spec: ConfigSpec
    problems: tuple[Problem, ...]
    """What the lints say, and a row for each test that failed."""
    ran: tuple[Ran, ...]
    worst: Mapping[str, Any]
    """Attempts, seconds and dollars of a usual request at worst."""


def today() -> dt.date:
    """Return the day by which models are retired or not."""
    return dt.datetime.now(dt.UTC).date()


def verdict_on(
    spec: ConfigSpec,
    document: Document,
    *,
    catalogue: Catalogue,
    virtual_keys: Mapping[str, VirtualKey],
    text: str | None = None,
) -> Verdict:
    """Return what is to be said of a config; not to be called inside a running loop."""
    from gateway.lint import Linted, lint  # noqa: PLC0415 - servers seldom need it, and start sooner without

    linted = Linted(
        spec=spec,
        document=document,
        text=text,
        catalogue=catalogue,
        virtual_keys=virtual_keys,
        today=today(),
    )
    ran = tuple(run_cases(spec, catalogue))
    failed = _failed(ran, document)
    return Verdict(spec=spec, problems=(*lint(linted), *failed), ran=ran, worst=worst_case(spec, catalogue))


def verdicts_on(snapshot: Snapshot, files: Collection[str]) -> dict[str, Verdict]:
    """Return the verdicts on the configs in some files of a folder, as far as they can be read."""
    found = {}
    for file, id_ in snapshot.files.items():
        spec = snapshot.configs[id_]
        if isinstance(spec, ConfigSpec) and file in files:
            found[file] = verdict_on(
                spec,
                snapshot.documents[id_],
                catalogue=snapshot.gateway.catalogue,
                virtual_keys=snapshot.gateway.virtual_keys,
                text=text_of(Path(file)),
            )
    return found


def folder_problems(snapshot: Snapshot) -> list[Problem]:
    """Return what the lints say of the file that all configs of a folder share."""
    from gateway.lint import lint_gateway_file  # noqa: PLC0415 - as above

    file = snapshot.gateway_file
    return [] if file is None else lint_gateway_file(Path(file), text_of(Path(file)))


def text_of(file: Path) -> str | None:
    """Return what a file says, where it can still be read."""
    try:
        return content(file).decode("utf-8-sig", "replace")
    except (InvalidConfig, OSError):
        return None


def worst_case(spec: ConfigSpec, catalogue: Catalogue) -> Mapping[str, Any]:
    """Return attempts, seconds and dollars that a usual request takes at worst."""
    shared = outside(catalogue)

    def leaf(target: TargetSpec, checks: bool) -> ImageTarget:  # noqa: FBT001 - called by position
        return ImageTarget(target, PROVIDERS[target.provider], shared, checks)

    route = compile_config(spec, leaf)
    story = explain(route, ImageRequest(params=_USUAL, credential=_CALLERS_KEY), leaf, all_ways=True)
    worst: Mapping[str, Any] = story["worst_case"]
    return worst


def failed_tests(spec: ConfigSpec, catalogue: Catalogue) -> list[Problem]:
    """Return a row for each test of a stored config that fails; not to be called inside a running loop."""
    return _failed(run_cases(spec, catalogue), Document(data=None))


def _failed(ran: Iterable[Ran], document: Document) -> list[Problem]:
    return [
        document.problem(
            f"$.tests[{each.case.index}]",
            f"the test {each.case.name!r} failed: {'; '.join(each.problems)}.",
            code=FAILED_TEST,
        )
        for each in ran
        if not each.passed
    ]
