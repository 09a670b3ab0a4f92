"""R18: money limits are exact under concurrency, whichever ledger counts."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from gateway.ledger import Account, RateLimit, Spent
from tests.gateway.ledger.books import PRICE, Clock, account, draw, ledger_of, rates_of
from tests.gateway.store.conftest import postgresql_url  # noqa: F401 - a fixture

KINDS = ["memory", "sqlite", "postgresql"]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=[*KINDS, "own"])
async def ledger(request, tmp_path, clock):
    async with ledger_of(request.param, tmp_path, clock, url_of(request.param, request)) as ledger:
        yield ledger


@pytest.fixture(params=KINDS)
async def rates(request, tmp_path, clock):
    async with rates_of(request.param, tmp_path, clock, url_of(request.param, request)) as rates:
        yield rates


def url_of(kind, request):
    """Return where the database is that a kind needs; SQLite is in a file of the test's own."""
    return request.getfixturevalue("postgresql_url") if kind == "postgresql" else None


@pytest.mark.parametrize("limit", [{"usd": 0.4}, {"images": 10}], ids=["money", "pictures"])
async def test_sixty_four_at_once_at_a_limit_that_fits_ten_admit_ten(ledger, clock, limit):
    key = account(**limit)
    found = await asyncio.gather(*(ledger.reserve(f"r{n}", [draw(key, clock)], 60) for n in range(64)))
    assert found.count(None) == 10
    assert {each.which for each in found if each} == {"credit_limit" if "usd" in limit else "image_limit"}
    assert await ledger.spent([("a", "all")]) == [Spent(0, 10 * PRICE, 0, 10)]


async def test_all_accounts_pay_or_none(ledger, clock):
    rich, poor = account("rich", images=100), account("poor", images=1)
    assert await ledger.reserve("one", [draw(rich, clock), draw(poor, clock)], 60) is None
    refused = await ledger.reserve("two", [draw(rich, clock), draw(poor, clock)], 60)
    assert (refused.account, refused.which, refused.seconds) == (poor, "image_limit", None)
    assert [spent.images_held for spent in await ledger.spent([("rich", "all"), ("poor", "all")])] == [1, 1]


@pytest.mark.parametrize(
    ("end", "spent"),
    [
        ("settled", Spent(micros=30_000, images=2)),
        ("released", Spent()),
        ("maybe_billed", Spent(micros=PRICE, images=3)),
    ],
)
async def test_a_reservation_ends_once_by_what_became_of_it(ledger, clock, end, spent):
    key = account(usd=1)
    await ledger.reserve("r", [draw(key, clock, images=3)], 60)
    for _ in range(2):
        await ledger.settle("r", end, [draw(key, clock, 30_000, 2)])
    await ledger.settle("r", "settled", [draw(key, clock, 999_999, 9)])
    await ledger.settle("never reserved", "settled", [draw(key, clock, 999_999, 9)])
    assert await ledger.spent([("a", "all")]) == [spent]


async def test_the_same_reservation_counts_once(ledger, clock):
    key = account(images=1)
    assert await asyncio.gather(*(ledger.reserve("r", [draw(key, clock)], 60) for _ in range(5))) == [None] * 5
    assert (await ledger.spent([("a", "all")]))[0].images_held == 1


async def test_what_is_never_settled_counts_as_spent_when_its_time_is_over(ledger, clock):
    key = account(usd=1)
    await ledger.reserve("r", [draw(key, clock)], 60)
    clock.now += 59
    assert await ledger.sweep() == 0
    clock.now += 1
    assert await ledger.sweep() == 1
    assert await ledger.sweep() == 0
    assert await ledger.spent([("a", "all")]) == [Spent(micros=PRICE, images=1)]
    await ledger.settle("r", "released", [draw(key, clock)])
    assert await ledger.spent([("a", "all")]) == [Spent(micros=PRICE, images=1)]


async def test_a_new_week_begins_with_nothing_spent_and_old_reservations_stay_in_theirs(ledger, clock):
    key = account(images=1, reset="weekly")
    old = draw(key, clock)
    assert await ledger.reserve("old", [old], 60) is None
    refused = await ledger.reserve("again", [draw(key, clock)], 60)
    assert refused.seconds == old.window.ends - clock()
    clock.now = old.window.ends
    new = draw(key, clock)
    assert await ledger.reserve("new", [new], 60) is None
    await ledger.settle("old", "settled", [old])
    names = [(key.name, each.window.name) for each in (old, new)]
    assert await ledger.spent(names) == [Spent(PRICE, 0, 1, 0), Spent(0, PRICE, 0, 1)]


async def test_whoever_takes_an_account_over_its_threshold_is_told_and_nobody_else(ledger, clock):
    key = account(usd=1, alert=0.1)
    told = []
    for number in range(4):
        await ledger.reserve(f"r{number}", [draw(key, clock)], 60)
        told.append(await ledger.settle(f"r{number}", "settled", [draw(key, clock)]))
    assert [len(each) for each in told] == [0, 0, 1, 0]
    assert (told[2][0].account, told[2][0].micros) == (key, 3 * PRICE)


async def test_a_limit_of_nothing_admits_only_what_is_free(ledger, clock):
    key = account(usd=0)
    assert await ledger.reserve("free", [draw(key, clock, micros=0)], 60) is None
    assert (await ledger.reserve("dear", [draw(key, clock, micros=1)], 60)).which == "credit_limit"


async def test_rates_admit_so_many_at_once_and_the_rest_later(rates, clock):
    key = Account("r", "the key 'r'", None, (RateLimit(kind="requests", unit="rpm", most=10),))
    found = await asyncio.gather(*(rates.take(key, "requests", 1) for _ in range(64)))
    assert found.count(None) == 10
    refused = next(each for each in found if each)
    assert refused.which == "rate_limits: 10 requests rpm"
    assert 60 <= refused.seconds <= 62
    assert await rates.take(key, "images", 5) is None  # no limit of that kind
    clock.now += refused.seconds
    assert await rates.take(key, "requests", 1) is None


async def test_of_several_rates_all_have_room_or_none_is_used(rates):
    limits = (RateLimit(kind="images", unit="rpm", most=5), RateLimit(kind="images", unit="rpd", most=8))
    key = Account("r", "the key 'r'", None, limits)
    assert await rates.take(key, "images", 4) is None
    assert (await rates.take(key, "images", 3)).which == "rate_limits: 5 images rpm"
    assert await rates.take(key, "images", 1) is None
    never = await rates.take(key, "images", 6)
    assert (never.which, never.seconds) == ("rate_limits: 5 images rpm", None)


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_never_more_in_any_stretch_than_the_limit_says(kind, request):
    most, url = 5, url_of(kind, request)

    @settings(max_examples=60 if kind == "memory" else 8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(some.lists(some.floats(0, 30), min_size=1, max_size=40))
    def holds(pauses):
        admitted = asyncio.run(_admitted(kind, url, pauses, most))
        for begin in admitted:
            assert sum(begin <= moment < begin + 60 for moment in admitted) <= most

    holds()


async def _admitted(kind, url, pauses, most):
    clock, admitted = Clock(), []
    key = Account("r", "r", None, (RateLimit(kind="requests", unit="rpm", most=most),))
    with tempfile.TemporaryDirectory() as folder:
        async with rates_of(kind, Path(folder), clock, url) as rates:
            for pause in pauses:
                clock.now += pause
                refused = await rates.take(key, "requests", 1)
                if refused is None:
                    admitted.append(clock.now)
                else:
                    clock.now += refused.seconds
                    assert await rates.take(key, "requests", 1) is None  # as it was told
                    admitted.append(clock.now)
    return admitted
