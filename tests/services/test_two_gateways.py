"""Two gateways with two workers each, on one PostgreSQL, one Redis and one bucket, are one gateway, whatever dies."""

import asyncio
import concurrent.futures
import contextlib
import itertools
import json
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from gateway.ledger import Spent
from gateway.state.redis import RedisLedger, Server
from tests.end_to_end.provider import Provider, within
from tests.end_to_end.workers import line_to_each_worker
from tests.services import s3
from tests.services.machines import Load, Machine, ask
from tests.services.postgres import postgres_server
from tests.services.redis import redis_server

ADMIN = "admin-key-that-is-not-real"
_LATEST = 3.0
"""Seconds: what is promised is one, on a machine that runs other tests beside this one."""
_BACK = 5.0
"""Seconds after which all is well again when a service is."""
PRICE = 40_000
_HELD = "beamsplitter:{ledger}"

GATEWAY = """
catalogue:
  - {{provider: openai, id: good, price: {{image: 0.04}}}}
  - {{provider: openai, id: "slow:0.3", price: {{image: 0.04}}}}
  - {{provider: openai, id: "slow:0.05", price: {{image: 0.04}}}}
virtual_keys:
  painter: {{provider: openai, api_key: test-painter-not-real, custom_host: "{url}"}}
api_keys:
  - {{name: ten, key: key-of-ten-not-real, usage_limits: {{credit_limit: 0.4}}}}
  - {{name: paid, key: key-of-paid-not-real, usage_limits: {{credit_limit: 10000, periodic_reset: monthly}}}}
  - {{name: hurried, key: key-of-hurried-not-real, rate_limits: [{{type: requests, unit: rph, value: 10}}]}}
  - {{name: free, key: key-of-free-not-real}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    with contextlib.ExitStack() as open_:
        painter = open_.enter_context(Provider())
        # Each write is on the disk before it is answered, so what an abrupt end may lose is nothing at all.
        own_redis = open_.enter_context(redis_server(appendonly=True, arguments=("--appendfsync", "always")))
        database = open_.enter_context(postgres_server())
        bucket = open_.enter_context(s3.s3_server())
        (folder / "gateway.yaml").write_text(GATEWAY.format(url=painter.url))
        arguments = ["--workers", "2", "--store", database.url, "--redis", own_redis.url, "--picture-store", bucket]
        arguments += ["--admin-key", ADMIN, "--master-key", "ab" * 32, "--url-secret", "link-secret-not-real" * 2]
        machines = []
        for name in ("a", "b"):
            machine = Machine(folder, tmp_path_factory.mktemp(name), *arguments, env=s3.CREDENTIALS)
            open_.callback(machine.stop)
            machines.append(machine)
        for started in [machine.starting() for machine in machines]:
            started()
        yield SimpleNamespace(
            a=machines[0], b=machines[1], machines=machines, painter=painter, redis=own_redis, database=database
        )


@pytest.fixture
def provider(site):
    site.painter.forget()
    return site.painter


def lines_to(machine):
    return line_to_each_worker(machine.running.process.pid, machine.port)


@pytest.fixture
def lines(site):
    """One connection to each of the four workers: (machine, connection)."""
    with lines_to(site.a) as first, lines_to(site.b) as second:
        yield [*((site.a, line) for line in first.values()), *((site.b, line) for line in second.values())]


_names = itertools.count()


def painted(machine, name="free", config=None, prompt=None, model="good", **more):
    """Ask for a picture; without a config, of a target that all tests share."""
    config = target(model) if config is None else config
    sent = config if isinstance(config, str) else json.dumps(config)
    body = {"prompt": prompt or f"{name} {next(_names)}"}
    if "response_format" in more:
        body["response_format"] = more.pop("response_format")
    key = name if name.startswith("bs-") else f"key-of-{name}-not-real"
    return ask(machine, body=body, x_portkey_config=sent, x_portkey_api_key=key, **more)


def target(model="good", **more):
    return {"virtual_key": "painter", "override_params": {"model": model}, **more}


def control(machine, method, path, body=None):
    answer = ask(machine, method, path, body, x_portkey_api_key=ADMIN)
    assert answer.status == 200, answer.body
    return answer.json


def told(answer):
    return 200 if answer.status == 200 else answer.code


def spent(site, account, window="all"):
    """Return what Redis knows of an account."""
    with redis.Redis.from_url(site.redis.url) as client:
        found = client.hmget(f"{_HELD}:spent:{window}:{account}", "micros", "held", "images", "images_held")
    return Spent(*(int(value or 0) for value in found))


def month():
    return f"month {time.strftime('%Y-%m', time.gmtime())}"


def rows(site, query, *values):
    async def fetch():
        connection = await asyncpg.connect(site.database.url)
        try:
            return [tuple(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_what_is_made_at_one_is_used_at_every_worker_of_both(site, lines, provider):
    made = {
        "slug": "stored",
        "provider": "openai",
        "key": "test-stored-not-real",
        "custom_host": site.painter.url,
    }
    control(site.a, "POST", "/v1/virtual-keys", {"name": "Stored", **made})
    document = {"virtual_key": "stored", "override_params": {"model": "good"}}
    control(site.a, "POST", "/v1/configs", {"name": "Mine", "slug": "mine", "config": document})
    key = control(site.a, "POST", "/v1/api-keys/workspace/service", {"name": "app"})["key"]
    until = time.monotonic() + _LATEST
    for machine, line in lines:
        answers = []

        def well(machine=machine, line=line, answers=answers):
            answers.append(
                ask(machine, body={"prompt": "o"}, line=line, x_portkey_config="mine", x_portkey_api_key=key)
            )
            return answers[-1].status == 200

        assert within(until - time.monotonic(), well), answers[-1].body
    assert {seen.key for seen in provider.seen} == {"test-stored-not-real"}
    document["override_params"]["model"] = "status:500"
    control(site.b, "PUT", "/v1/configs/mine", {"config": document})
    until = time.monotonic() + _LATEST
    for machine, line in lines:
        ask_it = {"line": line, "x_portkey_config": "mine", "x_portkey_api_key": key}
        assert within(
            until - time.monotonic(), lambda m=machine, a=ask_it: ask(m, body={"prompt": "o"}, **a).status == 500
        )


def test_case_47_sixty_four_at_once_over_both_at_a_budget_for_ten(site, provider):
    with concurrent.futures.ThreadPoolExecutor(64) as crowd:
        answers = list(crowd.map(lambda n: painted(site.machines[n % 2], "ten", model="slow:0.3"), range(64)))
    found = [told(answer) for answer in answers]
    assert (found.count(200), found.count("budget_exceeded")) == (10, 54)
    assert provider.billed == 10
    assert within(5, lambda: spent(site, "api_key:ten") == Spent(10 * PRICE, 0, 10, 0)), spent(site, "api_key:ten")
    counted = "SELECT spent, images FROM counters WHERE name = 'api_key:ten'"
    assert within(5, lambda: rows(site, counted) == [(10 * PRICE, 10)]), rows(site, counted)


def test_a_rate_is_that_of_both_together(site, provider):
    with concurrent.futures.ThreadPoolExecutor(16) as crowd:
        found = list(crowd.map(lambda n: told(painted(site.machines[n % 2], "hurried")), range(40)))
    assert (found.count(200), found.count("rate_limit_exceeded")) == (10, 30)
    assert provider.billed == 10


def test_what_one_worker_painted_the_other_three_have(site, lines, provider):
    config = target(cache={"mode": "simple", "max_age": 600})
    first, *others = lines
    assert painted(first[0], config=config, prompt="kept", line=first[1]).status == 200
    for machine, line in others:
        answers = []

        def hit(machine=machine, line=line, answers=answers):
            answers.append(painted(machine, config=config, prompt="kept", line=line))
            return answers[-1].headers["x-portkey-cache-status"] == "HIT"

        assert within(_LATEST, hit), answers[-1].headers
    assert provider.billed == 1


def test_whoever_wants_the_same_at_the_same_time_anywhere_waits_for_the_one_that_paints(site, provider):
    config = target("slow:0.3", cache={"mode": "simple", "max_age": 600})
    with concurrent.futures.ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda n: painted(site.machines[n % 2], config=config, prompt="same"), range(16)))
    assert {answer.status for answer in answers} == {200}
    assert provider.billed == 1


def test_an_idempotency_key_is_one_call_over_both(site, provider):
    more = {"model": "slow:0.3", "prompt": "once", "idempotency_key": "over-both-not-real"}
    with concurrent.futures.ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda n: painted(site.machines[n % 2], **more), range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert provider.billed == 1


def test_a_picture_that_one_keeps_the_other_serves(site, provider):
    answer = painted(site.a, response_format="url")
    link = urlsplit(answer.json["data"][0]["url"])
    assert link.netloc == urlsplit(site.a.url).netloc
    mine, yours = (ask(machine, "GET", f"{link.path}?{link.query}") for machine in site.machines)
    assert mine == yours
    assert mine.startswith(b"\x89PNG")


def test_who_asked_one_to_be_left_alone_is_left_alone_by_both(site, lines, provider):
    config = {"strategy": {"mode": "fallback"}, "targets": [target("status:429:60"), target("good")]}
    first, *others = lines
    answer = painted(first[0], config=config, line=first[1])
    assert (answer.status, answer.attempts) == (200, 2)
    until = time.monotonic() + _LATEST
    for machine, line in others:
        tried = lambda m=machine, c=line: painted(m, config=config, line=c).attempts  # noqa: E731
        assert within(until - time.monotonic(), lambda tried=tried: tried() == 1)
    asked = provider.models.count("status:429:60")
    for machine, line in lines:
        assert painted(machine, config=config, line=line).attempts == 1
    assert provider.models.count("status:429:60") == asked


@pytest.fixture
def load(site, provider):
    """Forty requests a second over both, most of them paid for from one budget."""
    config, before = json.dumps(target("slow:0.05")), settled(site).micros
    with contextlib.ExitStack() as open_:
        loads = [
            open_.enter_context(
                Load(
                    machines=site.machines,
                    a_second=a_second,
                    threads=threads,
                    headers={"x_portkey_config": config, "x_portkey_api_key": f"key-of-{name}-not-real"},
                    prefix=f"{name}{next(_names)}",
                )
            )
            for name, a_second, threads in (("paid", 25, 5), ("free", 15, 3))
        ]
        for each in loads:
            each.goes_on(10)
        yield SimpleNamespace(paid=loads[0], free=loads[1], loads=loads, stop=open_.close, before=before)


def assert_each_is_told_of_once(site, load):
    """Every answer has its record, and none has two."""
    wanted = {each.trace for every in load.loads for each in every.told if each.status == 200}
    assert wanted
    query = "SELECT trace_id, count(*) FROM requests WHERE trace_id = ANY($1::text[]) GROUP BY trace_id"
    found = {}

    def all_there():
        found.update(rows(site, query, list(wanted)))
        return found.keys() == wanted

    assert within(20, all_there), f"{len(wanted - found.keys())} of {len(wanted)} have no record"
    assert set(found.values()) == {1}


def paid_for(provider):
    return sum(seen.json["prompt"].startswith("paid") for seen in provider.seen)


def settled(site):
    """Return what is spent when nothing is under way."""
    assert within(10, lambda: spent(site, "api_key:paid", month()).held == 0), spent(site, "api_key:paid", month())
    return spent(site, "api_key:paid", month())


def time_passes(site):
    """Have every reservation be past its time, and counted; return how many there were."""

    async def swept():
        server = Server(site.redis.url)
        try:
            return await RedisLedger(server).sweep()
        finally:
            await server.close()

    with redis.Redis.from_url(site.redis.url) as client:
        for id_ in client.zrange(f"{_HELD}:expires", 0, -1):
            client.zadd(f"{_HELD}:expires", {id_: 1})
    return asyncio.run(swept())


def test_a_gateway_is_killed(site, load, provider):
    site.a.kill()
    load.paid.goes_on()
    site.a.start()
    load.paid.goes_on()
    load.stop()
    assert [every.lost for every in load.loads] == [[], []]
    assert {told_.status for every in load.loads for told_ in every.told} == {200}
    assert load.paid.cut, "it was not killed in the middle of anything"
    assert_each_is_told_of_once(site, load)
    open_ = time_passes(site)
    calls, rest = divmod(settled(site).micros - load.before, PRICE)
    assert rest == 0
    assert load.paid.answered <= paid_for(provider) <= calls <= load.paid.answered + open_
    assert painted(site.b, "paid").status == 200  # whoever comes next brings the database up to date
    now = load.before + (calls + 1) * PRICE
    counted = "SELECT spent FROM counters WHERE name = 'api_key:paid' AND \"window\" = $1"
    assert within(5, lambda: rows(site, counted, month()) == [(now,)]), (rows(site, counted, month()), now)


def test_redis_is_killed(site, load, provider):
    cached = target(cache={"mode": "simple", "max_age": 600})
    assert told(painted(site.a, "hurried")) == "rate_limit_exceeded"
    site.redis.kill()
    killed = time.monotonic()
    load.free.goes_on()
    assert within(10, lambda: load.paid.since(killed)["budget_unavailable"] > 20), load.paid.since(killed)
    for machine in site.machines:
        assert told(painted(machine, "hurried")) == 200
        assert painted(machine, config=cached, prompt="away").headers["x-portkey-cache-status"] == "MISS"
        assert told(painted(machine, "paid")) == "budget_unavailable"
    site.redis.start()
    assert within(_BACK, lambda: all(told(painted(machine, "paid")) == 200 for machine in site.machines * 3))
    back = time.monotonic()
    load.paid.goes_on()
    assert {told(painted(machine, "hurried")) for machine in site.machines * 2} == {"rate_limit_exceeded"}
    load.stop()
    assert [every.lost for every in load.loads] == [[], []]
    assert load.free.since(0).keys() == {200}
    assert load.paid.since(0).keys() == {200, "budget_unavailable"}
    assert load.paid.since(back).keys() == {200}
    assert_each_is_told_of_once(site, load)
    assert settled(site).micros - load.before == PRICE * paid_for(provider)


def test_postgresql_is_killed(site, load, provider, lines):
    control(site.a, "POST", "/v1/configs", {"name": "Last", "slug": "last", "config": target()})
    for machine, line in lines:
        assert within(_LATEST, lambda m=machine, c=line: painted(m, config="last", line=c).status == 200)
    site.database.kill()
    load.free.goes_on()
    load.paid.goes_on()

    def away():
        found = [ask(machine, "GET", "/readyz", line=line).json for machine, line in lines]
        return all(each["store"] == "lost" and each["records"]["waiting"] for each in found)

    assert within(15, away)
    for machine, line in lines:
        assert painted(machine, config="last", line=line).status == 200
        refused = ask(machine, "PUT", "/v1/configs/last", {"name": "x"}, line=line, x_portkey_api_key=ADMIN)
        assert (refused.status, refused.code) == (503, "store_unavailable")
    site.database.start()

    def back():
        found = [ask(machine, "GET", "/readyz", line=line).json for machine, line in lines]
        return all(each["store"] == "open" and each["records"]["waiting"] < 20 for each in found)

    assert within(_BACK + 5, back)
    control(site.b, "PUT", "/v1/configs/last", {"config": target("status:500")})
    until = time.monotonic() + _LATEST
    for machine, line in lines:
        changed = lambda m=machine, c=line: painted(m, config="last", line=c).status == 500  # noqa: E731
        assert within(until - time.monotonic(), changed)
    load.stop()
    assert [every.lost for every in load.loads] == [[], []]
    assert {told_.status for every in load.loads for told_ in every.told} == {200}
    assert_each_is_told_of_once(site, load)
    assert [ask(machine, "GET", "/readyz").json["records"]["dropped"] for machine in site.machines] == [0, 0]
    assert settled(site).micros - load.before == PRICE * paid_for(provider)
