"""The deadline covers all attempts and waits of a request, whatever its targets do."""

import random
import socket

import pytest

from tests.end_to_end.wall.rig import closed_port
from tests.promises.asking import Asked, ask_all, target
from tests.promises.figures import share, size
from tests.strategies import test_any_tree

DEPTH = 3
MARGIN = 0.5
MODELS = (
    *("silent", "silent", "slow:0.4", "slow:1.5", "slow:30", "dribble", "dribble", "lost:chunked:500:silence"),
    *("lost:length:0:silence", "lost:length:10:silence", "lost:length:300:close", "lost:length:0:reset"),
    *("status:500", "status:503", "status:429", "status:429:0.6", "status:503:1.5", "status:429:50", "status:504"),
    *("empty", "html", "invalid", "good"),
)


@pytest.fixture(scope="module")
def deaf():
    """Return the port of somebody who takes no connection, though all are made."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        yield listening.getsockname()[1]


def tree(rng, leaf, depth=DEPTH):
    """Make up a node of a config."""
    kind = rng.choice(("target", "fallback", "fallback", "loadbalance") if 0 < depth < DEPTH else ("fallback",))
    if kind == "target" or not depth:
        return leaf()
    children = [tree(rng, leaf, depth - 1) for _ in range(rng.choice((2, 2, 3)))]
    if kind == "loadbalance":
        children = [{"weight": rng.randint(1, 5), **child} for child in children]
    more = {"deadline": rng.choice((1500, 3000))} if rng.random() < 0.1 else {}
    return {"strategy": {"mode": kind}, "targets": children, **more}


def asked(rig, deaf, number):
    rng = random.Random(f"deadline {number}")
    tenant = f"deadline-{number}"
    rig.wall.open(tenant)

    def leaf():
        port = rng.choice((None, None, None, None, None, deaf, closed_port()))
        more = {"request_timeout": rng.choice((150, 400, 1000, 5000))} if rng.random() < 0.5 else {}
        if rng.random() < 0.7:
            codes = {"on_status_codes": [408, 429, 500, 502, 503, 504]} if rng.random() < 0.7 else {}
            more["retry"] = {"attempts": rng.randint(1, 5), "use_retry_after_header": rng.random() < 0.5, **codes}
        return target(rig, tenant, "".join(rng.choices("abcdefgh", k=6)), rng.choice(MODELS), port=port, **more)

    config = {**tree(rng, leaf), "billing": rng.choice(("any", "any", "once"))}
    milliseconds = rng.randint(1000, size(1500, 4000))
    body = {"stream": True, "partial_images": 2} if rng.random() < 0.1 else {}
    lines = (f"x-gateway-deadline: {milliseconds}",)
    return milliseconds / 1000, Asked(f"{tenant} 0", tenant, config, lines, body)


def test_every_request_ends_by_its_deadline(stage, deaf, figures):
    found = [asked(stage, deaf, number) for number in range(size(20, 200))]
    ask_all(stage, [request for _, request in found], at_a_time=20)
    late = [request.got.seconds - deadline for deadline, request in found]
    figures.all_of(
        f"real sockets, over after D + {MARGIN} s at most",
        ((request, after <= MARGIN) for (_, request), after in zip(found, late, strict=True)),
    )
    figures.all_of("real sockets, told to its end", ((request, request.got.whole) for _, request in found))
    used_up = sum(after >= -0.05 for after in late)
    figures.tell("real sockets, ran into their deadline", f"{used_up}", kept=used_up >= len(found) / 5)
    middle, most = share(sorted(late)[-used_up:], 0.5), max(late)
    figures.tell("real sockets, of those, later than D by", f"p50 {middle * 1000:.0f} ms, most {most * 1000:.0f} ms")
    assert figures.broken == []


def test_every_made_up_tree_keeps_its_deadline_in_virtual_time(figures, monkeypatch):
    """Play the trees of tests/strategies/test_any_tree.py in greater number; it plays 2,500 of them itself."""
    monkeypatch.setattr(test_any_tree, "note", lambda _: None)
    play = test_any_tree.test_every_request_keeps_its_bounds_and_leaves_nothing_behind.hypothesis.inner_test

    def kept(seed):
        try:
            play(seed)
        except AssertionError:
            return False
        return True

    figures.all_of(
        "virtual time, trees that keep their deadline and other bounds",
        ((seed, kept(seed)) for seed in range(size(100, 10_000))),
    )
    assert figures.broken == []
