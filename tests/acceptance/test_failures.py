"""Acceptance cases 27 to 40: what providers do, and what that costs.

As the specification has it: a timed-out attempt is 408 `timeout_error`, the last provider's own status is told, what is
throttled is `upstream_rate_limited`, empty answers and a provider's 4xx fall back like other failures, and attempts are
bounded by `max_attempts` where a config gives it. Waits are shorter here than in the list, where nothing hangs on them.
"""

import email.utils
import itertools
import random
import time

import pytest

from tests.end_to_end.caller import ask, fallback, target
from tests.end_to_end.provider import GOOD

MINUTE = 60.0


def told(got):
    return got.status, got.code, got.attempts, got.maybe_billed, got.final


def gaps(provider):
    return [after.at - before.at for before, after in itertools.pairwise(provider.seen)]


def test_27_a_refused_connection_is_saved_and_costs_nothing(gateway, provider):
    got = ask(gateway, config=fallback(target("http://127.0.0.1:9/v1"), target(provider)))
    assert (got.status, got.attempts, got.maybe_billed) == (200, 2, 0)
    assert (len(provider.seen), provider.billed) == (1, 1)


RETRY = {"attempts": 2, "use_retry_after_header": True}


def test_28_retry_after_is_waited_for(gateway, provider):
    got = ask(gateway, config=target(provider, "once:429:2", retry=RETRY), prompt="case 28")
    assert (got.status, got.attempts) == (200, 2)
    assert 2.0 <= gaps(provider)[0] <= 2.4


def test_29_a_wait_of_an_hour_is_not_begun(gateway, provider):
    throttled = target(provider, "status:429:3600", retry=RETRY)
    got = ask(gateway, config=fallback(throttled, target(provider)))
    assert (got.status, got.attempts) == (200, 2)
    assert got.seconds < 1
    got = ask(gateway, config=target(provider, "status:429:3600", retry=RETRY))
    assert (got.status, got.code, got.attempts, got.headers["retry-after"]) == (429, "upstream_rate_limited", 1, "3600")
    assert got.seconds < 1


HINTS = {
    "-1": (0.0, 1.1),
    "abc": (0.0, 1.1),
    "1e999": None,
    email.utils.formatdate(1_700_000_000, usegmt=True): (0.0, 1.1),
    "1.5": (1.5, 1.85),
}


@pytest.mark.parametrize("hint", HINTS)
def test_30_retry_after_in_every_spelling(gateway, provider, hint):
    got = ask(gateway, config=target(provider, f"once:429:{hint}", retry=RETRY), prompt=f"case 30 {hint}")
    if HINTS[hint] is None:
        assert (got.status, got.attempts) == (429, 1)
        return
    shortest, longest = HINTS[hint]
    assert (got.status, got.attempts) == (200, 2)
    assert shortest <= gaps(provider)[0] <= longest


def test_31_a_failure_that_passes_is_tried_again_at_the_same_target(gateway, provider):
    got = ask(gateway, config=target(provider, "once:500", retry={"attempts": 1}), prompt="case 31")
    assert (got.status, got.attempts, got.headers["x-portkey-retry-attempt-count"]) == (200, 2, "1")
    assert len({seen.key for seen in provider.seen}) == 1


def test_32_attempts_are_kept_for_every_sibling(gateway, provider):
    targets = [target(provider, "status:503", name=name, retry={"attempts": 2}) for name in "abc"]
    got = ask(gateway, config={**fallback(*targets), "max_attempts": 4})
    assert (got.status, got.code, got.attempts, got.final) == (503, "upstream_error", 4, "false")
    assert [row["target"] for row in got.error["attempts"]] == ["a", "a", "b", "c"]
    assert {(row["status"], row["cause"]) for row in got.error["attempts"]} == {(503, "provider_error")}
    assert len(provider.seen) == 4


def silent(provider):
    return target(provider, "silent", request_timeout=500)


def test_33_a_silent_provider_is_left_in_time(gateway, provider):
    got = ask(gateway, config=fallback(silent(provider), target(provider)))
    assert (got.status, got.attempts, got.maybe_billed) == (200, 2, 1)
    assert 0.5 <= got.seconds < 1.5
    assert provider.models == ["silent", "good"]


def test_34_a_silent_provider_under_strict_billing(gateway, provider):
    got = ask(gateway, config={**fallback(silent(provider), target(provider)), "billing": "strict"})
    assert told(got) == (408, "timeout_error", 1, 1, "false")
    assert 0.5 <= got.seconds < 1.5
    assert provider.models == ["silent"]


@pytest.mark.parametrize("fault", ["reset", "closed"])
def test_35_a_connection_that_ends_before_the_answer(gateway, provider, fault):
    got = ask(gateway, config=fallback(target(provider, fault), target(provider)))
    assert (got.status, got.attempts, got.maybe_billed) == (200, 2, 1)
    assert provider.billed <= 2
    provider.forget()
    got = ask(gateway, config={**fallback(target(provider, fault), target(provider)), "billing": "strict"})
    assert told(got) == (502, "upstream_incomplete", 1, 1, "false")
    assert provider.billed <= 1


@pytest.mark.parametrize("framing", ["length", "chunked", "between", "close"])
def test_36_no_part_of_a_picture_is_a_picture(gateway, provider, framing):
    places = random.Random(36)
    for position in [0, 1, len(GOOD) - 1, *(places.randrange(2, len(GOOD)) for _ in range(9))]:
        got = ask(gateway, config={**target(provider, f"cut:{framing}:{position}"), "billing": "strict"})
        assert (got.status, got.maybe_billed, got.final) == (502, 1, "false"), position
        assert got.code in {"upstream_incomplete", "upstream_bad_response"}
    got = ask(gateway, config=fallback(target(provider, f"cut:{framing}:{len(GOOD) // 2}"), target(provider)))
    assert (got.status, got.maybe_billed) == (200, 1)
    assert got.body == GOOD


def test_36_what_is_compressed_is_not_opened(gateway, provider):
    got = ask(gateway, config=fallback(target(provider, "gzip"), target(provider)))
    assert (got.status, got.maybe_billed) == (200, 1)
    assert got.body == GOOD


NO_ANSWERS = {
    "says:html": "upstream_bad_response",
    "says:no data": "upstream_empty",
    "large:length:67200000": "upstream_too_large",
    "large:chunked:67200000": "upstream_too_large",
}


@pytest.mark.parametrize(("model", "code"), NO_ANSWERS.items())
def test_37_answers_that_are_none(gateway, provider, model, code):
    # The limit is 64 MiB here, and 96 by default.
    assert told(ask(gateway, config=target(provider, model))) == (502, code, 1, 1, "false")
    if not model.startswith("large"):
        got = ask(gateway, config=fallback(target(provider, model), target(provider)))
        assert (got.status, got.attempts, got.maybe_billed) == (200, 2, 1)


def test_38_a_refused_prompt_is_not_shopped_around(gateway, provider):
    for codes in ({}, {"on_status_codes": [400]}):
        got = ask(gateway, config=fallback(target(provider, "refused"), target(provider), **codes))
        assert (got.status, got.code, got.attempts) == (400, "content_policy_violation", 1)
        assert got.error["provider_code"] == "moderation_blocked"
    assert provider.models == ["refused"] * 2
    got = ask(gateway, config=fallback(target(provider, "refused"), target(provider), on_causes=["policy"]))
    assert (got.status, got.attempts) == (200, 2)


def test_39_a_request_that_the_provider_calls_wrong(gateway, provider):
    got = ask(gateway, config=target(provider, "status:400"))
    assert (got.status, got.attempts, got.maybe_billed) == (400, 1, 0)
    got = ask(gateway, config=fallback(target(provider, "status:400"), target(provider)))
    assert (got.status, got.attempts) == (200, 2)
    got = ask(gateway, config=fallback(target(provider, "status:400"), target(provider), on_status_codes=[500]))
    assert (got.status, got.attempts) == (400, 1)


@pytest.mark.parametrize("status", [401, 403])
def test_40_our_own_key_is_refused(gateway, provider, status):
    got = ask(gateway, config=fallback(target(provider, f"status:{status}"), target(provider)))
    assert (got.status, got.attempts, got.maybe_billed) == (200, 2, 0)
    got = ask(gateway, config=target(provider, f"status:{status}"))
    assert told(got) == (502, "upstream_auth", 1, 0, "false")


def test_43_the_deadline_is_the_last_word(gateway, provider):
    again = {"attempts": 5, "on_status_codes": [408]}
    got = ask(gateway, config=target(provider, "slow:0.8"), x_gateway_deadline="1000")
    assert (got.status, got.attempts) == (200, 1)
    provider.forget()
    config = fallback(target(provider, "slow:1.6", retry=again), target(provider))
    got = ask(gateway, config={**config, "billing": "any"}, x_gateway_deadline="1000")
    assert (got.status, got.code, got.final) == (504, "deadline_exceeded", "false")
    assert 1.0 <= got.seconds <= 1.5
    sent = len(provider.seen)
    time.sleep(0.4)
    assert len(provider.seen) == sent
