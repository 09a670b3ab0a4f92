"""What answers tell of themselves is what the provider saw."""

import random
from collections import Counter

from tests.promises.asking import Asked, ask_all, target
from tests.promises.figures import size
from tests.promises.test_r05_money import TARGETS, ambiguous, refused

REQUESTS = size(300, 3000)
PROVIDERS = {"first": "openai", "second": "openai-compatible", "third": "openai"}


def model(rng):
    kinds = (ambiguous(rng), refused(rng), rng.choice(("policy", "invalid", "redirect", "once:503")))
    return rng.choices((*kinds, rng.choice(("good", "counted", "framed:gzip", "slow:0.05"))), (25, 25, 10, 40))[0]


def made_up(rig, rng, number):
    """Make up a config, and the requests that meet it together, with breakers and marks they leave each other."""
    tenant = f"telling-{number}"
    rig.wall.open(tenant)
    retry = {"retry": {"attempts": rng.choice((1, 2))}} if rng.random() < 0.4 else {}
    targets = [_target(rig, tenant, name, model(rng), **retry) for name in TARGETS[: rng.choice((1, 2, 3, 3))]]
    mode = rng.choice(("fallback", "fallback", "loadbalance"))
    config = targets[0] if len(targets) == 1 else {"strategy": {"mode": mode}, "targets": targets}
    config |= {"billing": rng.choice(("strict", "once", "any"))}
    return [
        Asked(f"{tenant} {index}", tenant, config, ("x-gateway-deadline: 8000",))
        for index in range(rng.choice((1, 2, 8)))
    ]


def _target(rig, tenant, name, model, **more):
    """Return a target that is given up only where its provider is silent: what is cut short was told to nobody."""
    if "sil" in model:
        more["request_timeout"] = 1000
    return target(rig, tenant, name, model, provider=PROVIDERS[name], **more)


def asked(rig):
    rng = random.Random("telling")
    requests = []
    while len(requests) < REQUESTS:
        requests += made_up(rig, rng, len(requests))
    return ask_all(rig, requests[:REQUESTS], at_a_time=16)


def test_attempts_models_and_providers_are_told_as_the_wall_saw_them(stage, figures):
    before = len(stage.wall.log)
    requests = asked(stage)
    logged = len(stage.wall.log) - before
    told = sum(request.number("x-gateway-attempts") for request in requests)
    figures.tell("Σ x-gateway-attempts beside the wall's log", f"{told} beside {logged}", kept=told == logged > 0)
    figures.all_of(
        "x-gateway-attempts of each request",
        ((request, request.number("x-gateway-attempts") == len(request.attempts)) for request in requests),
    )
    answered = [request for request in requests if request.answered]
    failed = [request for request in requests if not request.answered]
    figures.all_of(
        "x-gateway-model, x-portkey-provider and the option told are of the target that painted",
        ((request, told_of_painter(request)) for request in answered),
    )
    figures.all_of(
        "the targets and statuses an error lists", ((request, lists_what_was_seen(request)) for request in failed)
    )
    figures.all_of("nothing sent that no gateway may send", [(stage.wall.wrong, stage.wall.wrong == [])])
    spread = Counter(request.painters[0].target for request in answered)
    figures.tell("painted by", ", ".join(f"{name} {spread[name]}" for name in TARGETS), kept=min(spread.values()) > 3)
    assert figures.broken == []


def told_of_painter(request):
    (painter,) = request.painters
    headers = request.got.headers
    targets = request.config.get("targets", [request.config])
    index = [each["name"] for each in targets].index(painter.target)
    path = f"config.targets[{index}]" if "targets" in request.config else "config"
    return (
        painter.tenant == request.tenant
        and headers["x-gateway-model"] == painter.model
        and headers["x-portkey-provider"] == targets[index]["provider"] == PROVIDERS[painter.target]
        and headers["x-portkey-last-used-option-index"] == path
        and painter == request.attempts[-1].painter
    )


def lists_what_was_seen(request):
    rows = request.got.error.get("attempts", [])
    seen = [attempt.painter for attempt in request.attempts]
    statuses = [painter.model.split(":")[1] for painter in seen if painter.model.startswith("status:")]
    told = [str(row["status"]) for row, painter in zip(rows, seen, strict=False) if painter.model.startswith("status:")]
    return [row["target"] for row in rows] == [painter.target for painter in seen] and told == statuses
