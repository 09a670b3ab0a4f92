"""What an outage of the server costs, and how it ends."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import logging
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.ledger import Account, Draw, LedgerLost, RateLimit, Spent, UsageLimit, Window
from gateway.state import StateLost
from gateway.state.redis import RedisFlights, RedisLedger, RedisRates, RedisState, Server, ServerLost
from gateway.state.redis.server import ANSWER_SECONDS
from tests.services.needed import needs
from tests.services.proxy import Proxy
from tests.services.redis import free_port, redis_server
from tests.services.waiting import sleep_until

ACCOUNT = Account(
    "a", "a", UsageLimit(credit_micros=10**9), rates=(RateLimit(kind="requests", unit="rpm", most=10**6),)
)
DRAWS = [Draw(ACCOUNT, Window("all", None), 10, 1)]


class Request:
    """What one request asks of the server."""

    def __init__(self, server):
        self.server = server
        self.state, self.ledger, self.rates = RedisState(server), RedisLedger(server), RedisRates(server)
        self.flights = RedisFlights(server)
        self.number = 0

    async def __call__(self):
        """Return what failed, and how long all of it took."""
        self.number += 1
        began, failed = time.perf_counter(), set()
        id_ = f"{id(self)}-{self.number}"
        until = asyncio.get_running_loop().time() + 10
        with self._notes(failed, "rates", LedgerLost):
            await self.rates.take(ACCOUNT, "requests", 1)
        with self._notes(failed, "ledger", LedgerLost):
            await self.ledger.reserve(id_, DRAWS, 60)
        with self._notes(failed, "cache", StateLost):
            await self.state.get(id_.encode())
        assert await self.flights.join(id_.encode(), self._paint, lambda _: "next", until=until, look=self._look) == (
            b"painted",
            True,
        )
        with self._notes(failed, "ledger", LedgerLost):
            await self.ledger.settle(id_, "settled", DRAWS)
        return failed, time.perf_counter() - began

    async def close(self):
        for part in (self.ledger, self.flights, self.server):
            await part.close()

    async def _paint(self):
        return b"painted"

    async def _look(self):
        return None

    @contextlib.contextmanager
    def _notes(self, failed, part, lost):
        try:
            yield
        except lost:
            failed.add(part)


ALL = {"rates", "ledger", "cache"}


async def test_a_black_hole_costs_one_time_limit_and_then_nothing(own_redis, caplog):
    request = Request(Server(own_redis.url))
    assert (await request())[0] == set()
    own_redis.pause()
    failed, first = await request()
    assert failed == ALL
    assert first < 2 * ANSWER_SECONDS  # although five things are asked
    later = [await request() for _ in range(50)]
    began = time.perf_counter()
    while time.perf_counter() - began < 1.2:  # over more than one try to find it again
        later.append(await request())
        await asyncio.sleep(0.01)
    assert all(failed == ALL for failed, _ in later)
    assert sorted(seconds for _, seconds in later)[len(later) * 95 // 100] < first / 10
    own_redis.resume()
    await sleep_until(lambda: not request.server.is_lost, 2)
    assert (await request())[0] == set()
    told = [record.message for record in caplog.records if record.name == "gateway.state"]
    assert len(told) == 2
    assert "is lost: it does not answer in time" in told[0]
    assert "is back" in told[1]
    await request.close()


async def test_killed_under_load_and_started_again_with_its_data(caplog):
    with redis_server(appendonly=True, arguments=["--appendfsync", "always"]) as redis:
        request = Request(Server(redis.url))
        stop, failed = asyncio.Event(), []

        async def load():
            while not stop.is_set():
                failed.append(await request())
                await asyncio.sleep(0.005)

        loads = [asyncio.create_task(load()) for _ in range(8)]
        await asyncio.sleep(0.5)
        redis.kill()
        await asyncio.sleep(0.7)
        redis.start()
        back = time.perf_counter()
        await sleep_until(lambda: not request.server.is_lost, 2)
        assert time.perf_counter() - back < 2
        await asyncio.sleep(0.3)
        stop.set()
        await asyncio.gather(*loads)
        assert (await request())[0] == set()
        assert {frozenset(each) for each, _ in failed} >= {frozenset(), frozenset(ALL)}
        await sleep_until(lambda: not request.ledger._debts._owed)
        [spent] = await request.ledger.spent([("a", "all")])
        # What could not be reserved was not spent; what was reserved was settled, then or later.
        settled = sum("ledger" not in each for each, _ in failed) + 1
        assert (spent.held, spent.images_held) == (0, 0)
        assert settled <= spent.images <= settled + 8  # a request that only failed to settle is settled as well
        assert spent.micros == spent.images * 10
        await request.close()


async def test_a_server_that_forgot_all_is_usable_at_once(own_redis):
    async def seed(accounts):
        return [Spent(500, 0, 5, 0) for _ in accounts]

    server = Server(own_redis.url)
    ledger, state = RedisLedger(server, seed), RedisState(server)
    await ledger.reserve("one", DRAWS, 60)
    await state.put(b"key", b"value", 60)
    own_redis.kill()
    own_redis.start()
    with contextlib.suppress(StateLost):
        await state.get(b"key")
    await sleep_until(lambda: not server.is_lost, 2)
    assert await state.get(b"key") is None
    assert await ledger.reserve("two", DRAWS, 60) is None
    await ledger.settle("one", "settled", DRAWS)
    assert await ledger.spent([("a", "all")]) == [Spent(510, 10, 6, 1)]
    await ledger.close()
    await server.close()


async def test_connections_that_the_server_closed_while_idle_are_no_outage(own_redis, caplog):
    server = Server(own_redis.url)
    await server.do("PING")
    await server.carry("GET", "a", size=1)
    own_redis.ask("CLIENT KILL TYPE normal SKIPME yes")
    await asyncio.sleep(0.05)
    await server.carry("GET", "a", size=1)
    assert await server.do("PING") == b"PONG"
    assert caplog.messages == []
    await server.close()


async def test_scripts_that_a_server_forgot_are_sent_again(server):
    rates = RedisRates(server)
    for _ in range(2):
        await server.do("SCRIPT FLUSH")
        assert await rates.take(ACCOUNT, "requests", 1) is None


async def test_a_loop_that_is_held_up_is_no_outage(server):
    coming = asyncio.create_task(server.do("PING"))
    await asyncio.sleep(0)
    for _ in range(3):
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        await asyncio.sleep(0)
    assert await coming == b"PONG"
    assert not server.is_lost


async def test_a_caller_that_leaves_disturbs_nobody(server):
    coming = [asyncio.create_task(server.do("INCR", server.key("number"))) for _ in range(100)]
    await asyncio.sleep(0)
    for task in coming[::2]:
        task.cancel()
    await asyncio.gather(*coming, return_exceptions=True)
    got = await asyncio.gather(*(server.do("ECHO", str(number)) for number in range(50)))
    assert got == [b"%d" % number for number in range(50)]


async def test_more_than_can_wait_is_refused(server):
    coming = [asyncio.create_task(server.do("PING")) for _ in range(12_000)]
    got = await asyncio.gather(*coming, return_exceptions=True)
    assert sum(each == b"PONG" for each in got) == 10_000
    assert {type(each) for each in got} == {bytes, ServerLost}
    assert not server.is_lost


async def test_a_replica_is_not_the_server_to_ask(own_redis):
    server = Server(own_redis.url)
    await server.do("PING")
    own_redis.ask("REPLICAOF 127.0.0.1 1")
    with pytest.raises(ServerLost, match="read only"):
        await server.do("SET", "a", "b")
    assert server.is_lost
    await asyncio.sleep(0.7)
    assert server.is_lost
    own_redis.ask("REPLICAOF NO ONE")
    await sleep_until(lambda: not server.is_lost, 2)
    await server.close()


async def test_a_wrong_password_is_told_and_the_right_one_never(own_redis, caplog):
    secret = "secret-not-real"  # noqa: S105
    own_redis.ask(f"CONFIG SET requirepass {secret}")
    host = f"127.0.0.1:{own_redis.port}/3"
    caplog.set_level(logging.DEBUG)
    wrong, right = Server(f"redis://:{secret}x@{host}"), Server(f"redis://:{secret}@{host}")
    with pytest.raises(ServerLost) as raised:
        await wrong.do("PING")
    assert await right.do("PING") == b"PONG"
    own_redis.kill()
    with pytest.raises(ServerLost) as again:
        await right.do("PING")
    said = f"{raised.value}{again.value}{caplog.text}{wrong.place}{right.place}{right!r}"
    assert "password" in str(raised.value)
    assert secret not in said
    for server in (wrong, right):
        await server.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://:secret-not-real@h:1",
        "redis://:secret-not-real@h:port",
        "redis://:secret-not-real@h:99999999",
        "redis://:secret-not-real@h:1/0?nonsense=1",
        "redis://:secret-not-real@h:1/0?socket_timeout=secret-not-real",
        "redis://[:secret-not-real@h",
    ],
)
async def test_a_url_that_leads_nowhere_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError, match="redis://") as raised:
        Server(url)
    assert "secret-not-real" not in str(raised.value)
    assert raised.value.__cause__ is None


async def test_a_socket_in_a_folder(own_redis, tmp_path):
    path = tmp_path / "redis.sock"
    with redis_server(arguments=["--unixsocket", str(path)]):
        server = Server(f"unix://{path}?db=2")
        assert await server.do("PING") == b"PONG"
        assert server.place == f"unix://{path}"
        await server.close()


async def test_after_the_end_nothing_is_asked_and_nothing_is_left(own_redis):
    server = Server(own_redis.url)
    coming = asyncio.create_task(server.do("PING"))
    await asyncio.sleep(0)
    await server.close()
    with pytest.raises(ServerLost, match="stops"):
        await coming
    with pytest.raises(ServerLost, match="stops"):
        await server.do("PING")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_answers_that_are_dropped_are_no_answers(shared_redis, prefix):
    async with Proxy(shared_redis.port) as proxy:
        server = Server(f"redis://127.0.0.1:{proxy.port}", prefix=prefix)
        await server.do("PING")
        proxy.drops = True
        with pytest.raises(ServerLost, match="in time"):
            await server.do("PING")
        proxy.drops = False
        await sleep_until(lambda: not server.is_lost, 2)
        assert await server.do("ECHO", "right") == b"right"
        await server.close()


async def test_connections_that_fall_silent_are_found_out_once(shared_redis, prefix, caplog):
    async with Proxy(shared_redis.port) as proxy:
        server = Server(f"redis://127.0.0.1:{proxy.port}", prefix=prefix)
        await server.do("PING")
        await asyncio.gather(*(server.carry("GET", "a", size=1) for _ in range(4)))
        proxy.age += 1
        with pytest.raises(ServerLost, match="in time"):
            await server.do("PING")
        await sleep_until(lambda: not server.is_lost, 2)
        await asyncio.gather(server.do("PING"), *(server.carry("GET", "a", size=1) for _ in range(4)))
        assert len(caplog.messages) == 2
        await server.close()


async def test_a_server_that_drops_what_it_holds_is_warned_of(own_redis, caplog):
    own_redis.ask("CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lru")
    server = Server(own_redis.url)
    for _ in range(3):
        await server.do("PING")
    await sleep_until(lambda: not server._errands)
    assert [line for line in caplog.messages if "allkeys-lru" in line] == caplog.messages
    assert len(caplog.messages) == 1
    await server.close()


async def test_a_server_with_tls(tmp_path):
    certificate, key = _certificate(tmp_path)
    port = free_port()
    arguments = ["--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no"]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(redis_server(arguments=[str(each) for each in arguments]))
        except AssertionError:
            needs("a redis-server with TLS", there=False)
        strange = Server(f"rediss://127.0.0.1:{port}", connect_seconds=2)
        with pytest.raises(ServerLost, match=r"(?i)certificate"):
            await strange.do("PING")
        known = Server(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}", connect_seconds=2)
        assert await known.do("PING") == b"PONG"
        assert known.place == f"rediss://127.0.0.1:{port}/0"
        for server in (strange, known):
            await server.close()


def _certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    places = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    places[0].write_bytes(made.public_bytes(pem))
    places[1].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    return places
