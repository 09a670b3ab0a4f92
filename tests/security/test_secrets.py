"""S13: canaries in all the places where a secret can be, and none of them in a log or an answer.

`tests/end_to_end/test_secrets.py` walks every path through the gateway's errors; here are the places, and a last look.
"""

import io
import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.secret import Fingerprint, Secret
from gateway.seldom import Seldom
from gateway.server import run, scrub
from gateway.server.scrub import Scrub, scrub_logs, scrubbed
from tests.end_to_end.caller import ask, fallback
from tests.end_to_end.provider import Provider
from tests.end_to_end.studio import Studio
from tests.running import serving

PLACES = {
    "virtual key": "canary.virtual.not.real",
    "directory token": "canary.directory.not.real",
    "gateway key": "canary.gateway.not.real",
    "link secret": "canary.link-secret.not.real." + "s" * 16,
    "config file": "canary.file.not.real",
    "inline config": "canary.inline.not.real",
    "Authorization": "canary.authorization.not.real",
    "api-key": "canary.api-key.not.real",
    "x-api-key": "canary.x-api-key.not.real",
    "forwarded header": "canary.forwarded.not.real",
    "link to a picture": "canary.query.not.real",
    "provider's field": "canary.field.not.real",
}
TEAM = {"x_portkey_api_key": PLACES["gateway key"]}
GATEWAY_YAML = f"""
virtual_keys:
  stored: {{{{provider: openai, api_key: {PLACES["virtual key"]}, custom_host: {{url}}}}}}
  azure: {{{{provider: azure-openai, azure_ad_token: {PLACES["directory token"]}, azure_resource_name: pictures,
    azure_deployment_id: good, azure_api_version: v1, custom_host: {{url}}}}}}
api_keys: [{{{{name: team, key: {PLACES["gateway key"]}}}}}]
"""
FAULTS = ["good", "echoes-key:400", "echoes-key:401", "echoes-key:500", "status:500", "reset", "raw:bad chunk"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Have every place used with every fault; return what was said to callers, and to the log."""
    assert len(PLACES) == 12
    folder = tmp_path_factory.mktemp("canaries")
    with Provider() as wall, Studio() as studio:
        studio.forget()
        (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(url=wall.url))
        (folder / "written.yaml").write_text(
            f"{{provider: openai, api_key: {PLACES['config file']}, custom_host: '{wall.url}'}}\n"
        )
        flags = ("--log-level", "debug", "--url-secret", PLACES["link secret"])
        with serving(folder, *flags) as running:
            answers = [ask(running, **TEAM | sent) for sent in _requests(wall, studio)]
            running.stop()
            return answers, "".join(running.lines), [seen.key for seen in wall.seen]


def _requests(wall, studio):
    for model in FAULTS:
        changed = {"override_params": {"model": model}}
        inline = {"provider": "openai", "api_key": PLACES["inline config"], "custom_host": wall.url, **changed}
        own = {"provider": "openai", "passthrough": True, "custom_host": wall.url, **changed}
        yield {"config": {"virtual_key": "stored", **changed}}
        yield {"config": {"virtual_key": "azure", "azure_deployment_id": model}}
        yield {"config": fallback(inline, {"virtual_key": "stored", **changed})}
        yield {"config": own, "authorization": f"Bearer {PLACES['Authorization']}"}
        yield {"config": own, "api_key": PLACES["api-key"]}
        yield {"config": own, "x_api_key": PLACES["x-api-key"]}
        yield {"config": inline, "x_portkey_forward_headers": "x-mine", "x_mine": PLACES["forwarded header"]}
        yield {"config": {**inline, "openai_project": PLACES["provider's field"]}}
        yield {"config": {**inline, "nonsense": PLACES["provider's field"]}}
    yield {"config": "written"}
    yield {"config": {"provider": "sandbox"}, "body": {"prompt": "a", "response_format": "url"}}
    for name in ("good.png", "page.png", "none.png"):
        link = f"{studio.site}/pictures/{name}?X-Amz-Signature={PLACES['link to a picture']}"
        yield {"path": "/v1/images/edits", "body": {"prompt": "a", "image": link}, "config": {"provider": "sandbox"}}
    yield {"x_portkey_api_key": PLACES["gateway key"][:-1], "config": "written"}


def test_s13_the_canaries_were_where_they_belong(told):
    answers, log, keys = told
    assert {got.status for got in answers} >= {200, 400, 401, 500, 502}
    assert "DEBUG" in log
    assert {PLACES[place] for place in ("virtual key", "inline config", "config file", "Authorization")} <= set(keys)


def test_s13_no_answer_shows_one(told):
    shown = [(got.status, got.headers, got.body) for got in told[0] if "canary" in f"{got.headers}{got.body}"]
    assert shown == []


def test_s13_no_line_of_the_log_shows_one(told):
    assert [line for line in told[1].splitlines() if "canary" in line] == []


SAID = {
    "Authorization: Bearer sk-proj-abcdefghijklmnop": "Authorization: ***",
    "authorization='Bearer abc'": "authorization='***'",
    "sent Bearer abcdef.ghi-jkl to it": "sent Bearer *** to it",
    "Incorrect API key provided: sk-abcdefghijklmnopqrstuvwx.": "Incorrect API key provided: ***",
    "AIzaSyA-not-real-abcdefghijklmnopqrstuvw": "***",
    "the pair AKIAIOSFODNN7EXAMPLE/x": "the pair ***/x",
    "eyJhbGciOiJub25l.eyJzdWIiOiJ4.c2ln is a token": "*** is a token",
    "r8_abcdefghijklmnopqrstuvwxyz and hf_abcdefghijklmnop": "*** and ***",
    '{"api_key": "abcdefgh", "n": 1}': '{"api_key": "***", "n": 1}',
    "?key=abcdefgh&n=1": "?key=***&n=1",
    "x-api-key: abcdefgh": "x-api-key: ***",
    "password=abcdefgh; client_secret=ijklmnop": "password=***; client_secret=***",
    "GET https://images.example/a.png?sig=abc&se=1 failed": "GET https://images.example/a.png?*** failed",
    "https://user:word@images.example/a": "https://***@images.example/a",
}
PLAIN = [
    "failed: 500 provider_error config=resilient attempts=a:timeout,b:answered maybe_billed=1 ms=20 trace=00ab",
    "gateway.yaml:3:5: $.virtual_keys.openai-prod: `api_key` is missing.",
    "virtual key openai-prod of provider openai",
    "Beamsplitter is serving on http://127.0.0.1:8787 (3 configs)",
    "key=*** and Bearer ***",
]


@pytest.mark.parametrize(("said", "written"), SAID.items())
def test_s13_what_reads_like_a_credential_is_starred(said, written):
    assert scrubbed(said) == written
    assert scrubbed(written) == written


@pytest.mark.parametrize("said", PLAIN)
def test_s13_what_an_operator_needs_stays(said):
    assert scrubbed(said) == said


@given(st.text(max_size=300))
def test_s13_any_words_can_be_looked_through(said):
    assert "\udc80" not in scrubbed(said + "\udc80")
    assert "sk-canary" not in scrubbed(f"{said} sk-canary-abcdefghijkl")


@pytest.fixture
def logged():
    """Return a logger, and what one of its handlers with the filter has written."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(Scrub())
    logger = logging.Logger("test")  # noqa: LOG001 - one that nobody else has
    logger.addHandler(handler)
    return logger, handler.stream


def test_s13_arguments_tracebacks_and_what_comes_beside_them_are_looked_through(logged):
    logger, stream = logged
    records = []
    logger.handlers[0].addFilter(lambda record: not records.append(record))
    try:
        int("sk-canary-abcdefghijkl")
    except ValueError:
        logger.exception(
            "failed with %s", "Bearer canary.abcdef", stack_info=True, extra={"url": "https://a/b?canary=1"}
        )
    logger.error("a number, %d", "no number: sk-canary-abcdefghijkl")
    logger.warning("rows", extra={"rows": [{"key": "sk-canary-abcdefghijkl"}, ("sk-canary-abcdefghijkl",)], "n": 5})
    written = stream.getvalue()
    assert "failed with Bearer ***" in written
    assert "ValueError: invalid literal for int() with base 10: '***'" in written
    assert "Stack (most recent call last)" in written
    assert "canary" not in written
    assert not [
        record for record in records if "canary" in json.dumps(vars(record), default=repr) and not record.exc_info
    ]
    assert (records[2].rows, records[2].n) == ([{"key": "***"}, ["***"]], 5)


def test_s13_the_server_looks_through_whatever_any_library_logs(monkeypatch):
    root = logging.Logger("root")  # noqa: LOG001 - one that nobody else has
    handlers = [logging.StreamHandler(sys.stderr), logging.NullHandler()]
    for handler in handlers:
        root.addHandler(handler)
    monkeypatch.setattr(scrub.logging, "getLogger", lambda *_: root)
    scrub_logs()
    scrub_logs()
    assert [sum(isinstance(each, Scrub) for each in handler.filters) for handler in handlers] == [1, 1]


def test_s13_no_server_begins_without_it():
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        assert run(lambda: None, host="203.0.113.1", port=0) == 2  # not an address of this machine
        assert [type(each) for each in handler.filters] == [Seldom, Scrub]
    finally:
        for each in logging.getLogger().handlers:
            for found in [found for found in each.filters if isinstance(found, Scrub | Seldom)]:
                each.removeFilter(found)
        logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("kind", [Secret, Fingerprint])
def test_s13_secrets_do_not_show_themselves(kind):
    secret = kind("canary-not-real")
    for shown in (repr(secret), str([secret]), f"{[secret]!r}", json.dumps({"a": secret}, default=repr)):
        assert "canary" not in shown
