"""Each way in which a provider fails: what the caller is told, what it may have cost, and how a fallback saves it."""

import concurrent.futures
import json
import random
import time
from dataclasses import dataclass

import pytest

from tests.end_to_end.caller import ask, fallback, target
from tests.end_to_end.provider import GOOD, RAW, SAYINGS


@dataclass
class Told:
    status: int
    code: str
    billed: int = 0
    """What x-gateway-maybe-billed says."""
    final: str | None = None
    """What x-should-retry says."""
    cause: str = ""


CUT = Told(502, "upstream_incomplete", 1, "false", "incomplete")
ODD = Told(502, "upstream_bad_response", 1, "false", "incomplete")
EMPTY = Told(502, "upstream_empty", 1, "false", "empty")
LARGE = Told(502, "upstream_too_large", 1, "false", "incomplete")
AUTH = Told(502, "upstream_auth", 0, "false", "auth")
REDIRECT = Told(502, "upstream_redirect", 0, "false", "provider_error")

FAULTS = {
    "reset": CUT,
    "closed": CUT,
    "cut:head:0": CUT,
    "cut:head:20": CUT,
    "cut:length:0": CUT,
    "cut:length:200": CUT,
    "cut:chunked:200": CUT,
    "cut:between:200": CUT,
    "cut:eof:200": ODD,
    "gzip": ODD,
    "large:length:2000000": LARGE,
    "large:chunked:2000000": LARGE,
    "large:eof:2000000": LARGE,
    "large:chunked:1000100": LARGE,
    "redirect:301": REDIRECT,
    "redirect:307": REDIRECT,
    "redirect:308": REDIRECT,
    "status:300": REDIRECT,
    "refused": Told(400, "content_policy_violation", 0, None, "policy"),
    "status:400": Told(400, "invalid_request", 0, None, "invalid"),
    "status:401": AUTH,
    "status:402": AUTH,
    "status:403": AUTH,
    "status:404": Told(404, "invalid_request", 0, None, "invalid"),
    "status:405": Told(502, "upstream_error", 0, "false", "invalid"),
    "status:408": Told(408, "timeout_error", 1, "false", "timeout"),
    "status:409": Told(409, "invalid_request", 0, None, "invalid"),
    "status:413": Told(413, "invalid_request", 0, None, "invalid"),
    "status:415": Told(415, "invalid_request", 0, None, "invalid"),
    "status:422": Told(422, "invalid_request", 0, None, "invalid"),
    "status:429": Told(429, "upstream_rate_limited", 0, None, "rate_limited"),
    "status:500": Told(500, "upstream_error", 0, None, "provider_error"),
    "status:502": Told(502, "upstream_error", 0, "false", "provider_error"),
    "status:503": Told(503, "upstream_error", 0, None, "provider_error"),
    "status:503:7": Told(503, "upstream_rate_limited", 0, None, "rate_limited"),
    "status:504": Told(504, "upstream_error", 0, "false", "provider_error"),
    "status:529:7": Told(529, "upstream_rate_limited", 0, None, "rate_limited"),
    **dict.fromkeys(
        ("says:no data", "says:null data", "says:empty object", "says:null picture", "says:empty picture"), EMPTY
    ),
    **dict.fromkeys(
        (
            "says:no base64",
            "says:not UTF-8",
            "says:broken picture",
            "says:html picture",
            "says:huge picture",
            "says:bad link",
        ),
        EMPTY,
    ),
    **{f"says:{what}": ODD for what in ("html", "nothing", "list", "number", "text", "deep", "null")},
    "says:error in a 200": ODD,
    **{f"raw:{what}": CUT for what in RAW},
    "raw:switching": ODD,
}
# A refusal stays where it is unless it is listed.
SAVED = {model: told for model, told in FAULTS.items() if told.cause != "policy"}


def test_every_saying_is_tried():
    assert {model.removeprefix("says:") for model in FAULTS if model.startswith("says:")} == SAYINGS.keys()


@pytest.mark.parametrize(("model", "told"), FAULTS.items(), ids=FAULTS)
def test_a_fault_alone(gateway, provider, elsewhere, model, told):
    got = ask(gateway, config=target(provider, model))
    assert (got.status, got.code, got.maybe_billed, got.final) == (told.status, told.code, told.billed, told.final)
    assert got.attempts == 1
    assert provider.models == [model]
    assert elsewhere.connects == 0
    assert provider.billed <= got.maybe_billed
    row = got.error["attempts"][0]
    assert (row["target"], row["provider"], row["cause"]) == ("config", "openai", told.cause)
    assert got.headers["x-portkey-retry-attempt-count"] == "0"


@pytest.mark.parametrize(("model", "told"), SAVED.items(), ids=SAVED)
def test_a_fault_before_a_fallback(gateway, provider, model, told):
    got = ask(gateway, config=fallback(target(provider, model), target(provider, "good", name="second")))
    assert (got.status, got.attempts, got.maybe_billed) == (200, 2, told.billed)
    assert provider.models == [model, "good"]
    assert got.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert got.body == GOOD
    assert provider.billed <= got.maybe_billed + 1


@pytest.mark.parametrize(("model", "told"), FAULTS.items(), ids=FAULTS)
def test_strict_billing_never_pays_twice(gateway, provider, model, told):
    got = ask(gateway, config=fallback(target(provider, model), target(provider)) | {"billing": "strict"})
    stops = told.billed or told.cause == "policy"
    assert got.status == (told.status if stops else 200)
    assert provider.models == ([model] if stops else [model, "good"])
    assert provider.billed <= 1


def test_strict_billing_of_the_fallback_itself_says_so(gateway, provider):
    got = ask(gateway, config=fallback(target(provider, "reset", billing="strict"), target(provider)))
    assert (got.status, got.code, got.final) == (502, "upstream_incomplete", "false")
    assert provider.models == ["reset"]


def test_once_pays_one_more_time_and_no_more(gateway, provider):
    got = ask(gateway, config=fallback(*(target(provider, "reset") for _ in range(4))))
    assert (got.status, got.attempts, got.maybe_billed) == (502, 2, 2)
    assert len(got.error["attempts"]) == 2


def test_any_billing_tries_them_all(gateway, provider):
    targets = [target(provider, model) for model in ("reset", "cut:length:9", "says:html", "closed", "good")]
    got = ask(gateway, config=fallback(*targets) | {"billing": "any"})
    assert (got.status, got.attempts, got.maybe_billed) == (200, 5, 4)


def test_a_refused_connection(gateway, closed_port, provider):
    got = ask(gateway, config=target(closed_port))
    assert (got.status, got.code, got.maybe_billed, got.final) == (502, "upstream_unreachable", 0, None)
    got = ask(gateway, config=fallback(target(closed_port), target(provider)) | {"billing": "strict"})
    assert (got.status, got.attempts, got.maybe_billed) == (200, 2, 0)


def test_a_name_that_does_not_resolve(gateway, provider):
    got = ask(gateway, config=target("http://no-such-host.invalid/v1"))
    assert (got.status, got.code, got.maybe_billed) == (502, "upstream_unreachable", 0)
    assert "could not be resolved" in got.error["message"]


def test_a_provider_without_tls_where_tls_is_asked_for(gateway, provider):
    got = ask(gateway, config=target(provider.url.replace("http://", "https://")))
    assert (got.status, got.code, got.maybe_billed) == (502, "upstream_unreachable", 0)
    assert provider.seen == []


def test_a_refusal_is_shopped_around_only_where_it_is_listed(gateway, provider):
    targets = target(provider, "refused"), target(provider)
    for strategy in ({}, {"on_status_codes": [400]}):
        got = ask(gateway, config=fallback(*targets, **strategy))
        assert (got.status, got.code, got.error["provider_code"]) == (
            400,
            "content_policy_violation",
            "moderation_blocked",
        )
    assert ask(gateway, config=fallback(*targets, on_causes=["policy"])).status == 200


@pytest.mark.parametrize(
    ("model", "codes", "goes_on"),
    [
        ("status:500", [500], True),
        ("status:500", [503], False),
        ("status:429", [429], True),
        ("status:404", [404], True),
        ("status:401", [401], True),
        ("reset", [502], True),
        ("reset", [503], False),
        ("says:html", [502], True),
        ("redirect:307", [500], False),
    ],
)
def test_codes_that_are_listed(gateway, provider, model, codes, goes_on):
    got = ask(gateway, config=fallback(target(provider, model), target(provider), on_status_codes=codes))
    assert (got.status == 200) is goes_on
    assert len(provider.seen) == 1 + goes_on


@pytest.mark.parametrize(
    ("model", "causes", "goes_on"),
    [
        ("reset", ["incomplete"], True),
        ("reset", ["timeout", "unreachable"], False),
        ("says:no data", ["empty"], True),
        ("status:429", ["rate_limited"], True),
        ("status:500", ["provider_error"], True),
        ("status:400", ["invalid"], True),
        ("status:403", ["auth"], True),
    ],
)
def test_causes_that_are_listed(gateway, provider, model, causes, goes_on):
    got = ask(gateway, config=fallback(target(provider, model), target(provider), on_causes=causes))
    assert (got.status == 200) is goes_on


def test_the_most_telling_failure_is_told(gateway, provider, closed_port):
    got = ask(gateway, config=fallback(target(provider, "status:500", name="a"), target(closed_port, name="b")))
    assert (got.status, got.code) == (500, "upstream_error")
    assert [row["target"] for row in got.error["attempts"]] == ["a", "b"]
    assert [row["cause"] for row in got.error["attempts"]] == ["provider_error", "unreachable"]


@pytest.mark.parametrize(
    "model", ["good", "interim:100", "interim:103:103:102", "close-delimited", "chunked", "hangs-up-later:0"]
)
def test_sound_answers_in_every_framing(gateway, provider, model):
    for _ in range(2):
        got = ask(gateway, config=target(provider, model))
        assert (got.status, got.body, got.maybe_billed) == (200, GOOD, 0)


def test_a_kept_connection_that_the_provider_closed_is_not_used_again(gateway, provider):
    for _ in range(5):
        assert ask(gateway, config=target(provider, "hangs-up-later:0.01")).status == 200
        time.sleep(0.05)
    assert provider.connects == 5


def test_a_kept_connection_that_dies_under_a_request_may_have_been_billed(gateway, provider):
    own = target(provider.url.replace("127.0.0.1", "localhost"), "stale")  # connections are kept by name
    assert ask(gateway, config=own).status == 200
    got = ask(gateway, config=fallback(own, target(provider)))
    assert (got.status, got.maybe_billed, got.attempts) == (200, 1, 2)
    assert provider.models == ["stale", "stale", "good"]


@pytest.mark.parametrize("pause", ["0", "0.05"])
def test_an_answer_that_nobody_asked_for_reaches_nobody(gateway, provider, pause):
    for _ in range(3):
        assert ask(gateway, config=target(provider, f"two-answers:{pause}")).body == GOOD
        time.sleep(0.15)
        assert ask(gateway, config=target(provider, "good")).body == GOOD


def test_never_a_part_of_a_picture(gateway, provider):
    """Answers cut anywhere, in every framing, beside answers that are whole."""
    chance = random.Random(7)
    framings = ("length", "chunked", "between", "eof", "head")
    cuts = [f"cut:{framing}:{chance.randrange(60 if framing == 'head' else len(GOOD))}" for framing in framings * 60]

    def cut(model):
        return ask(gateway, config=target(provider, model))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(cut, cuts))
    assert [(model, got.status) for model, got in zip(cuts, answers, strict=True) if got.status != 502] == []
    assert {got.maybe_billed for got in answers} == {1}
    assert {got.code for got in answers} <= {"upstream_incomplete", "upstream_bad_response"}


def test_what_is_whole_but_for_the_goodbye_is_whole(gateway, provider):
    """A body that ends with its connection is complete when it can be read completely."""
    assert ask(gateway, config=target(provider, f"cut:eof:{len(GOOD)}")).body == GOOD


def test_cut_answers_are_saved_by_the_fallback(gateway, provider):
    chance = random.Random(11)
    for framing in ("length", "chunked", "between", "eof"):
        model = f"cut:{framing}:{chance.randrange(len(GOOD))}"
        got = ask(gateway, config=fallback(target(provider, model), target(provider)))
        assert (got.status, got.body) == (200, GOOD)


def test_retries_are_counted_in_the_answer(gateway, provider):
    retry = {"attempts": 2, "on_status_codes": [500]}
    got = ask(gateway, config=target(provider, "once:500", retry=retry), prompt="counted")
    assert (got.status, got.attempts, got.headers["x-portkey-retry-attempt-count"]) == (200, 2, "1")
    got = ask(gateway, config=target(provider, "status:500", retry=retry))
    assert (got.status, got.attempts, got.headers["x-portkey-retry-attempt-count"], got.final) == (
        500,
        3,
        "-1",
        "false",
    )


def test_retries_that_are_spent_on_the_way_are_not_multiplied_by_the_sdk(gateway, provider):
    spent = target(provider, "status:500", retry={"attempts": 1, "on_status_codes": [500]})
    got = ask(gateway, config=fallback(spent, target(provider, "status:503")))
    assert (got.status, got.attempts, got.headers["x-portkey-retry-attempt-count"]) == (503, 3, "0")
    assert got.final == "false"


def test_retries_of_what_may_be_billed_keep_to_the_allowance(gateway, provider):
    retry = {"attempts": 5, "on_status_codes": [502]}
    for billing, attempts in (("strict", 1), ("once", 2)):
        provider.forget()
        got = ask(gateway, config=target(provider, "reset", retry=retry, billing=billing))
        assert (got.attempts, got.maybe_billed, len(provider.seen)) == (attempts, attempts, attempts)


def test_max_attempts_bounds_the_whole_tree(gateway, provider):
    targets = [target(provider, "status:500", retry={"attempts": 1}) for _ in range(4)]
    got = ask(gateway, config=fallback(*targets) | {"max_attempts": 3})
    assert (got.status, got.attempts, len(provider.seen)) == (500, 3, 3)


def test_the_request_that_arrives(gateway, provider):
    body = {"prompt": "ein Otter, ä ü 🦦", "user": "ada", "seed": 7, "odd": {"a": [1, None, 2.5]}}
    config = target(provider)
    ask(gateway, body, config=config)
    (seen,) = provider.seen
    assert seen.json == body | {"model": "good"}
    assert seen.path == "/v1/images/generations"
    assert seen.headers == {
        "host": f"127.0.0.1:{provider.port}",
        "authorization": f"Bearer {config['api_key']}",
        "content-type": "application/json",
        "content-length": str(len(json.dumps(seen.json, separators=(",", ":"), ensure_ascii=False).encode())),
        "accept": "application/json",
        "accept-encoding": "identity",
    }
