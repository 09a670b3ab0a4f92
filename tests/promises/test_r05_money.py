"""A request is never billed more often than its owner allowed, and nothing that was billed is concealed."""

import random

import pytest

from tests.end_to_end.wall.provider import POINTS
from tests.end_to_end.wall.rig import closed_port
from tests.promises.asking import Asked, ask_all, target
from tests.promises.figures import size

AT_A_TIME = 16
FRAMINGS = ("length", "chunked", "close", "gzip")
TARGETS = ("first", "second", "third")


def lost(rng):
    """Lose the answer after any byte of it, more often in its head or right at its end than chance would."""
    at = rng.choice((0, 0, rng.randrange(30), rng.randrange(1000), rng.randrange(1000), 999))
    return f"lost:{rng.choice(FRAMINGS)}:{at}:{rng.choice(('close', 'died', 'reset', 'silence'))}"


def ambiguous(rng):
    return rng.choice(
        (
            *(lost(rng) for _ in range(6)),
            *("silent", "slow:0.25", "empty", "empty-but-counted", "broken:base64", "broken:png", "html"),
            *("large:1100000", "large-chunked:1100000"),
        )
    )


def refused(rng):
    return rng.choice(("status:502", "status:504", "status:503", "status:500", "status:503:0.1", "status:429:0.1"))


def made_up(rig, rng, billing, number):
    """Make up a fallback of two or three targets whose answers get lost, and the requests that meet it together."""
    tenant = f"money-{billing}-{number}"
    rig.wall.open(tenant, rng.choice(POINTS))
    codes = rng.choice((None, [408, 502], [408, 429, 500, 502, 503, 504]))
    targets = []
    for name in TARGETS[: rng.choice((2, 2, 3))]:
        model = rng.choices((ambiguous(rng), refused(rng), "good", "framed:chunked"), (70, 15, 10, 5))[0]
        more = {"request_timeout": rng.choice((120, 180))} if "sil" in model or "slow" in model else {}
        if rng.random() < 0.6:
            more["retry"] = {"attempts": rng.choice((1, 2, 3)), "use_retry_after_header": rng.random() < 0.5}
            more["retry"] |= {} if codes is None else {"on_status_codes": codes}
        port = closed_port() if rng.random() < 0.05 else None
        targets.append(target(rig, tenant, name, model, port=port, **more))
    listed = rng.choice((None, None, [408, 429, 500, 502, 503, 504]))
    strategy = {"mode": "fallback"} if listed is None else {"mode": "fallback", "on_status_codes": listed}
    config = {"strategy": strategy, "targets": targets, "billing": billing}
    count = rng.choice((1, 1, 2, 3, 6))
    return [Asked(f"{tenant} {index}", tenant, config, ("x-gateway-deadline: 8000",)) for index in range(count)]


def asked(rig, billing):
    rng = random.Random(f"money {billing}")
    wanted, requests = size(150, 2000), []
    for number in range(wanted):
        requests += made_up(rig, rng, billing, number)
        if len(requests) >= wanted:
            break
    return ask_all(rig, requests[:wanted], at_a_time=AT_A_TIME)


@pytest.mark.parametrize(("billing", "most"), [("strict", 1), ("once", 2)])
def test_no_request_is_billed_more_often_than_its_owner_allowed(stage, figures, billing, most):
    requests = asked(stage, billing)
    figures.all_of(
        f"`billing: {billing}`, billed ≤ {most}", ((request, request.billed <= most) for request in requests)
    )
    figures.all_of(
        f"`billing: {billing}`, told ≥ billed",
        ((each, each.number("x-gateway-maybe-billed") + each.answered >= each.billed) for each in requests),
    )
    figures.all_of(
        f"`billing: {billing}`, a whole answer or an error",
        ((each, each.got.whole and bool(each.painters if each.answered else each.got.code)) for each in requests),
    )
    attempts = sum(len(request.attempts) for request in requests)
    billed = sum(request.billed for request in requests)
    answered = sum(request.answered for request in requests)
    figures.tell(
        f"`billing: {billing}`, of these", f"{answered} answered, {attempts} attempts, {billed} billed", kept=billed > 0
    )
    twice = sum(request.billed == most for request in requests)
    figures.tell(f"`billing: {billing}`, at the limit", f"{twice} requests", kept=twice > len(requests) / 20)
    assert figures.broken == []
