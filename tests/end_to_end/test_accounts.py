"""Keys that may spend so much, and no more: what callers are told, what is sent, and what is noted of it."""

import concurrent.futures
import contextlib
import hashlib
import hmac
import http.server
import json
import sqlite3
import threading
import time

import pytest

from tests.end_to_end.caller import ask, target
from tests.end_to_end.provider import Provider, within
from tests.running import serving

GATEWAY = """
server:
  alert_webhook: "{hook}"
  alert_secret: a-webhook-secret-that-is-not-real
  workers: {workers}
catalogue:
  - {{provider: openai, id: good, n_max: 10, price: {{image: 0.04}}}}
  - {{provider: openai, id: "slow:0.3", price: {{image: 0.04}}}}
  - {{provider: openai, id: "status:500", price: {{image: 0.04}}}}
  - {{provider: openai, id: reset, price: {{image: 0.04}}}}
virtual_keys:
  shared: {{provider: openai, api_key: test-shared-not-real, custom_host: "{url}/v1", usage_limits: {{image_limit: 3}}}}
  hasty: {{provider: openai, api_key: test-hasty-not-real, custom_host: "{url}/v1",
          rate_limits: [{{type: requests, unit: rph, value: 2}}]}}
api_keys:
  - {{name: ten, key: key-of-ten-not-real, usage_limits: {{credit_limit: 0.4, periodic_reset: monthly}}}}
  - {{name: alerted, key: key-of-alerted-not-real, usage_limits: {{credit_limit: 1, alert_threshold: 0.08}}}}
  - {{name: two, key: key-of-two-not-real, usage_limits: {{image_limit: 2}}}}
  - {{name: hurried, key: key-of-hurried-not-real, rate_limits: [{{type: requests, unit: rpm, value: 3}}]}}
  - {{name: greedy, key: key-of-greedy-not-real, rate_limits: [{{type: images, unit: rpd, value: 4}}]}}
  - {{name: free, key: key-of-free-not-real}}
  - {{name: reader, key: key-of-reader-not-real, scopes: [logs.list]}}
  - {{name: past, key: key-of-past-not-real, expires_at: "2020-01-01"}}
budgets:
  - {{name: each-user, per: metadata._user, usage_limits: {{image_limit: 2, periodic_reset: weekly}}}}
"""


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.headers, body))
        self.send_response(500 if len(self.server.taken) == 1 else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def hook():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.taken = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def painter():
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(painter):
    painter.forget()
    return painter


@contextlib.contextmanager
def serving_accounts(folder, painter, hook, workers, *arguments):
    url = f"http://127.0.0.1:{hook.server_address[1]}/"
    (folder / "gateway.yaml").write_text(GATEWAY.format(hook=url, url=painter.url, workers=workers))
    with serving(folder, *arguments) as running:
        yield running


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def gateway(request, tmp_path_factory, painter, hook):
    folder, data = tmp_path_factory.mktemp("accounts"), tmp_path_factory.mktemp("data")
    hook.taken.clear()
    with serving_accounts(folder, painter, hook, request.param, "--data", str(data)) as running:
        running.data = data
        yield running


def get(gateway, name, config, **more):
    return ask(gateway, config=config, **{"x-portkey-api-key": f"key-of-{name}-not-real"}, **more)


def told(answer):
    return answer.status if answer.status == 200 else (answer.status, answer.code)


def rows(gateway, query):
    with contextlib.closing(sqlite3.connect(gateway.data / "beamsplitter.db")) as database:
        return database.execute(query).fetchall()


def test_case_47_sixty_four_at_once_at_a_budget_for_ten(gateway, provider):
    config = target(provider, "slow:0.3")
    with concurrent.futures.ThreadPoolExecutor(64) as crowd:
        answers = list(crowd.map(lambda _: get(gateway, "ten", config), range(64)))
    found = [told(answer) for answer in answers]
    assert (found.count(200), found.count((429, "budget_exceeded"))) == (10, 54)
    assert provider.billed == 10
    refused = next(answer for answer in answers if answer.status == 429)
    assert "the key 'ten' has no room in its credit_limit of 0.4 USD" in refused.error["message"].lower().replace(
        "usd", "USD"
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 31 * 86_400
    assert within(
        5, lambda: rows(gateway, "SELECT spent, held FROM counters WHERE name = 'api_key:ten'") == [(400_000, 0)]
    )


def test_what_costs_nothing_is_given_back(gateway, provider):
    for _ in range(4):
        assert told(get(gateway, "two", target(provider, "status:500"))) == (500, "upstream_error")
    assert get(gateway, "two", target(provider)).status == 200
    assert told(get(gateway, "two", target(provider, "reset"))) == (
        502,
        "upstream_incomplete",
    )  # it may have been billed
    assert told(get(gateway, "two", target(provider))) == (429, "budget_exceeded")


def test_a_virtual_key_has_a_budget_of_its_own_whoever_uses_it(gateway, provider):
    config = {"virtual_key": "shared", "override_params": {"model": "good"}}
    assert [told(get(gateway, "free", config)) for _ in range(4)] == [200, 200, 200, (429, "budget_exceeded")]
    assert provider.billed == 3


def test_each_user_has_a_budget(gateway, provider):
    for user in ("ann", "bob"):
        metadata = {"x-portkey-metadata": json.dumps({"_user": user})}
        answers = [get(gateway, "free", target(provider), **metadata) for _ in range(3)]
        assert [told(answer) for answer in answers] == [200, 200, (429, "budget_exceeded")]
        assert f"budget 'each-user' of '{user}'" in answers[-1].error["message"]


def test_a_fallback_does_not_shop_around_for_money(gateway, provider):
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{"virtual_key": "shared", "override_params": {"model": "good"}}, target(provider)],
    }
    assert told(get(gateway, "free", config)) == (429, "budget_exceeded")
    assert provider.seen == []
    config["strategy"]["on_causes"] = ["budget"]
    assert get(gateway, "free", config).status == 200


def test_what_a_failed_target_gave_back_is_there_for_the_next(gateway, provider):
    config = {"strategy": {"mode": "fallback"}, "targets": [target(provider, "status:500"), target(provider)]}
    for user in ("edge-a", "edge-b"):
        ends = [get(gateway, "free", config, **{"x-portkey-metadata": json.dumps({"_user": user})}) for _ in range(3)]
        assert [told(end) for end in ends] == [200, 200, (429, "budget_exceeded")]
        assert [end.attempts for end in ends[:2]] == [2, 2]


def test_rates_of_a_key(gateway, provider):
    answers = [get(gateway, "hurried", target(provider)) for _ in range(5)]
    assert [told(answer) for answer in answers] == [200] * 3 + [(429, "rate_limit_exceeded")] * 2
    assert "rate_limits: 3 requests rpm" in answers[-1].error["message"]
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 62


def test_rates_count_pictures(gateway, provider):
    many = {"prompt": "otters", "n": 3, "model": "good"}
    config = target(provider)
    assert get(gateway, "greedy", config, body=many).status == 200
    assert told(get(gateway, "greedy", config, body=many)) == (429, "rate_limit_exceeded")
    assert get(gateway, "greedy", config).status == 200


def test_rates_of_a_virtual_key(gateway, provider):
    config = {"virtual_key": "hasty", "override_params": {"model": "good"}}
    assert [told(get(gateway, "free", config)) for _ in range(3)] == [200, 200, (429, "rate_limit_exceeded")]


def test_a_price_that_nobody_knows_is_refused_where_there_is_a_budget(gateway, provider):
    answer = get(gateway, "alerted", target(provider, "unpriced"))
    assert told(answer) == (429, "budget_exceeded")
    assert "add the model's price under `catalogue`" in answer.error["message"]
    assert provider.seen == []


def test_an_account_that_comes_to_its_threshold_is_told_of_once_and_signed(gateway, provider, hook):
    for _ in range(4):
        assert get(gateway, "alerted", target(provider)).status == 200
    assert within(10, lambda: len(hook.taken) == 2), "refused once, it is sent again"
    (_, first), (headers, body) = hook.taken
    assert first == body
    news = json.loads(body)
    assert (news["account"], news["spent_usd"], news["alert_threshold"]) == ("api_key:alerted", 0.08, 0.08)
    stamp, proof = (part.partition("=")[2] for part in headers["x-beamsplitter-signature"].split(","))
    secret = b"a-webhook-secret-that-is-not-real"
    assert hmac.compare_digest(proof, hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest())
    assert abs(time.time() - int(stamp)) < 60  # noqa: TID251


def test_a_key_without_the_scope_paints_nothing(gateway, provider):
    assert told(get(gateway, "reader", target(provider))) == (403, "not_allowed")


def test_a_key_that_ran_out_is_as_good_as_unknown(gateway, provider):
    known, unknown = get(gateway, "past", target(provider)), get(gateway, "nobody", target(provider))
    assert (told(known), known.body) == (told(unknown), unknown.body)
    assert told(known) == (401, "invalid_api_key")


def test_each_request_leaves_one_record(gateway, provider):
    traced = {"x-portkey-trace-id": f"t-{gateway.url}"}
    assert get(gateway, "free", target(provider, name="first"), **traced).status == 200
    assert told(get(gateway, "free", target(provider), body={"prompt": ""}, **traced)) == (400, "invalid_prompt")
    own = f"trace_id = '{traced['x-portkey-trace-id']}'"
    query = f"SELECT status, cost_micros FROM requests WHERE {own} ORDER BY status"  # noqa: S608 - words of our own
    assert within(5, lambda: rows(gateway, query) == [(200, 40_000), (400, 0)])
    [row] = rows(
        gateway,
        "SELECT api_key, provider, model, status, cost_micros, images, attempts, prompt, more FROM requests "
        "WHERE status = 200 ORDER BY created_ms DESC LIMIT 1",
    )
    assert row[:-1] == ("free", "openai", "good", 200, 40_000, 1, 1, "an otter")
    more = json.loads(row[-1])
    assert [attempt["target"] for attempt in more["attempts"]] == ["first"]
    assert more["pictures"] == [{"format": "png", "width": 64, "height": 64, "bytes": more["pictures"][0]["bytes"]}]
    assert "b64" not in row[-1]


def test_a_replay_has_a_record_too_and_costs_nothing(gateway, provider):
    config = target(provider)
    first, again = (get(gateway, "free", config, idempotency_key="again") for _ in range(2))
    assert again.headers["idempotent-replayed"] == "true"
    query = "SELECT status, cost_micros, images, attempts, more FROM requests WHERE trace_id = '{}'"
    traces = [answer.headers["x-portkey-trace-id"] for answer in (first, again)]
    assert within(5, lambda: all(rows(gateway, query.format(trace)) for trace in traces))
    (made,), (replayed,) = (rows(gateway, query.format(trace)) for trace in traces)
    assert made[:4] == (200, 40_000, 1, 1)
    assert (*replayed[:4], json.loads(replayed[4])) == (200, 0, 0, 0, {"replayed": True})
