"""Case 41 and R8: a minute of outage, a request every four seconds, a fallback that is well."""

import asyncio
import random
from collections import Counter

import pytest

from gateway import virtual_time
from strategies import Cause, Fallback, Health, RetryRule, Success
from tests.strategies.scripted import UNREACHABLE, Turn, Weather, always, ask, at_rest, error, failure, lent, target

BEGINS, LASTS, EVERY = 20.0, 60.0, 4.0
SEEDS = 200


async def outage(seed, failed, seconds):
    """Return how often the primary was tried in vain, and how long after recovery it answered again."""
    rng = random.Random(seed)
    phase = rng.uniform(0.0, EVERY)

    def weather(now):
        down = BEGINS <= now < BEGINS + LASTS
        return Turn(failed if down else Success("primary"), seconds)

    primary, health = Weather("primary", (), at=weather), Health()
    tree = Fallback([
        target(primary, RetryRule(attempts=2), health=health),
        target(always("backup", Turn(Success("backup"), seconds)), health=Health()),
    ])  # fmt: skip
    answers = []

    async def one(at):
        await asyncio.sleep(at)
        answers.append((at, await ask(tree, rng=random.Random(rng.random()))))

    await asyncio.gather(*(one(phase + EVERY * number) for number in range(40)))
    assert all(isinstance(answer.outcome, Success) for _, answer in answers)
    assert sum(BEGINS <= at < BEGINS + LASTS for at, _ in answers) == 15
    assert lent(health) == at_rest()
    tries = sum(BEGINS <= call < BEGINS + LASTS for call in primary.calls)
    back = min(at for at, answer in answers if answer.reply == "primary" and at >= BEGINS + LASTS)
    late = [answer.reply for at, answer in answers if at >= BEGINS + LASTS + 20]
    assert set(late) == {"primary"}
    return tries, back - (BEGINS + LASTS)


@pytest.mark.parametrize(
    ("failed", "seconds"),
    [(error(503), 0.2), (UNREACHABLE, 0.0), (error(500), 1.5), (failure(Cause.TIMEOUT), 3.0)],
    ids=["quick errors", "refused connections", "slow errors", "timeouts"],
)
def test_the_primary_is_tried_eight_times_at_most_and_taken_back_within_twenty_seconds(failed, seconds):
    tries, backs = Counter(), []
    for seed in range(SEEDS // 4):
        tried, back = virtual_time.run(outage(seed, failed, seconds))
        tries[tried] += 1
        backs.append(back)
    assert max(tries) <= 8
    assert max(backs) <= 20
