"""Targets that are sick, slow, busy or asked to be left alone: over real sockets, by what the providers saw."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import pytest

from tests.end_to_end import caller
from tests.end_to_end.caller import ask
from tests.end_to_end.provider import within
from tests.running import serving

_NUMBERS = count()


@pytest.fixture
def target():
    """Make targets with a credential that no other test uses, as what is known of a target goes by it."""
    key = f"test-resilience-{next(_NUMBERS)}-not-real"
    return lambda provider, model="good", **more: caller.target(provider, model, **{"api_key": key, **more})


def row(*targets, mode="fallback", **more):
    return {"strategy": {"mode": mode, **more}, "targets": list(targets)}


def used(answer):
    return answer.headers["x-portkey-last-used-option-index"]


@contextmanager
def under_way(gateway, config, provider):
    """Have one request at the provider."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, gateway, config=config)
        assert within(5, lambda: len(provider.seen) == 1)
        yield running
        running.result()


def test_a_target_that_keeps_failing_is_left_alone(gateway, provider, elsewhere, target):
    config = row(target(provider, "status:503"), target(elsewhere))
    answers = [ask(gateway, config=config) for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 8
    assert [answer.attempts for answer in answers] == [2] * 5 + [1] * 3
    assert (len(provider.seen), len(elsewhere.seen)) == (5, 8)
    alone = ask(gateway, config=target(provider, "status:503"))
    assert (alone.status, alone.attempts) == (503, 1), "with nothing else to try it is tried"


def test_a_bad_key_of_one_never_bars_the_way_of_another(gateway, provider, elsewhere, target):
    """R19."""
    mine = row(target(provider, "status:503"), target(elsewhere))
    for _ in range(6):
        ask(gateway, config=mine)
    assert ask(gateway, config=mine).attempts == 1
    yours = row(target(provider, "status:503", api_key="test-resilience-yours-not-real"), target(elsewhere))
    assert ask(gateway, config=yours).attempts == 2


def test_it_is_taken_back_once_it_is_well(gateway, provider, elsewhere, target):
    breaker = {"failure_threshold": 1, "cooldown_interval": 300}
    config = row(target(provider, "once:503", cb_config=breaker), target(elsewhere))
    assert used(ask(gateway, config=config, prompt="a stork")) == "config.targets[1]"
    barred = ask(gateway, config=config, prompt="a stork")
    assert (used(barred), barred.attempts) == ("config.targets[1]", 1)
    time.sleep(0.35)
    answers = [ask(gateway, config=config, prompt="a stork") for _ in range(3)]
    assert [(used(answer), answer.attempts) for answer in answers] == [("config.targets[0]", 1)] * 3


def test_what_is_slow_is_joined_by_the_next_and_left_at_once(gateway, provider, elsewhere, target):
    hedge = {"after_ms": 150, "accept_double_billing": True}
    answer = ask(gateway, config=row(target(provider, "slow:5", hedge=hedge), target(elsewhere)))
    assert (answer.status, used(answer), answer.attempts, answer.maybe_billed) == (200, "config.targets[1]", 2, 1)
    assert answer.seconds < 2.5
    assert within(2, lambda: provider.seen[0].left_at is not None)
    assert provider.seen[0].left_at - elsewhere.seen[0].at < 1.0
    assert (len(provider.seen), len(elsewhere.seen)) == (1, 1)


def test_nothing_is_joined_unless_it_is_asked_for(gateway, provider, elsewhere, target):
    answer = ask(gateway, config=row(target(provider, "slow:0.5"), target(elsewhere)))
    assert (used(answer), answer.attempts, elsewhere.seen) == ("config.targets[0]", 1, [])


def test_a_target_that_asked_to_be_left_alone_is(gateway, provider, elsewhere, target):
    config = row(target(provider, "status:429:30"), target(elsewhere))
    answers = [ask(gateway, config=config) for _ in range(3)]
    assert [answer.attempts for answer in answers] == [2, 1, 1]
    assert len(provider.seen) == 1
    alone = ask(gateway, config=target(provider, "status:429:30"))
    assert (alone.status, alone.code, alone.attempts) == (429, "upstream_rate_limited", 0)
    assert 25 <= int(alone.headers["retry-after"]) <= 30
    assert len(provider.seen) == 1


def test_of_several_that_asked_the_shortest_pause_is_told(gateway, provider, target):
    config = row(*(target(provider, f"status:429:{pause}") for pause in (50, 20, 90)))
    first, second = (ask(gateway, config=config) for _ in range(2))
    assert (first.attempts, second.attempts, second.status) == (3, 0, 429)
    assert first.headers["retry-after"] == "20"
    assert 15 <= int(second.headers["retry-after"]) <= 20
    balanced = row(*config["targets"], mode="loadbalance")
    third = ask(gateway, config=balanced)
    assert (third.status, third.attempts) == (429, 0)
    assert 15 <= int(third.headers["retry-after"]) <= 20


def test_a_limit_on_a_target_sends_others_elsewhere(gateway, provider, elsewhere, target):
    config = row(target(provider, "slow:0.6", max_in_flight=1), target(elsewhere))
    with under_way(gateway, config, provider) as running:
        diverted = ask(gateway, config=config)
    assert (used(diverted), diverted.attempts, used(running.result())) == ("config.targets[1]", 1, "config.targets[0]")


def test_or_makes_them_wait_for_their_turn(gateway, provider, target):
    config = target(provider, "slow:0.6", max_in_flight=1)
    with under_way(gateway, config, provider) as running:
        waited = ask(gateway, config=config)
    assert (running.result().status, waited.status, waited.attempts) == (200, 200, 1)
    assert provider.seen[1].at - provider.seen[0].at >= 0.6


def test_but_not_for_long(gateway, provider, target):
    config = target(provider, "slow:3.5", max_in_flight=1)
    with under_way(gateway, config, provider):
        refused = ask(gateway, config=config)
    assert (refused.status, refused.code, refused.attempts) == (503, "overloaded", 0)
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert refused.final != "false", "it cost nothing, so it may be tried again"
    assert 1.9 <= refused.seconds <= 3.4
    assert len(provider.seen) == 1


def test_the_same_user_is_painted_for_by_the_same_target(gateway, provider, elsewhere, target):
    sticky = {"hash_fields": ["metadata._user"]}
    config = row(target(provider), target(elsewhere), mode="loadbalance", sticky=sticky)
    places = {
        user: {used(ask(gateway, config=config, x_portkey_metadata=f'{{"_user": "{user}"}}')) for _ in range(4)}
        for user in ("ann", "bob", "eve", "joe", "kim", "lea", "max", "pia")
    }
    assert {len(found) for found in places.values()} == {1}
    assert len(set.union(*places.values())) == 2


def test_what_is_known_of_a_target_survives_an_edit_of_the_config(walls, provider, elsewhere, target, tmp_path):
    file = tmp_path / "here.json"

    def write(text):
        data = {**row(target(provider, "status:503"), target(elsewhere)), "description": text}
        file.write_text(json.dumps(data))

    write("before")
    with serving(tmp_path) as running:
        for _ in range(5):
            assert ask(running, config="here").attempts == 2
        before = ask(running, config="here")
        write("after")
        edited = []
        assert within(5, lambda: edited.append(ask(running, config="here")) or _version(edited[-1]) != _version(before))
        assert [answer.attempts for answer in (before, *edited)] == [1] * (1 + len(edited))
        assert len(provider.seen) == 5


def _version(answer):
    return answer.headers["x-gateway-config-version"]
