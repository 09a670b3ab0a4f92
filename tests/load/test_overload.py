"""R10 and R19: more requests than can be answered, from one caller or from one of several. `LOAD=full` takes longer."""

import asyncio

from tests.end_to_end.caller import target
from tests.load.conftest import TEAMS
from tests.load.crowd import FULL, Crowd, percentile, say

SECONDS = 20.0 if FULL else 2.0
MARGIN = 1.0 if FULL else 5.0
"""By how much a figure may be missed on a machine that is busy with something else."""
WORK, SEATS = 0.2, 20
SHARE = 10


def goodput(answers, began):
    """Return the pictures a second, after the start and before the end."""
    first, last = began + 2 * WORK, began + SECONDS
    return sum(got.status == 200 and first <= got.at < last for got in answers) / (last - first)


async def test_four_times_as_much_as_can_be_answered(gateway_with, wall):
    gateway = gateway_with(max_in_flight=SEATS, max_queued=SEATS // 2)
    config = target(wall, f"slow:{WORK}")
    capacity = SEATS / WORK
    async with Crowd(gateway.url) as crowd:
        alone, began = await crowd.come(capacity, SECONDS, config)
        once = goodput(alone, began)
        wall.forget()
        crowded, began = await crowd.come(4 * capacity, SECONDS, config)
        fourfold = goodput(crowded, began)
    served = [got for got in crowded if got.status == 200]
    refused = [got for got in crowded if got.status != 200]
    late = percentile([got.seconds for got in refused], 0.99)
    waited = max(got.queued for got in served)
    say(f"R10: {fourfold / once:.2f} of the goodput, refusals p99 {late * 1000:.0f} ms, queue max {waited:.0f} ms")
    assert fourfold >= 0.9 * once
    assert len(refused) > len(crowded) // 2
    assert {(got.status, got.code) for got in refused} == {(503, "overloaded")}
    assert {got.headers["retry-after"] for got in refused} == set("12345")
    assert not any("x-should-retry" in got.headers for got in refused)
    assert late <= 0.1 * MARGIN
    assert 0 < waited <= 2000 + 50 * MARGIN
    assert len(wall.seen) == wall.billed == len(served), "what was begun was answered, what was refused cost nothing"


async def test_a_tenant_that_sends_ten_times_its_share_hurts_itself(gateway_with, wall):
    gateway = gateway_with(keys=TEAMS, max_in_flight=4 * SHARE, max_in_flight_per_key=SHARE, max_queued=SHARE)
    work, rate = 0.3, SHARE / 0.3 / 2
    config = target(wall, f"slow:{work}")
    async with (
        Crowd(gateway.url, f"x-portkey-api-key: {TEAMS['a']}") as many,
        Crowd(gateway.url, f"x-portkey-api-key: {TEAMS['b']}") as few,
    ):
        alone, _ = await few.come(rate, SECONDS, config)
        flood = asyncio.create_task(many.come(10 * SHARE / work, SECONDS + work, config))
        await asyncio.sleep(work)
        beside, _ = await few.come(rate, SECONDS, config)
        flooded, _ = await flood
    before, after = (percentile([got.seconds for got in answers], 0.99) for answers in (alone, beside))
    share = sum(got.status == 200 for got in beside) / len(beside)
    say(f"R19: {share:.2%} served, p99 {before * 1000:.0f} ms alone and {after * 1000:.0f} ms beside a flood")
    assert share >= 0.999
    assert after <= before * (1 + 0.2 * MARGIN)
    assert sum(got.status == 503 for got in flooded) > len(flooded) // 2
