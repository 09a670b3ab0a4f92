"""Who asks to be left alone is left alone for as long, by the request that heard it and by all others."""

import asyncio
import functools
import math
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from gateway import virtual_time
from strategies import Failure, Success
from tests.end_to_end.wall.provider import key_of
from tests.gateway.scripted import ScriptedTransport, answer, picture, refused, route_of, run
from tests.promises.asking import Asked, ask_all, target
from tests.promises.faults import pushed
from tests.promises.figures import size

DAY = 86_400.0
LONGEST_WAIT = 60.0
LONGEST_MARK = 600.0
MARGIN = 0.2
RESOLUTION = 1e-6
NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)

# --- every spelling, written from the pause that it means: what reads it is not asked ---

GARBAGE = (
    "",
    " ",
    "soon",
    "5 s",
    "5,5",
    "--5",
    "0x10",
    "nan",
    "NaN",
    "[5]",
    "Sun, 99 Foo 2026",
    "Sat, 21 Nov",
    "5;q=1",
)
NEGATIVE = ("-1", "-0.5", "-1e9", "-inf")
TOO_LARGE = ("1e400", "9" * 400, "inf", "86401", "100000000", "1e18")


def spelled(rng):  # noqa: PLR0911 - a return for each spelling
    """Return header lines, and the seconds that they ask for: `None` for nothing sensible."""
    kind = rng.choice(
        ("seconds", "decimals", "milliseconds", "azure", "date", "garbage", "negative", "overflow", "mix")
    )
    seconds = rng.choice((0, 1, 2, 7, 30, rng.randint(0, 60), rng.randint(61, 600), rng.randint(600, 200_000)))
    match kind:
        case "seconds":
            return {"retry-after": str(seconds)}, float(seconds)
        case "decimals":
            exact = rng.randint(0, 70_000) / 1000
            return {"retry-after": rng.choice((f"{exact}", f"{exact:.3f}", f" {exact} ", f"+{exact}"))}, exact
        case "milliseconds" | "azure":
            name = "retry-after-ms" if kind == "milliseconds" else "x-ms-retry-after-ms"
            milliseconds = rng.randint(0, 70_000)
            # What is less exact stands beside it, and does not count.
            return {name: str(milliseconds), "retry-after": rng.choice(("99", "soon"))}, milliseconds / 1000
        case "date":
            return _date(rng, seconds), float(seconds)
        case "garbage":
            return {rng.choice(("retry-after", "retry-after-ms")): rng.choice(GARBAGE)}, None
        case "negative":
            past = {"retry-after": format_datetime(NOW - timedelta(seconds=30), usegmt=True), "date": _http(NOW)}
            return rng.choice(({rng.choice(("retry-after", "retry-after-ms")): rng.choice(NEGATIVE)}, past)), None
        case "overflow":
            return {"retry-after": rng.choice(TOO_LARGE)}, math.inf
        case _:
            return {"retry-after-ms": rng.choice(GARBAGE), "retry-after": str(seconds)}, float(seconds)


def _date(rng, seconds):
    """Return a date in one of HTTP's three forms; the provider's clock may be wrong by hours, as it says itself."""
    now = NOW + timedelta(hours=rng.choice((0, 0, -7, 3)))
    then = now + timedelta(seconds=seconds)
    forms = (_http(then), then.strftime("%A, %d-%b-%y %H:%M:%S GMT"), then.strftime("%a %b %d %H:%M:%S %Y"))
    return {"retry-after": rng.choice(forms), "date": _http(now)}


def _http(moment):
    return format_datetime(moment, usegmt=True)


@functools.cache
def painted():
    return answer(picture((64, 64)))


def config(name="first", **more):
    return {"provider": "openai", "api_key": f"test-{name}-not-real", "override_params": {"model": name}, **more}


def patient(rng):
    retry = {"attempts": 1, "use_retry_after_header": True}
    return config(retry=retry, deadline=rng.choice((30_000, 180_000, 600_000)))


def obeys(rng):
    """Have a target refuse once; return what was said, and whether the next attempt came when it may come."""
    headers, pause = spelled(rng)
    status = rng.choice((429, 429, 503, 529) if pause is not None else (429,))

    async def main():
        transport = ScriptedTransport([refused(status, **headers), painted()])
        route = route_of(patient(rng), transport)
        outcome, _ = await run(route, seed=rng.randrange(1 << 30))
        gaps = [later.at - sooner.at for sooner, later in zip(transport.sent, transport.sent[1:], strict=False)]
        return outcome, gaps, route.deadline

    outcome, gaps, deadline = virtual_time.run(main())
    return (headers, pause, status, gaps, str(outcome)[:200]), _is_right(outcome, gaps, pause, deadline)


def _is_right(outcome, gaps, pause, deadline):
    if pause is None:
        return isinstance(outcome, Success) and len(gaps) == 1 and gaps[0] <= 1.0  # the usual back-off
    least, most = pause, pause * 1.1 + MARGIN
    if gaps:
        return isinstance(outcome, Success) and least - RESOLUTION <= gaps[0] <= most and pause <= LONGEST_WAIT
    # Not waited for: only where it may not fit, and then it is told as it was said, or as a day at most.
    told = min(pause, DAY)
    return pause * 1.1 > min(LONGEST_WAIT, deadline) and abs(outcome.retry_after - told) < RESOLUTION


def test_the_next_attempt_comes_when_it_may(figures):
    rng = random.Random("pushback")
    rows = [obeys(rng) for _ in range(500)]
    figures.all_of("virtual time, next attempt in [RA, 1.1·RA + 0.2 s], or none where it does not fit", rows)
    waited = sum(bool(gaps) and pause is not None for (_, pause, _, gaps, _), _ in rows)
    unheard = sum(pause is None for (_, pause, *_), _ in rows)
    figures.tell(
        "virtual time, of these",
        f"{waited} waited for, {unheard} said nothing sensible, {len(rows) - waited - unheard} too long to wait for",
        kept=min(waited, unheard) > 50,
    )
    assert figures.broken == []


# --- what others may do meanwhile ---


def leaves_alone(rng):
    """Have other requests come before and after the pause is over; return what happened, and whether it may."""
    pause = rng.choice((0.3, 1.5, 7.25, 60.0, 599.0, rng.uniform(0.1, 900.0)))
    bar = min(pause, LONGEST_MARK)
    alone = rng.random() < 0.5
    before = sorted(rng.uniform(0.0, bar * 0.999) for _ in range(4))

    async def main():
        targets = [config("first"), *([] if alone else [config("second")])]
        transport = ScriptedTransport()
        route = route_of({"strategy": {"mode": "fallback"}, "targets": targets}, transport)

        async def asked_at(moment, *script):
            await asyncio.sleep(moment - asyncio.get_running_loop().time())
            transport.script = list(script)
            transport.sent.clear()
            outcome, _ = await run(route)
            return outcome, [sent.json["model"] for sent in transport.sent]

        spare = [] if alone else [painted()]
        await asked_at(0.0, refused(429, **{"retry-after": str(pause)}), *spare)
        seen = []
        for moment in before:
            outcome, asked = await asked_at(moment, *spare)
            if alone:
                well = isinstance(outcome, Failure) and abs(outcome.retry_after - (bar - moment)) < RESOLUTION
            else:
                well = isinstance(outcome, Success)
            seen.append((moment, asked, well and asked == ([] if alone else ["second"])))
        outcome, asked = await asked_at(bar + RESOLUTION, painted())
        return [*seen, (bar, asked, isinstance(outcome, Success) and asked == ["first"])]

    seen = virtual_time.run(main())
    return (pause, alone, seen), all(well for _, _, well in seen)


def test_others_leave_it_alone_until_then_and_ask_it_again_afterwards(figures):
    rng = random.Random("left alone")
    figures.all_of(
        "virtual time, others ask it again at RA (at most 10 min), never before",
        (leaves_alone(rng) for _ in range(200)),
    )
    assert figures.broken == []


# --- the same on real sockets ---

SPELLINGS = (
    *(("Retry-After: 1",), ("Retry-After: 0.4",), ("Retry-After: 1.25",), ("retry-after-ms: 650", "Retry-After: 9")),
    *(("x-ms-retry-after-ms: 820",), ("RETRY-AFTER: 0.75",)),
    (f"Retry-After: {_http(NOW + timedelta(seconds=1))}", f"Date: {_http(NOW)}"),
)
SECONDS = (1.0, 0.4, 1.25, 0.65, 0.82, 0.75, 1.0)


def test_the_same_on_real_sockets(stage, figures):
    count = size(20, 100)
    requests, pauses = [], []
    for number in range(count):
        tenant = f"pushback-{number}"
        stage.wall.open(tenant)
        model = pushed(*SPELLINGS[number % len(SPELLINGS)], status=(429, 503)[number // len(SPELLINGS) % 2])
        retry = {"attempts": 1, "use_retry_after_header": True}
        requests.append(Asked(f"{tenant} 0", tenant, target(stage, tenant, "first", model, retry=retry)))
        pauses.append(SECONDS[number % len(SECONDS)])
    ask_all(stage, requests, at_a_time=20)

    def gap(asked):
        first, second = (attempt.at_ms for attempt in asked.attempts)
        return (second - first) / 1000

    rows = [(asked, gap(asked), pause) for asked, pause in zip(requests, pauses, strict=True)]
    figures.all_of("real sockets, never earlier than RA", ((row, row[1] >= row[2]) for row in rows))
    figures.all_of("real sockets, by 1.1·RA + 0.2 s", ((row, row[1] <= row[2] * 1.1 + MARGIN) for row in rows))
    figures.all_of("real sockets, answered", ((asked, asked.answered) for asked in requests))
    assert figures.broken == []


def test_with_nothing_left_the_answer_is_429_with_the_smallest_pause(stage, figures):
    """Two targets ask for 40 and 20 seconds; nobody asks either again, and every caller hears of the smaller one."""
    tenant = "pushback-nothing-left"
    stage.wall.open(tenant)
    names = {"first": 40, "second": 20}
    targets = [target(stage, tenant, name, f"status:429:{seconds}") for name, seconds in names.items()]
    both = {"strategy": {"mode": "fallback"}, "targets": targets}
    requests = [Asked(f"{tenant} {number}", tenant, both) for number in range(12)]
    ask_all(stage, requests[:1], at_a_time=1)
    ask_all(stage, requests[1:], at_a_time=1)
    figures.all_of(
        "real sockets, nothing left: 429, Retry-After the smallest",
        ((each, each.got.status == 429 and 17 <= each.number("retry-after") <= 20) for each in requests),
    )
    figures.all_of(
        "real sockets, nothing left: not asked again",
        ((each, len(each.attempts) == (2 if each is requests[0] else 0)) for each in requests),
    )
    assert key_of(tenant, "first") not in str(requests[0].got.body)
    assert figures.broken == []
