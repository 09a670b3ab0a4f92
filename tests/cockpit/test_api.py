"""The cockpit's API against a running gateway: check, explain, simulate, watch."""

import json
import threading
import time
import urllib.request

import pytest

from tests.cockpit.conftest import ADMIN, TOUR

PATHS = {
    "/v1/check": "POST",
    "/v1/explain": "POST",
    "/v1/simulate": "POST",
    "/v1/routes": "GET",
    "/v1/routes/tour": "GET",
    "/v1/health/targets": "GET",
    "/v1/budgets": "GET",
    "/v1/declared-keys": "GET",
    "/v1/schemas/config": "GET",
    "/v1/logs/live": "GET",
    "/v1/logs/x/pictures": "GET",
}


@pytest.mark.parametrize(("path", "method"), PATHS.items(), ids=PATHS)
def test_nobody_gets_in_without_a_key(cockpit, path, method):
    body = {} if method == "POST" else None
    assert cockpit.ask(method, path, body, key=None)[0] == 401
    assert cockpit.ask(method, path, body, key="wrong-key-not-real-0000")[0] == 401


class TestCheck:
    def test_says_all_there_is_to_say(self, cockpit):
        status, told = cockpit.ask("POST", "/v1/check", {"text": TOUR})
        assert (status, told["problems"]) == (200, [])
        assert [(test["name"], test["passed"], test["line"]) for test in told["tests"]] == [("it falls", True, 7)]
        assert told["worst_case"] == {"attempts": 2, "seconds": 180.0, "cost_usd": 0.0}
        assert [child["name"] for child in told["tree"]["children"]] == ["primary", "backup"]
        assert told["text"] == TOUR
        assert len(told["version"]) == 12

    def test_a_mistake_is_told_at_its_place(self, cockpit):
        _, told = cockpit.ask("POST", "/v1/check", {"text": TOUR.replace("fallback", "fallbak")})
        (problem,) = told["problems"]
        assert (problem["line"], problem["path"], problem["severity"]) == (2, "$.strategy.mode", "error")
        assert "did you mean `fallback`?" in problem["message"]
        assert told["tree"] is None

    def test_a_test_that_fails_is_told_with_what_it_did(self, cockpit):
        _, told = cockpit.ask("POST", "/v1/check", {"text": TOUR.replace("target: backup", "target: primary")})
        assert [problem["code"] for problem in told["problems"]] == ["test-failed"]
        (test,) = told["tests"]
        assert (test["passed"], test["problems"]) == (False, ["target: expected primary, got backup"])
        assert [attempt["path"] for attempt in test["told"]["attempts"]] == ["config.targets[0]", "config.targets[1]"]

    def test_a_lint_is_told(self, cockpit):
        _, told = cockpit.ask("POST", "/v1/check", {"text": "provider: sandbox\noverride_params: {model: no-such}\n"})
        assert [(each["severity"], each["code"], each["line"]) for each in told["problems"]] == [
            ("notice", "model-unknown", 2)
        ]

    def test_what_only_files_may_say_is_told(self, cockpit):
        _, told = cockpit.ask("POST", "/v1/check", {"text": 'provider: openai\napi_key: "${KEY}"\n'})
        assert ("reference-in-stored", 2) in [(each["code"], each["line"]) for each in told["problems"]]

    def test_text_that_is_no_yaml(self, cockpit):
        _, told = cockpit.ask("POST", "/v1/check", {"text": "a: [1"})
        assert told["problems"][0]["line"] == 1
        assert told["config"] is None

    @pytest.mark.parametrize("text", ["", "\0", "- 1", "x" * 300_000, "{" * 5000], ids=repr)
    def test_text_that_is_hostile(self, cockpit, text):
        status, told = cockpit.ask("POST", "/v1/check", {"text": text[:300_000]})
        assert status in (200, 400)
        assert told.get("problems") or told["error"]["message"]

    @pytest.mark.parametrize("body", [{}, {"text": "a", "id": "b"}, {"text": 1}, {"config": []}, {"txt": "a"}, []])
    def test_a_body_that_is_none(self, cockpit, body):
        status, told = cockpit.ask("POST", "/v1/check", body)
        assert status == 400
        assert told["error"]["message"]

    def test_secrets_do_not_come_back(self, cockpit):
        secret = "sk-not-real-0123456789"  # noqa: S105 - it is none
        _, told = cockpit.ask("POST", "/v1/check", {"config": {"provider": "openai", "api_key": secret}})
        del told["text"]  # what was sent
        assert secret not in json.dumps(told)


class TestExplain:
    def test_of_a_config_there_is(self, cockpit):
        asked = {"id": "tour", "request": {"prompt": "otter"}, "assume": {"primary": "timeout"}}
        status, told = cockpit.ask("POST", "/v1/explain", asked)
        assert status == 200
        first, second = told["tree"]["children"]
        assert (first["assumed"], first["health"]["state"], second["reachable"]) == ("timeout", "well", True)

    def test_of_a_draft_whose_conditions_are_told_with_their_values(self, cockpit):
        config = {
            "strategy": {
                "mode": "conditional",
                "conditions": [{"query": {"metadata.plan": "paid", "params.n": {"$gt": 1}}, "then": "a"}],
                "default": "a",
            },
            "targets": [{"name": "a", "provider": "sandbox"}],
        }
        asked = {"config": config, "request": {"prompt": "otter"}, "metadata": {"plan": "free"}}
        _, told = cockpit.ask("POST", "/v1/explain", asked)
        (condition,) = told["tree"]["conditions"]
        assert (condition["holds"], condition["values"]) == (False, {"metadata.plan": "free", "params.n": None})

    def test_a_request_that_would_be_refused(self, cockpit):
        status, told = cockpit.ask("POST", "/v1/explain", {"id": "tour", "request": {"prompt": "x", "n": 0}})
        assert (status, told["error"]["param"]) == (400, "n")

    @pytest.mark.parametrize(
        ("more", "param"),
        [
            ({"assume": {"nobody": 503}}, "$.assume.nobody"),
            ({"assume": {"primary": 42}}, "$.assume.primary"),
            ({"operation": "paint"}, "$.operation"),
            ({"metadata": {"plan": 1}}, "$.metadata.plan"),
            ({"request": []}, "$.request"),
            ({"request": {"image": "x"}}, "$.request.image"),
        ],
    )
    def test_what_cannot_be_explained(self, cockpit, more, param):
        status, told = cockpit.ask("POST", "/v1/explain", {"id": "tour", **more})
        assert (status, told["error"]["param"]) == (400, param)

    def test_an_unknown_id(self, cockpit):
        status, told = cockpit.ask("POST", "/v1/explain", {"id": "nobody"})
        assert (status, told["error"]["code"]) == (404, "config_not_found")


def test_a_simulation_knows_the_prices_of_models_that_the_operator_added(cockpit):
    draft = {"text": "virtual_key: limited\noverride_params: {model: model-of-ours}\n"}
    traffic = {"rate": 10, "mix": [{"share": 1, "request": {"prompt": "otter"}}]}
    status, told = cockpit.ask("POST", "/v1/simulate", {**draft, "traffic": traffic, "requests": 8})
    assert status == 200, told
    assert [target["cost_usd"] for target in told["targets"].values()] == [pytest.approx(2.0)]


def test_simulate_and_compare(cockpit):
    asked = {
        "id": "tour",
        "compare": {"text": "provider: sandbox"},
        "traffic": {"rate": 5, "mix": [{"share": 1, "request": {"prompt": "otter"}}]},
        "faults": {"targets": {"primary": {"latency_ms": 100, "faults": [{"from_s": 5, "to_s": 10, "status": 503}]}}},
        "requests": 100,
        "seed": 7,
    }
    status, told = cockpit.ask("POST", "/v1/simulate", asked)
    assert status == 200, told
    assert "difference" in told
    assert cockpit.ask("POST", "/v1/simulate", asked) == (status, told)


def test_a_simulation_that_cannot_be(cockpit):
    status, told = cockpit.ask("POST", "/v1/simulate", {"id": "tour", "traffic": {"rate": 0}, "requests": 10})
    assert status == 400
    assert "mix" in told["error"]["message"]
    status, told = cockpit.ask("POST", "/v1/simulate", {"id": "tour", "traffic": {}, "requests": 10**6})
    assert (status, told["error"]["param"]) == (400, "$.requests")


class TestRoutes:
    def test_files_and_what_is_stored(self, cockpit):
        document = {"provider": "sandbox"}
        made = cockpit.ask("POST", "/v1/configs", {"name": "Mine", "slug": "mine", "config": document})
        assert made[0] == 200
        _, told = cockpit.ask("GET", "/v1/routes")
        found = {row["id"]: row for row in told["data"]}
        assert (found["tour"]["source"], found["tour"]["targets"]) == ("file", 2)
        assert (found["mine"]["source"], found["mine"]["version_id"]) == ("stored", made[1]["version_id"])
        _, tour = cockpit.ask("GET", "/v1/routes/tour")
        assert tour["text"] == TOUR
        _, mine = cockpit.ask("GET", "/v1/routes/mine")
        assert (mine["text"], mine["tree"]["provider"]) == ("provider: sandbox\n", "sandbox")

    def test_a_version_that_answered_a_request(self, cockpit):
        inline = json.dumps({"provider": "sandbox", "override_params": {"size": "64x64"}})
        assert cockpit.paint(inline)[0] == 200
        deadline = time.monotonic() + 20
        while not (rows := cockpit.ask("GET", "/v1/logs?page_size=1")[1]["data"]):
            assert time.monotonic() < deadline
        version = rows[0]["config_version"]
        _, told = cockpit.ask("GET", f"/v1/routes/inline?version={version}")
        assert told["tree"]["mode"] == "target"
        assert cockpit.ask("GET", "/v1/routes/tour?version=000000000000")[0] == 404

    def test_one_that_is_not_there(self, cockpit):
        assert cockpit.ask("GET", "/v1/routes/nobody")[0] == 404


def test_a_config_is_stored_only_if_its_tests_pass_and_is_rolled_back(cockpit):
    tests = [{"name": "it paints", "given": {"config": [503]}, "expect": {"status": 200}}]
    new = {"name": "Tested", "slug": "tested", "config": {"provider": "sandbox", "tests": tests}}
    status, told = cockpit.ask("POST", "/v1/configs", new)
    assert (status, told["error"]["param"]) == (400, "$.tests[0]")
    assert "the test 'it paints' failed: status: expected 200, got 503" in told["error"]["message"]
    tests[0]["given"] = {}
    _, first = cockpit.ask("POST", "/v1/configs", new)
    document = {"provider": "sandbox", "override_params": {"size": "64x64"}}
    _, second = cockpit.ask("PUT", "/v1/configs/tested", {"config": document})
    assert second["version_id"] != first["version_id"]
    path = f"/v1/configs/tested/versions/{first['version_id']}/restore"
    assert cockpit.ask("POST", path, {}, if_match=first["version_id"])[0] == 409
    status, third = cockpit.ask("POST", path, {}, if_match=second["version_id"])
    assert status == 200
    assert third["version_id"] not in {first["version_id"], second["version_id"]}
    assert cockpit.ask("GET", "/v1/configs/tested")[1]["config"] == new["config"]
    assert cockpit.ask("POST", "/v1/configs/tested/versions/nobody/restore", {})[0] == 404


def test_tests_that_a_request_brings_are_refused(cockpit):
    status, told = cockpit.paint(json.dumps({"provider": "sandbox", "tests": []}))
    assert (status, told["error"]["param"]) == (400, "$.tests")


class TestAssume:
    def test_a_target_that_is_taken_to_fail_is_not_asked(self, cockpit):
        status, _ = cockpit.paint("tour", x_gateway_assume="primary=503")
        assert status == 200
        _, told = cockpit.ask("GET", "/v1/health/targets")
        states = [row["state"] for row in told["data"] if {"config": "tour", "name": "primary"} in row["used_by"]]
        assert states
        assert set(states) <= {"well", "not asked yet"}

    def test_no_breaker_hears_of_it(self, cockpit):
        for _ in range(8):
            assert cockpit.paint("tour", x_gateway_assume="primary=500,backup=unreachable")[0] in {500, 502}
        _, told = cockpit.ask("GET", "/v1/health/targets")
        assert {row["state"] for row in told["data"] if row["provider"] == "sandbox"} <= {"well", "not asked yet"}
        assert cockpit.paint("tour")[0] == 200

    @pytest.mark.parametrize(
        ("written", "words"),
        [
            ("nobody=503", "Its targets are called"),
            ("primary=200", "cannot be taken to answer with a picture"),
            ("primary=sick", "nothing that a provider answers"),
            ("primary", "is no TARGET=ANSWER"),
            ("primary=503," * 300, "characters long at most"),
        ],
    )
    def test_what_cannot_be_assumed(self, cockpit, written, words):
        status, told = cockpit.paint("tour", x_gateway_assume=written)
        assert (status, told["error"]["param"]) == (400, "x-gateway-assume")
        assert words in told["error"]["message"]

    def test_it_is_explained_too(self, cockpit):
        status, told = cockpit.paint("tour", x_gateway_assume="primary=200", x_gateway_explain="true")
        assert status == 200
        assert [child["reachable"] for child in told["tree"]["children"]] == [True, False]


def test_budgets_are_told_with_what_is_used(cockpit):
    _, told = cockpit.ask("GET", "/v1/budgets")
    found = {(row["kind"], row["name"]): row for row in told["data"]}
    key = found["virtual_key", "limited"]
    assert (key["limit_usd"], key["spent_usd"], key["left_usd"], key["period"]) == (5.0, 0.0, 5.0, "monthly")
    assert found["budget", "each-provider: openai"]["limit_usd"] == 9.0


def test_budgets_of_users_are_told_of_those_who_asked_lately(cockpit):
    assert cockpit.paint("tour", x_portkey_metadata='{"_user": "ann"}')[0] == 200
    deadline = time.monotonic() + 20
    while True:
        told = cockpit.ask("GET", "/v1/budgets")[1]["data"]
        found = [row for row in told if row["name"] == "each-user: ann"]
        if found or time.monotonic() > deadline:
            break
    assert [(row["images"], row["limit_images"]) for row in found] == [(1, 50)]


def test_declared_keys_are_told_with_where_they_are_and_without_what_they_hold(cockpit):
    _, told = cockpit.ask("GET", "/v1/declared-keys")
    found = {(row["kind"], row["name"]): row for row in told["data"]}
    key = found["virtual_key", "limited"]
    assert key["file"].endswith("gateway.yaml")
    assert (key["provider"], key["key"], key["usage_limits"]["credit_limit"]) == ("openai", "***", 5.0)
    assert "not-real" not in json.dumps(told)


def test_live_tells_of_requests_as_they_are_answered(cockpit):
    request = urllib.request.Request(f"{cockpit.url}/v1/logs/live", headers={"x-portkey-api-key": ADMIN})  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=60) as events:  # noqa: S310 - ours
        assert events.headers["content-type"].startswith("text/event-stream")
        assert events.readline() == b": alive\n"
        headers = {"x_gateway_assume": "primary=503", "x_portkey_trace_id": "watched"}
        painting = threading.Thread(target=cockpit.paint, args=("tour",), kwargs=headers)
        painting.start()
        rows = (json.loads(line.removeprefix(b"data: ")) for line in events if line.startswith(b"data: {"))
        row = next(row for row in rows if row["trace_id"] == "watched")  # others may still be on their way
        painting.join()
    assert (row["config"], row["attempts"], row["rescued"]) == ("tour", 2, True)
    assert [attempt["path"] for attempt in row["details"]["attempts"]] == ["config.targets[0]", "config.targets[1]"]
    assert [attempt["cause"] for attempt in row["details"]["attempts"]] == ["provider_error", None]
    assert row["details"]["assumed"] == "primary=503"


def test_pictures_that_are_kept_are_linked(cockpit):
    body = {"prompt": "an otter", "response_format": "url", "size": "64x64"}
    assert cockpit.ask("POST", "/v1/images/generations", body, x_portkey_config="tour")[0] == 200
    deadline = time.monotonic() + 20
    while True:
        rows = cockpit.ask("GET", "/v1/logs?page_size=1")[1]["data"]
        told = cockpit.ask("GET", f"/v1/logs/{rows[0]['id']}/pictures")[1]
        if told["data"]:
            break
        assert time.monotonic() < deadline
    (picture,) = told["data"]
    with urllib.request.urlopen(picture["url"], timeout=20) as answer:  # noqa: S310 - ours
        assert answer.read(8) == b"\x89PNG\r\n\x1a\n"


def test_the_console_is_served_under_a_strict_policy(cockpit):
    with urllib.request.urlopen(f"{cockpit.url}/console", timeout=20) as page:  # noqa: S310 - ours
        assert page.url.endswith("/console")
        assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        tag = page.headers["etag"]
        assert b"<script" in page.read()
    assert cockpit.ask("GET", "/console/", key=None, if_none_match=tag)[0] == 304
    for path in ("/console/nothing.js", "/console/../running.py", "/console/%2e%2e/serving.py"):
        assert cockpit.ask("GET", path, key=None)[0] in {400, 401, 404}
