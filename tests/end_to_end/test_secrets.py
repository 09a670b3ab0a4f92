"""Keys that must not show: in no answer, on no path through the gateway's errors, and in none of its own words."""

import itertools
import json

import pytest

from tests.end_to_end.caller import ask, fallback, line_to, raw_request
from tests.end_to_end.provider import Provider, within
from tests.running import serving

CANARIES = {
    "STORED": "canary.storedkey.not.real",
    "AZURE": "canary.azuretoken.not.real",
    "TEAM": "canary.teamkey.not.real",
    "OTHER": "canary.otherteamkey.not.real",
}
CALLERS = "canary.callersownkey.not.real"
INLINE = "canary.inlinekey.not.real"

GATEWAY_YAML = """
virtual_keys:
  stored: {{provider: openai, api_key: "${{STORED}}", custom_host: {url}}}
  azure: {{provider: azure-openai, azure_ad_token: "${{AZURE}}", azure_resource_name: test-pictures,
    azure_deployment_id: good, azure_api_version: v1, custom_host: {url}}}
api_keys:
  - {{name: team, key: "${{TEAM}}"}}
  - {{name: other, key: "${{OTHER}}", allow: {{providers: [sandbox]}}}}
"""
TEAM = {"x_portkey_api_key": CANARIES["TEAM"]}
FAULTS = [
    *("good", "reset", "closed", "cut:length:100", "says:html", "says:no data", "says:error in a 200", "gzip"),
    *("status:400", "status:401", "status:403", "status:429:3600", "status:500", "refused", "redirect:307"),
    *(f"echoes-key:{status}" for status in (200, 400, 401, 403, 404, 408, 422, 429, 500, 503)),
    *("large:length:2000000", "raw:not HTTP", "raw:bad chunk", "raw:endless header", "silent"),
]


@pytest.fixture(scope="module")
def wall():
    with Provider() as provider:
        provider.redirects_to = provider.url
        yield provider


@pytest.fixture(scope="module")
def told(wall, tmp_path_factory):
    """Walk every path through the errors; return all that the gateway said, to callers and to its log."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(url=wall.url))
    (folder / "stored.yaml").write_text("{virtual_key: stored}\n")
    with serving(folder, "--log-level", "debug", "--max-response-bytes", "1000000", env=CANARIES) as running:
        answers = [got for sent in _requests(wall) for got in [ask(running, **sent)]]
        _leave(running, wall)
        (folder / "stored.yaml").write_text("virtual_key: stored\napi_key: ${STORED}\n")
        assert within(5, lambda: ask(running, b"", method="GET", path="/readyz").json["problems"])
        answers.append(ask(running, b"", method="GET", path="/readyz"))
        running.stop()
        log = "".join(running.lines)
    return answers, log


def _requests(wall):
    """Yield a request for every pair of a fault and a way to bring a key."""
    timeout = {"request_timeout": 150}
    for model in FAULTS:
        changed = {"override_params": {"model": model}, **timeout}
        inline = {"provider": "openai", "api_key": INLINE, "custom_host": wall.url, **changed}
        own = {"provider": "openai", "passthrough": True, "custom_host": wall.url, **changed}
        yield TEAM | {"config": {"virtual_key": "stored", **changed}}
        yield TEAM | {"config": {"virtual_key": "azure", "azure_deployment_id": model, **changed}}
        yield TEAM | {"config": inline}
        yield TEAM | {"config": own, "authorization": f"Bearer {CALLERS}"}
        yield TEAM | {"config": own, "api_key": CALLERS}
        yield TEAM | {"config": fallback(inline, {"virtual_key": "stored", **changed}, {"virtual_key": "azure"})}
        yield TEAM | {"config": fallback(inline, inline), "x_gateway_explain": "true"}
    wrong = {"provider": "openai", "api_key": INLINE, "custom_host": wall.url}
    broken = [
        {**wrong, "retry": {"attempts": 99}},
        {**wrong, "nonsense": 1},
        {**wrong, "virtual_key": "stored"},
        {"virtual_key": "stored", "api_key": INLINE},
        {"virtual_key": "stored", "custom_host": "http://127.0.0.1:1/v1"},
        {**wrong, "api_key": [INLINE]},
        {**wrong, "api_key": {"key": INLINE}},
        {**wrong, "api_key": INLINE + "\r\n"},
        {**wrong, "apikey": INLINE},
        {**wrong, "azure_ad_token": INLINE},
        {"provider": "sandbox", "api_key": INLINE},
        {"strategy": {"mode": "fallback"}, "targets": [wrong], "api_key": INLINE},
    ]
    yield from (TEAM | {"config": config} for config in broken)
    yield TEAM | {"config": json.dumps(wrong)[:-1]}
    yield TEAM | {"config": "{" + f'"api_key": "{INLINE}", "api_key": "{INLINE}"' + "}"}
    yield TEAM | {"body": {"prompt": 5}, "config": wrong}
    yield TEAM | {"body": b"{", "config": wrong}
    for key, bearer in itertools.product((CALLERS, CANARIES["OTHER"], "", "x" * 1000), repeat=2):
        yield {"x_portkey_api_key": key, "authorization": f"Bearer {bearer}", "config": "stored"}
    yield {"authorization": f"Bearer {CANARIES['TEAM']}", "x_portkey_provider": "openai"}
    yield TEAM | {"authorization": f"Bearer {CALLERS}", "x_portkey_provider": "nope"}
    yield TEAM | {"authorization": f"Bearer {CALLERS}", "x_portkey_virtual_key": "nope"}
    yield TEAM | {"authorization": f"Bearer {CALLERS}", "method": "GET"}
    yield TEAM | {"authorization": f"Bearer {CALLERS}", "path": "/nope"}
    yield TEAM | {"x_portkey_azure_ad_token": INLINE, "x_portkey_provider": "azure-openai"}
    yield TEAM | {"x_portkey_azure_ad_token": INLINE, "x_portkey_provider": "@azure"}
    forwarded = {"x_portkey_forward_headers": "x-portkey-api-key"}
    yield TEAM | forwarded | {"config": wrong}


def _leave(gateway, wall):
    wall.forget()
    own = {"provider": "openai", "api_key": INLINE, "custom_host": wall.url, "override_params": {"model": "silent"}}
    with line_to(gateway) as line:
        line.sendall(raw_request(own, b'{"prompt": "a"}', f"x-portkey-api-key: {CANARIES['TEAM']}"))
        assert wall.wait_for(1)
    assert within(2, lambda: wall.seen[0].left_at)


def test_every_path_was_walked(told):
    answers, _ = told
    statuses = {got.status for got in answers}
    assert statuses >= {200, 400, 401, 403, 404, 405, 408, 429, 500, 502}
    assert not [got for got in answers if got.status == 500 and got.code == "internal_error"]


def test_no_answer_shows_a_key(told):
    answers, _ = told
    shown = [(got.status, got.headers, got.body) for got in answers if "canary" in f"{got.headers}{got.body}"]
    assert shown == []


def test_no_line_of_the_log_shows_a_key(told):
    _, log = told
    assert "DEBUG" in log
    assert [line for line in log.splitlines() if "canary" in line] == []


def test_the_log_tells_of_no_crash(told):
    _, log = told
    assert "Traceback" not in log


def test_settings_are_printed_without_keys(tmp_path, wall):
    folder = tmp_path
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(url=wall.url))
    with pytest.raises(AssertionError) as stopped, serving(folder, "--print-settings", env=CANARIES):
        pass
    assert "canary" not in str(stopped.value)
