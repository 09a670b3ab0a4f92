"""The arithmetic that every ledger shares: pure, so that all of them count alike."""

import math
from collections.abc import Mapping

from gateway.ledger.limits import RateLimit
from gateway.ledger.protocol import Account, Crossing, Draw, End, Refusal, Spent

PARTS = 60
"""A stretch of time is counted in so many parts, and a part counts until all of it is over: there are never more
requests in any stretch than the limit says, and after a full one there is room a sixtieth of it later at most."""


def refusal(draw: Draw, spent: Spent, now: float) -> Refusal | None:
    """Return why an account has no room for what an attempt may cost; at the limit is within it."""
    limit = draw.account.limit
    if limit is None:
        return None
    ends = draw.window.ends
    seconds = None if ends is None else max(ends - now, 1.0)
    if limit.credit_micros is not None and spent.micros + spent.held + draw.micros > limit.credit_micros:
        return Refusal(draw.account, "credit_limit", seconds)
    if limit.images is not None and spent.images + spent.images_held + draw.images > limit.images:
        return Refusal(draw.account, "image_limit", seconds)
    return None


def reserved(spent: Spent, draw: Draw) -> Spent:
    """Return what is used once an attempt has its reservation."""
    return Spent(spent.micros, spent.held + draw.micros, spent.images, spent.images_held + draw.images)


def ended(spent: Spent, held: tuple[int, int], end: End, charged: tuple[int, int]) -> Spent:
    """Return what is used once it is known, or given up, what became of an attempt.

    `held` and `charged` are millionths of a dollar, and pictures.
    """
    if end == "released":
        charged = (0, 0)
    elif end == "maybe_billed":
        charged = held
    return Spent(
        spent.micros + charged[0],
        max(spent.held - held[0], 0),
        spent.images + charged[1],
        max(spent.images_held - held[1], 0),
    )


def crossing(account: Account, window: str, before: int, after: int) -> Crossing | None:
    """Return the news that an account came to its threshold, to whoever took it there."""
    alert = None if account.limit is None else account.limit.alert_micros
    return Crossing(account, window, after) if alert is not None and before < alert <= after else None


def part_of(rate: RateLimit, now: float) -> int:
    """Return the number of the part of time that a moment lies in."""
    return math.floor(now * PARTS / rate.seconds)


def wait_for(rate: RateLimit, used: Mapping[int, int], amount: int, now: float) -> float | None:
    """Return how long until there is room for so many more, 0 for now; `None` where there never is.

    `used` is what each part of time has; parts that are over are not counted.
    """
    if amount > rate.most:
        return None
    current = part_of(rate, now)
    live = {part: count for part, count in used.items() if part > current - PARTS - 1}
    over = sum(live.values()) + amount - rate.most
    if over <= 0:
        return 0.0
    for part in sorted(live):
        over -= live[part]
        if over <= 0:
            return max((part + PARTS + 1) * rate.seconds / PARTS - now, 0.001)
    return None


def words_of(rate: RateLimit) -> str:
    """Return a rate as an error names it."""
    return f"rate_limits: {rate.most} {rate.kind} {rate.unit}"
