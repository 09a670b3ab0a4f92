"""The ledger on a real server: exact whoever asks, whatever is lost on the way."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.ledger import Account, Draw, LedgerLost, MemoryLedger, Spent, UsageLimit, Window
from gateway.state.redis import RedisLedger, Server
from gateway.state.redis import debts as debts_module
from gateway.state.redis import ledger as ledger_module
from gateway.state.redis import server as server_module
from gateway.state.redis.script import CLOCK, Script
from tests.services.proxy import Proxy
from tests.services.redis_worker import workers
from tests.services.waiting import sleep_until

ALL = Window("all", None)
ANYBODY = Account("api_key:a", "the key 'a'")


def account(name="api_key:a", **limits):
    return Account(name, f"the key {name!r}", UsageLimit(**limits))


def draw(of, micros=100, images=1, window=ALL):
    return Draw(of, window, micros, images)


@pytest.fixture
async def ledger(server):
    ledger = RedisLedger(server)
    yield ledger
    await ledger.close()


async def used(ledger, name="api_key:a", window="all"):
    [spent] = await ledger.spent([(name, window)])
    return spent


async def test_64_at_once_from_two_processes_at_a_limit_that_fits_10(shared_redis, prefix, ledger):
    each = [("reserve", shared_redis.url, prefix, name, 32) for name in "ab"]
    with workers(*each) as both:
        for worker in both:
            worker.go()
        admitted = [worker.result() for worker in both]
    assert sum(admitted) == 10
    assert await used(ledger) == Spent(0, 1000, 0, 10)


async def test_what_a_dead_gateway_reserved_is_spent_once_its_time_is_over(shared_redis, prefix, ledger):
    with workers(("hold", shared_redis.url, prefix, "held", 0.2)) as [worker]:
        worker.go()
        assert worker.result() is True
        worker.process.kill()
        assert await ledger.sweep() == 0
        assert await used(ledger) == Spent(0, 100, 0, 1)
        await asyncio.sleep(0.25)
        swept = await asyncio.gather(*(ledger.sweep() for _ in range(5)))
    assert sum(swept) == 1
    assert await used(ledger) == Spent(100, 0, 1, 0)


async def test_either_all_accounts_are_drawn_from_or_none(ledger):
    rich, poor = account("rich", credit_micros=1000), account("poor", images=1)
    assert await ledger.reserve("one", [draw(rich), draw(poor)], 60) is None
    refused = await ledger.reserve("two", [draw(rich), draw(poor)], 60)
    assert (refused.account, refused.which, refused.seconds) == (poor, "image_limit", None)
    assert await used(ledger, "rich") == Spent(0, 100, 0, 1)


async def test_the_same_again_counts_once(ledger):
    of = account(credit_micros=150)
    for _ in range(3):
        assert await ledger.reserve("one", [draw(of)], 60) is None
    assert await used(ledger) == Spent(0, 100, 0, 1)
    for _ in range(3):
        await ledger.settle("one", "settled", [draw(of, 40)])
    assert await used(ledger) == Spent(40, 0, 1, 0)
    assert await ledger.reserve("one", [draw(of)], 60) is None
    assert await used(ledger) == Spent(40, 0, 1, 0)


async def test_a_threshold_is_told_to_one_caller(ledger):
    of = account(credit_micros=10_000, alert_micros=500)
    for number in range(10):
        await ledger.reserve(str(number), [draw(of)], 60)
    told = await asyncio.gather(*(ledger.settle(str(number), "settled", [draw(of)]) for number in range(10)))
    assert [(each.account, each.window, each.micros) for news in told for each in news] == [(of, "all", 500)]


async def test_windows_are_apart_and_outlive_their_end_by_eight_weeks(ledger, server):
    ends = 4_000_000_000.0
    week = Window("week 2096-09-24", ends)
    of = account(credit_micros=100)
    assert await ledger.reserve("one", [draw(of)], 60) is None
    assert await ledger.reserve("two", [draw(of, window=week)], 60) is None
    refused = await ledger.reserve("three", [draw(of, window=week)], 60)
    assert refused.seconds > 1_000_000
    key = "{{ledger}}:spent:{}:api_key:a".format
    assert await server.do("EXPIRETIME", server.key(key(week.name))) == ends + 8 * 7 * 86_400
    assert await server.do("EXPIRETIME", server.key(key("all"))) == -1


async def test_a_late_settlement_counts_in_the_window_it_was_reserved_in(ledger):
    of = account(credit_micros=1000)
    old, new = Window("month 2096-08", 4_000_000_000.0), Window("month 2096-09", 4_002_000_000.0)
    await ledger.reserve("one", [draw(of, window=old)], 60)
    await ledger.settle("one", "settled", [draw(of, 70, window=new)])
    assert await ledger.spent([(of.name, old.name), (of.name, new.name)]) == [Spent(70, 0, 1, 0), Spent()]


async def test_amounts_stay_whole_however_large(ledger):
    of = account(credit_micros=8_000_000_000_000_000)
    await ledger.reserve("one", [draw(of, 7_000_000_000_000_001)], 60)
    await ledger.settle("one", "settled", [draw(of, 7_000_000_000_000_001)])
    assert await used(ledger) == Spent(7_000_000_000_000_001, 0, 1, 0)


async def test_another_number_of_accounts_is_a_fault_that_is_told(ledger):
    await ledger.reserve("one", [draw(ANYBODY)], 60)
    with pytest.raises(ValueError, match="another number"):
        await ledger.settle("one", "settled", [draw(ANYBODY), draw(ANYBODY)])
    assert await used(ledger) == Spent(0, 100, 0, 1)


# --- counters that are not there ---


class Seed:
    """The database, which knows what was spent."""

    def __init__(self, seconds=0.02, **spent):
        self.spent, self.asked, self.seconds = spent, [], seconds

    async def __call__(self, accounts):
        self.asked.append(list(accounts))
        await asyncio.sleep(self.seconds)
        return [self.spent.get(name, Spent()) for name, _ in accounts]


async def test_a_counter_that_is_missing_begins_with_what_is_known(server):
    seed = Seed(a=Spent(950, 0, 3, 0))
    gateways = [RedisLedger(server, seed) for _ in range(2)]
    of = account("a", credit_micros=1000)
    coming = [gateways[number % 2].reserve(str(number), [draw(of, 10)], 60) for number in range(20)]
    found = await asyncio.gather(*coming)
    assert sum(each is None for each in found) == 5
    assert seed.asked == [[("a", "all")]] * 2  # once for each gateway, and planted once
    assert await gateways[0].spent([("a", "all"), ("b", "all")]) == [Spent(950, 50, 3, 5), Spent()]


async def test_who_finds_out_late_plants_nothing_over_what_has_grown(server):
    quick, slow = (RedisLedger(server, Seed(seconds, a=Spent(500))) for seconds in (0, 0.2))
    of = account("a", credit_micros=1000)
    late = asyncio.create_task(slow.reserve("late", [draw(of)], 60))
    await quick.reserve("one", [draw(of)], 60)
    await quick.settle("one", "settled", [draw(of, 70)])
    assert await late is None
    assert await quick.spent([("a", "all")]) == [Spent(570, 100, 1, 1)]


async def test_what_was_under_way_when_the_server_forgot_all_is_counted_all_the_same(server):
    seed = Seed(a=Spent(500, 0, 5, 0))
    ledger, of = RedisLedger(server, seed), account("a", credit_micros=1000)
    for id_ in ("one", "two"):
        await ledger.reserve(id_, [draw(of)], 60)
    await server.do("FLUSHDB")
    await ledger.settle("one", "settled", [draw(of, 80)])
    await ledger.settle("one", "settled", [draw(of, 80)])
    await ledger.settle("two", "released", [draw(of, 80)])
    await ledger.settle("never made", "settled", [draw(of, 80)])
    assert await ledger.spent([("a", "all")]) == [Spent(580, 0, 6, 0)]


async def test_sweeping_finds_out_what_is_missing_too(server):
    ledger, of = RedisLedger(server, Seed(a=Spent(500))), account("a", credit_micros=1000)
    await ledger.reserve("one", [draw(of)], 0)
    await server.do("DEL", server.key("{ledger}:spent:all:a"))
    assert await ledger.sweep() == 1
    assert await ledger.spent([("a", "all")]) == [Spent(600, 0, 1, 0)]


async def test_what_cannot_be_found_out_is_not_taken_for_nothing(server):
    async def broken(_):
        raise OSError("the database is down")

    async def short(_):
        return []

    for seed in (broken, short):
        ledger = RedisLedger(server, seed)
        with pytest.raises(LedgerLost, match="cannot be found out"):
            await ledger.reserve("one", [draw(ANYBODY)], 60)
        with pytest.raises(LedgerLost):
            await ledger.spent([("api_key:a", "all")])
        await ledger.close()


# --- answers that are lost ---


@pytest.fixture
async def proxy(shared_redis):
    async with Proxy(shared_redis.port) as proxy:
        yield proxy


@pytest.fixture
async def behind(proxy, prefix, monkeypatch):
    for module in (server_module, debts_module):
        monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.1)
    server = Server(f"redis://127.0.0.1:{proxy.port}", prefix=prefix)
    await server.do("PING")
    yield RedisLedger(server)
    await server.close()


async def test_a_step_whose_answer_was_lost_counts_once(proxy, behind, ledger):
    of = account(credit_micros=1000)
    proxy.drops = True
    with pytest.raises(LedgerLost):
        await behind.reserve("one", [draw(of)], 60)
    await behind.close()  # its gateway dies
    assert await used(ledger) == Spent(0, 100, 0, 1)
    assert await ledger.reserve("one", [draw(of)], 60) is None
    assert await used(ledger) == Spent(0, 100, 0, 1)


async def test_a_reservation_of_which_nobody_knows_is_given_back(proxy, behind, ledger):
    of = account(credit_micros=1000)
    proxy.drops = True
    with pytest.raises(LedgerLost):
        await behind.reserve("one", [draw(of)], 60)
    proxy.drops = False
    await sleep_until(lambda: not behind._debts._owed)
    assert await used(ledger) == Spent()
    with pytest.raises(LedgerLost, match="given back"):
        await behind.reserve("one", [draw(of)], 60)
    assert await behind.reserve("two", [draw(of)], 60) is None
    await behind.close()


async def test_a_caller_that_leaves_while_it_reserves_holds_nothing(ledger):
    coming = asyncio.create_task(ledger.reserve("one", [draw(ANYBODY)], 60))
    await asyncio.sleep(0)
    coming.cancel()
    await asyncio.wait([coming])
    await sleep_until(lambda: not ledger._debts._owed)
    assert await used(ledger) == Spent()


@pytest.mark.parametrize("executed", [True, False], ids=["it was made", "it was not made"])
async def test_a_settlement_that_is_not_answered_is_made_once_when_the_server_is_back(proxy, behind, ledger, executed):
    told = []
    behind._debts._tell = told.append
    of = account(credit_micros=1000, alert_micros=70)
    await behind.reserve("one", [draw(of)], 60)
    proxy.drops, proxy.holds = executed, not executed
    with pytest.raises(LedgerLost):
        await behind.settle("one", "settled", [draw(of, 70)])
    assert await used(ledger) == (Spent(70, 0, 1, 0) if executed else Spent(0, 100, 0, 1))
    proxy.drops = proxy.holds = False
    await sleep_until(lambda: not behind._debts._owed)
    assert await used(ledger) == Spent(70, 0, 1, 0)
    assert [crossing.micros for crossing in told] == ([] if executed else [70])
    await behind.close()


# --- the same arithmetic as in memory ---

WEEK = Window("week 2096-09-24", 4_000_000_000.0)
ACCOUNTS = [
    account("a", credit_micros=300, alert_micros=200),
    account("b", images=4),
    account("c", credit_micros=200, images=2, alert_micros=0),
    Account("d", "one without limits"),
]
AMOUNTS = st.sampled_from([0, 50, 100, 150])  # few, so that limits and thresholds are met exactly
DRAWS = st.lists(
    st.builds(Draw, st.sampled_from(ACCOUNTS), st.sampled_from([ALL, WEEK]), AMOUNTS, st.integers(0, 2)),
    min_size=1,
    max_size=4,
)
_FROZEN = CLOCK.partition("\n")[0] + "\nlocal now = tonumber(redis.call('GET', 'test clock'))\n"


def frozen(script):
    """Return a script that takes the time from where the test wrote it."""
    assert CLOCK in script.text
    return Script(script.text.replace(CLOCK, _FROZEN))


class Histories(RuleBasedStateMachine):
    """Two gateways and a ledger in memory are told the same, and say the same."""

    where = None

    @initialize()
    def begin(self):
        self.runner = asyncio.Runner()
        self.now, self.made, self.open, self.over = 1000.0, 0, {}, set()
        self.memory = MemoryLedger(lambda: self.now)
        self.runner.run(self._begin())

    async def _begin(self):
        self.servers = [Server(type(self).where, prefix="histories:") for _ in range(2)]
        await self.servers[0].do("FLUSHALL")
        await self.servers[0].do("SET", "test clock", "1000.0")
        self.ledgers = [RedisLedger(server) for server in self.servers]

    def both(self, which, name, *arguments):
        async def ask():
            return (
                await getattr(self.ledgers[which], name)(*arguments),
                await getattr(self.memory, name)(*arguments),
            )

        shared, alone = self.runner.run(ask())
        return shared, alone

    @rule(which=st.integers(0, 1), draws=DRAWS, seconds=st.integers(0, 30))
    def reserve(self, which, draws, seconds):
        self.made += 1
        shared, alone = self.both(which, "reserve", str(self.made), draws, seconds)
        if alone is None:
            assert shared is None
            self.open[str(self.made)] = (draws, self.now + seconds)
        else:
            assert (shared.account, shared.which) == (alone.account, alone.which)

    @rule(which=st.integers(0, 1), pick=st.randoms(use_true_random=False))
    def again(self, which, pick):
        # Nobody reserves under the id of what is over; a ledger in memory does not remember it.
        live = [id_ for id_, (_, until) in self.open.items() if until > self.now and id_ not in self.over]
        if live:
            id_ = pick.choice(live)
            shared, alone = self.both(which, "reserve", id_, self.open[id_][0], 1)
            assert shared is alone is None

    @rule(
        which=st.integers(0, 1),
        pick=st.randoms(use_true_random=False),
        end=st.sampled_from(["settled", "released", "maybe_billed"]),
    )
    def settle(self, which, pick, end):
        if self.open:
            id_ = pick.choice(sorted(self.open))
            draws = [
                Draw(each.account, each.window, pick.randrange(0, 201, 50), pick.randint(0, 3))
                for each in self.open[id_][0]
            ]
            shared, alone = self.both(which, "settle", id_, end, draws)
            assert list(shared) == list(alone)
            self.over.add(id_)

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds):
        self.now += seconds
        self.runner.run(self.servers[0].do("SET", "test clock", str(self.now)))

    @rule(which=st.integers(0, 1))
    def sweep(self, which):
        shared, alone = self.both(which, "sweep")
        assert shared == alone
        self.open = {id_: held for id_, held in self.open.items() if held[1] > self.now}

    @invariant()
    def the_books_agree(self):
        if self.made:
            names = [(each.name, window.name) for each in ACCOUNTS for window in (ALL, WEEK)]
            shared, alone = self.both(0, "spent", names)
            assert list(shared) == list(alone)

    def teardown(self):
        async def end():
            for ledger, server in zip(self.ledgers, self.servers, strict=True):
                await ledger.close()
                await server.close()

        if hasattr(self, "ledgers"):
            self.runner.run(end())
            self.runner.close()


def test_histories_are_those_of_a_ledger_in_memory(own_redis, monkeypatch):
    for name in ("RESERVE", "SETTLE", "SWEEP"):
        monkeypatch.setattr(ledger_module, name, frozen(getattr(ledger_module, name)))
    monkeypatch.setattr(Histories, "where", own_redis.url)
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415

    run_state_machine_as_test(Histories, settings=settings(max_examples=60, stateful_step_count=20, deadline=None))
