"""Adding a provider takes one file, one folder of cassettes and its rows: done here, with a made-up one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ADAPTER = '''"""A made-up provider with OpenAI's answers under an address and a path of its own."""

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of
from gateway.dialect.encode import Field, edges, encode
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Send, Target, send

_FIELDS = (Field("prompt", "text"), Field("size", ("w", "h"), edges))


def _flow(request: ImageRequest, target: Target) -> Flow:
    encoded = encode(_FIELDS, request.params)
    received = yield from send(Send("POST", f"/{request.model}/paint", json=encoded.body))
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


ADAPTERS = (
    Adapter(name="acme", base_url=at("https://acme.example/v1"), authorize=key_in("x-acme-key", ""), flow=_flow),
)
'''
ROWS = """
provider: acme
models:
  - id: acme-one
    sizes: [1024x1024, 512x512]
    responses: [url]
    price: {image: 0.01}
"""
CONFIG = """
provider: acme
api_key: "${ACME_KEY}"
override_params: {model: acme-one}
"""


def _cassette(status, answer, outcome):
    send = {
        "method": "POST",
        "url": "https://acme.example/v1/acme-one/paint",
        "headers": {"x-acme-key": "test-key-not-real"},
        "json": {"text": "an otter"},
    }
    return {
        "source": "made up",
        "date": "2026-11-21",
        "provider": "acme",
        "request": {"params": {"model": "acme-one", "prompt": "an otter"}},
        "target": {"credentials": {"api_key": "test-key-not-real"}},
        "steps": [{"send": send, "receive": {"status": status, "json": answer}}],
        "outcome": outcome,
    }


_SUCCESS = _cassette(
    200,
    {"created": 1, "data": [{"url": "https://acme.example/1.png"}]},
    {"success": {"pictures": [{"url": "https://acme.example/1.png"}], "canonical": True, "created": 1}},
)
_FAILED = {"message": "m", "billable": False}
CASSETTES = {
    "success": _SUCCESS,
    "rate_limited": _cassette(
        429, {"error": {"message": "m"}}, {"failure": {**_FAILED, "cause": "rate_limited", "status": 429}}
    ),
    "refused": _cassette(
        400,
        {"error": {"message": "m", "code": "moderation_blocked"}},
        {"failure": {**_FAILED, "cause": "policy", "status": 400, "provider_code": "moderation_blocked"}},
    ),
    "malformed": _cassette(
        200,
        {},
        {"failure": {"cause": "empty", "message": "acme answered without a picture", "billable": True}},
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what matters, with the three things added and nothing else touched."""
    folder = tmp_path_factory.mktemp("one_more")
    ignored = shutil.ignore_patterns("__pycache__", "bench", ".peers")
    for part in ("gateway", "strategies", "schemas", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "gateway/providers/acme.py").write_text(ADAPTER)
    (folder / "schemas/catalogue/acme.yaml").write_text(ROWS)
    cassettes = folder / "tests/providers/cassettes/acme"
    cassettes.mkdir()
    for name, cassette in CASSETTES.items():
        (cassettes / f"{name}.json").write_text(json.dumps(cassette))
    (folder / "painted.yaml").write_text(CONFIG)
    return folder


def _run(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(folder), "ACME_KEY": "test-key-not-real"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_configs_commands_and_the_catalogue_know_it(checkout):
    checked = _run(checkout, "-m", "gateway", "check", "painted.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    request = ["--request", '{"prompt": "an otter", "size": "1000x1000", "seed": 7}', "--format", "json"]
    told = json.loads(_run(checkout, "-m", "gateway", "explain", "painted.yaml", *request).stdout)
    sent = told["tree"]["send"]
    assert (sent["url"], sent["json"]) == (
        "https://acme.example/v1/acme-one/paint",
        {"text": "an otter", "w": 1024, "h": 1024},
    )
    assert told["tree"]["adaptations"] == ["size=1000x1000->1024x1024", "seed=7->dropped"]
    listed = json.loads(_run(checkout, "-m", "gateway", "models", "--json").stdout)
    assert [row["id"] for row in listed if row["provider"] == "acme"] == ["acme-one"]


def test_its_cassettes_replay_and_nothing_is_said_to_be_missing(checkout):
    replayed = _run(checkout, "-m", "pytest", "-q", "-k", "acme or rows", "tests/providers/test_cassettes.py")
    assert replayed.returncode == 0, replayed.stdout[-3000:]


@pytest.mark.parametrize("left_out", ["schemas/catalogue/acme.yaml", "tests/providers/cassettes/acme/refused.json"])
def test_what_is_left_out_is_missed(checkout, left_out):
    there = (checkout / left_out).read_bytes()
    (checkout / left_out).unlink()
    try:
        replayed = _run(checkout, "-m", "pytest", "-q", "-k", "acme or rows", "tests/providers/test_cassettes.py")
        assert replayed.returncode == 1
        assert "acme" in replayed.stdout
    finally:
        (checkout / left_out).write_bytes(there)
