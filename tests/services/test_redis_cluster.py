"""Keys of one step lie on one node of a cluster."""

import asyncio

import pytest

from gateway.ledger import Account, Draw, RateLimit, UsageLimit, Window
from gateway.state.redis import Marks, RedisFlights, RedisIntents, RedisLedger, RedisRates, RedisState, Server
from tests.services.redis import free_port, redis_server


@pytest.fixture
def cluster():
    arguments = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    with redis_server(arguments=arguments) as server:
        assert server.ask("CLUSTER ADDSLOTSRANGE 0 16383") == b"+OK\r\n"
        yield server


async def test_every_step_is_made_on_a_node_that_keeps_keys_apart(cluster):
    server = Server(cluster.url)
    for _ in range(100):
        if b"cluster_state:ok" in await server.do("CLUSTER INFO"):
            break
        await asyncio.sleep(0.05)
    state, ledger, rates = RedisState(server), RedisLedger(server), RedisRates(server)
    intents, flights = RedisIntents(server), RedisFlights(server)
    await state.put(b"key", bytes(3 << 20), 60)
    assert await state.get(b"key") == bytes(3 << 20)
    await state.drop(b"key")
    of = [Account(name, name, UsageLimit(credit_micros=100)) for name in ("a", "b", "c")]
    draws = [Draw(account, Window("all", None), 10, 1) for account in of]
    assert await ledger.reserve("one", draws, 0) is None
    assert await ledger.reserve("two", draws, 60) is None
    assert await ledger.settle("two", "settled", draws) == ()
    assert await ledger.sweep() == 1
    limits = tuple(RateLimit(kind="requests", unit=unit, most=9) for unit in ("rpm", "rph", "rpd"))
    assert await rates.take(Account("a", "a", rates=limits), "requests", 1) is None
    claim = await intents.claim("ab" * 32, "1" * 64)
    await claim.keep(200, [], [b"a picture"])
    assert (await intents.claim("ab" * 32, "1" * 64)).status == 200
    until = asyncio.get_running_loop().time() + 5

    async def call():
        return 1

    async def look():
        return None

    assert await flights.join(b"key", call, lambda _: "for all", until=until, look=look) == (1, True)
    Marks(server).publish(b"id", "model", 1)
    for part in (ledger, intents, flights):
        await part.close()
    await server.close()
