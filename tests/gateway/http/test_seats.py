"""Who gets a seat, who waits and for how long, and who is sent away: in what order, and at what moment."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.body import Ahead, unless_gone
from gateway.http.seats import FullHouse, Seats
from gateway.virtual_time import VirtualTimeLoop


def now():
    return asyncio.get_running_loop().time()


class House:
    """Requests that come, sit for a while, and leave; `story` says who sat down when."""

    def __init__(self, most=2, each=100, waiting=4):
        self.seats = Seats(most, most_each=each, most_waiting=waiting)
        self.story = []
        self.away = []
        self.words = []
        self.tasks = []

    def come(self, name, *, tenant="", sits=1.0, patience=2.0):
        self.tasks.append(asyncio.get_running_loop().create_task(self._visit(name, tenant, sits, patience)))
        return self.tasks[-1]

    async def _visit(self, name, tenant, sits, patience):
        try:
            leave = self.seats.take(tenant) or await self.seats.wait(tenant, patience)
        except FullHouse as full:
            self.away.append((name, now()))
            self.words.append((full.status, full.code, full.type, full.headers["retry-after"]))
            return
        self.story.append((name, now()))
        try:
            await asyncio.sleep(sits)
        finally:
            leave()

    async def end(self):
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert (self.seats.taken, self.seats.waiting) == (0, 0)
        assert {words[:3] for words in self.words} <= {(503, "overloaded", "server_error")}
        assert {words[3] for words in self.words} <= set("12345")


async def test_who_comes_first_sits_first_and_the_rest_is_sent_away_at_once():
    house = House(most=2, waiting=3)
    for number in range(7):
        house.come(number, patience=3.0)
    await house.end()
    assert house.story == [(0, 0.0), (1, 0.0), (2, 1.0), (3, 1.0), (4, 2.0)]
    assert house.away == [(5, 0.0), (6, 0.0)]


async def test_nobody_waits_longer_than_patience_lasts():
    house = House(most=1)
    house.come("long", sits=10.0)
    house.come("waits", patience=2.0)
    house.come("in a hurry", patience=0.1)
    await house.end()
    assert house.story == [("long", 0.0)]
    assert house.away == [("in a hurry", 0.1), ("waits", 2.0)]


async def test_without_a_queue_nobody_waits():
    house = House(most=1, waiting=0)
    house.come("a")
    house.come("b")
    await house.end()
    assert (house.story, house.away) == ([("a", 0.0)], [("b", 0.0)])


async def test_tenants_sit_down_in_turn_however_many_each_of_them_sends():
    house = House(most=1, waiting=10)
    house.come("first")
    for number in range(4):
        house.come(f"many {number}", tenant="many", patience=100)
    house.come("few 0", tenant="few", patience=100)
    house.come("few 1", tenant="few", patience=100)
    await house.end()
    assert [name for name, _ in house.story] == ["first", "many 0", "few 0", "many 1", "few 1", "many 2", "many 3"]


async def test_a_tenant_with_all_its_seats_waits_while_others_pass():
    house = House(most=3, each=1, waiting=4)
    house.come("a0", tenant="a")
    house.come("a1", tenant="a")
    house.come("b0", tenant="b")
    house.come("c0", tenant="c", sits=0.5)
    await house.end()
    assert house.story == [("a0", 0.0), ("b0", 0.0), ("c0", 0.0), ("a1", 1.0)]


async def test_without_keys_no_tenant_is_bounded():
    house = House(most=3, each=1)
    for number in range(3):
        house.come(number)
    await house.end()
    assert [at for _, at in house.story] == [0.0, 0.0, 0.0]


async def test_the_longest_line_makes_room_in_a_full_queue():
    house = House(most=1, waiting=4)
    house.come("first")
    for number in range(4):
        house.come(f"a{number}", tenant="a", patience=100)
    house.come("b0", tenant="b", patience=100)
    house.come("b1", tenant="b", patience=100)
    house.come("b2", tenant="b", patience=100)
    house.come("a4", tenant="a", patience=100)
    await house.end()
    assert [name for name, _ in house.away] == ["b2", "a4", "a3", "a2"]
    assert [name for name, _ in house.story] == ["first", "a0", "b0", "a1", "b1"]


async def test_who_leaves_the_queue_takes_nobodys_seat():
    house = House(most=1)
    house.come("first")
    gone = house.come("gone")
    house.come("last")
    await asyncio.sleep(0.5)
    gone.cancel()
    await house.end()
    assert house.story == [("first", 0.0), ("last", 1.0)]


async def test_who_leaves_at_the_moment_of_its_turn_passes_the_seat_on():
    house = House(most=1)
    house.come("first")
    gone = house.come("gone")
    house.come("last")
    await asyncio.sleep(0.999)
    asyncio.get_running_loop().call_later(0.001, gone.cancel)
    await house.end()
    assert "last" in dict(house.story)


async def test_many_refusals_are_one_line_of_the_log(caplog):
    house = House(most=1, waiting=0)
    house.come("first", sits=30.0)
    for _ in range(100):
        house.come("away")
    await asyncio.sleep(15)
    house.come("late")
    await house.end()
    lines = [record.getMessage() for record in caplog.records if record.name == "gateway.http"]
    assert lines == [
        "overloaded: 1 request(s) refused, 1 in flight",
        "overloaded: 100 request(s) refused, 1 in flight",
    ]


@given(
    visits=st.lists(
        st.tuples(
            st.floats(0, 5), st.sampled_from(["", "a", "b", "c"]), st.floats(0, 3), st.floats(0, 2), st.floats(0, 4)
        ),
        max_size=40,
    ),
    most=st.integers(1, 4),
    each=st.integers(1, 3),
    waiting=st.integers(0, 5),
)
def test_whatever_comes_the_limits_hold_and_no_seat_is_lost(visits, most, each, waiting):
    sitting = {}

    async def visit(seats, at, tenant, sits, patience, leaves):
        await asyncio.sleep(at)
        async with asyncio.timeout(leaves):
            leave = seats.take(tenant) or await seats.wait(tenant, patience)
            sitting[tenant] = sitting.get(tenant, 0) + 1
            try:
                assert sum(sitting.values()) <= seats.taken <= most  # who was just given a seat may not sit yet
                assert seats.waiting <= waiting
                assert not tenant or sitting[tenant] <= each
                await asyncio.sleep(sits)
            finally:
                sitting[tenant] -= 1
                leave()

    async def all_of_them():
        seats = Seats(most, most_each=each, most_waiting=waiting)
        tasks = [asyncio.create_task(visit(seats, *one)) for one in visits]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in results} <= {type(None), FullHouse, TimeoutError}
        assert (seats.taken, seats.waiting) == (0, 0)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(all_of_them())


@pytest.mark.parametrize("size", [10, 1 << 20], ids=["a small body", "a large body"])
async def test_what_came_before_its_turn_is_read_afterwards(size):
    sent = [{"type": "http.request", "body": b"x" * (size // 4), "more_body": number < 3} for number in range(4)]
    coming, more = iter(sent), asyncio.Event()

    async def receive():
        for message in coming:
            return message
        await more.wait()
        return {"type": "http.disconnect"}

    ahead = Ahead(receive)
    await unless_gone(asyncio.sleep(1), ahead.listen)
    assert [await ahead.receive() for _ in sent] == sent
    more.set()
    assert (await ahead.receive())["type"] == "http.disconnect"
