import json
import random

import pytest

from gateway.errors import BodyTooLarge, GatewayError, InvalidKey
from gateway.http import reply
from gateway.images import ImageReply, Picture
from strategies import Cause, Failure, Journey, Try

UPSTREAM, CALLER, LIMIT, TIME = "upstream_error", "invalid_request_error", "rate_limit_error", "timeout_error"
ANY_STATUS = range(300, 600)


def told(failed, *, gave_up=False, pauses=(), rows=()):
    """Return status, error and headers of the answer to a failure."""
    journey = Journey(rng=random.Random(0), gave_up=gave_up)
    for pause in pauses:
        before = Failure(cause=Cause.RATE_LIMITED, message="", status=429, retry_after=pause)
        journey.attempts.append(Try(target="config", started=0.0, ended=1.0, outcome=before))
    status, headers, body = reply.failure(failed, journey, list(rows))
    return status, json.loads(body)["error"], {name.decode(): value.decode() for name, value in headers}


def failed(cause, status=None, **more):
    return Failure(cause=cause, status=status, message=more.pop("message", "the provider said so"), **more)


# cause, the provider's status → status, code, type, x-should-retry
TABLE = [
    (Cause.UNREACHABLE, None, 502, "upstream_unreachable", UPSTREAM, None),
    (Cause.RATE_LIMITED, 429, 429, "upstream_rate_limited", LIMIT, None),
    (Cause.RATE_LIMITED, 503, 503, "upstream_rate_limited", LIMIT, None),
    (Cause.RATE_LIMITED, 529, 529, "upstream_rate_limited", LIMIT, None),
    (Cause.RATE_LIMITED, None, 429, "upstream_rate_limited", LIMIT, None),
    (Cause.PROVIDER_ERROR, 500, 500, "upstream_error", UPSTREAM, None),
    (Cause.PROVIDER_ERROR, 503, 503, "upstream_error", UPSTREAM, None),
    (Cause.PROVIDER_ERROR, 502, 502, "upstream_error", UPSTREAM, "false"),
    (Cause.PROVIDER_ERROR, 504, 504, "upstream_error", UPSTREAM, "false"),
    (Cause.PROVIDER_ERROR, 599, 599, "upstream_error", UPSTREAM, None),
    (Cause.PROVIDER_ERROR, 307, 502, "upstream_error", UPSTREAM, "false"),
    (Cause.PROVIDER_ERROR, None, 502, "upstream_error", UPSTREAM, "false"),
    (Cause.TIMEOUT, 408, 408, "timeout_error", TIME, "false"),
    (Cause.TIMEOUT, None, 408, "timeout_error", TIME, "false"),
    (Cause.INCOMPLETE, None, 502, "upstream_incomplete", UPSTREAM, "false"),
    (Cause.EMPTY, None, 502, "upstream_empty", UPSTREAM, "false"),
    (Cause.POLICY, None, 400, "content_policy_violation", CALLER, None),
    (Cause.POLICY, 400, 400, "content_policy_violation", CALLER, None),
    (Cause.POLICY, 422, 422, "content_policy_violation", CALLER, None),
    (Cause.POLICY, 451, 451, "content_policy_violation", CALLER, None),
    (Cause.POLICY, 403, 400, "content_policy_violation", CALLER, None),
    (Cause.POLICY, 200, 400, "content_policy_violation", CALLER, None),
    (Cause.POLICY, 500, 400, "content_policy_violation", CALLER, None),
    *[(Cause.INVALID, status, status, "invalid_request", CALLER, None) for status in (400, 404, 409, 413, 415, 422)],
    (Cause.INVALID, None, 400, "invalid_request", CALLER, None),
    (Cause.INVALID, 405, 502, "upstream_error", UPSTREAM, "false"),
    (Cause.INVALID, 410, 502, "upstream_error", UPSTREAM, "false"),
    (Cause.INVALID, 418, 502, "upstream_error", UPSTREAM, "false"),
    (Cause.UNSUPPORTED, None, 422, "unsupported", CALLER, None),
    (Cause.UNSUPPORTED, 400, 400, "unsupported", CALLER, None),
    *[(Cause.AUTH, status, 502, "upstream_auth", UPSTREAM, "false") for status in (401, 402, 403, 429, None)],
    (Cause.BUDGET, None, 429, "budget_exceeded", LIMIT, None),
    (Cause.DEADLINE, None, 504, "deadline_exceeded", TIME, "false"),
]


@pytest.mark.parametrize(
    ("cause", "sent", "status", "code", "type_", "retry"), TABLE, ids=[f"{row[0]} of {row[1]}" for row in TABLE]
)
def test_what_a_failure_looks_like_from_outside(cause, sent, status, code, type_, retry):
    answered, error, headers = told(failed(cause, sent))
    assert (answered, error["code"], error["type"]) == (status, code, type_)
    assert headers.get("x-should-retry") == retry
    assert headers["content-type"] == "application/json"


def test_every_cause_is_in_the_table():
    assert {row[0] for row in TABLE} == set(Cause)


# a code of ours, its cause and the status that comes with it → status, type
OWN = [
    ("invalid_api_key", Cause.AUTH, None, 401, "authentication_error"),
    ("custom_host_blocked", Cause.INVALID, None, 400, CALLER),
    ("no_route", Cause.INVALID, None, 400, CALLER),
    ("upstream_redirect", Cause.PROVIDER_ERROR, 307, 502, UPSTREAM),
    ("upstream_bad_response", Cause.INCOMPLETE, None, 502, UPSTREAM),
    ("upstream_too_large", Cause.INCOMPLETE, None, 502, UPSTREAM),
    ("invalid_size", Cause.UNSUPPORTED, 400, 400, CALLER),
]


@pytest.mark.parametrize(("code", "cause", "sent", "status", "type_"), OWN, ids=[row[0] for row in OWN])
def test_a_code_of_ours_decides(code, cause, sent, status, type_):
    answered, error, _ = told(failed(cause, sent, code=code))
    assert (answered, error["code"], error["type"]) == (status, code, type_)


@pytest.mark.parametrize("cause", list(Cause))
def test_our_credentials_trouble_never_looks_like_the_callers(cause):
    for sent in ANY_STATUS:
        for provider_code in (None, "invalid_api_key", "insufficient_quota"):
            status, error, _ = told(failed(cause, sent, provider_code=provider_code))
            assert status not in {401, 402, 403, 407}
            assert status >= 400
            assert (error["type"], error["code"]) != ("authentication_error", "invalid_api_key")
            assert error["code"] != "invalid_api_key"


def test_a_providers_own_code_of_a_mistake_is_kept():
    _, error, _ = told(failed(Cause.INVALID, 400, provider_code="unknown_parameter", param="style"))
    assert (error["code"], error["provider_code"], error["param"]) == (
        "unknown_parameter",
        "unknown_parameter",
        "style",
    )


def test_a_providers_own_code_of_another_failure_stands_beside_ours():
    _, error, _ = told(failed(Cause.POLICY, 400, provider_code="moderation_blocked"))
    assert (error["code"], error["provider_code"]) == ("content_policy_violation", "moderation_blocked")
    status, error, _ = told(failed(Cause.INVALID, 405, provider_code="method_not_allowed"))
    assert (status, error["code"], error["provider_code"]) == (502, "upstream_error", "method_not_allowed")


@pytest.mark.parametrize("cause", list(Cause))
def test_when_the_configs_retries_are_spent_sdks_are_told_not_to_repeat(cause):
    assert told(failed(cause), gave_up=True)[2]["x-should-retry"] == "false"


def test_while_retries_are_left_the_table_decides():
    assert "x-should-retry" not in told(failed(Cause.PROVIDER_ERROR, 500))[2]


PAUSES = {
    "what the provider asked for": ((), 7.0, "7"),
    "the smallest of all attempts": ((30.0, 2.5, 90.0), 90.0, "3"),
    "never zero": ((), 0.0, "1"),
    "nothing, where nothing was said": ((), None, None),
}


@pytest.mark.parametrize(("pauses", "last", "header"), PAUSES.values(), ids=PAUSES)
def test_retry_after_is_the_shortest_pause_of_all_attempts_in_whole_seconds(pauses, last, header):
    _, _, headers = told(failed(Cause.RATE_LIMITED, 429, retry_after=last), pauses=pauses)
    assert headers.get("retry-after") == header


def test_retry_after_belongs_to_rate_limits_alone():
    assert "retry-after" not in told(failed(Cause.PROVIDER_ERROR, 500), pauses=(5.0,))[2]


@pytest.mark.parametrize("cause", sorted(set(Cause) - {Cause.BUDGET}))
def test_a_message_says_what_to_do_next(cause):
    message = told(failed(cause, message="the provider said so."))[1]["message"]
    said, advice = message.split(". ", 1)
    assert said == "The provider said so"
    assert advice.endswith(".")
    assert len(advice) > 20


def test_a_message_that_says_what_to_do_is_left_alone():
    for code, cause, sent, _, _ in OWN[:4]:
        assert told(failed(cause, sent, code=code, message="send your key."))[1]["message"] == "Send your key."


def test_the_attempts_are_listed():
    rows = [{"target": "primary", "provider": "openai", "status": 500, "cause": "provider_error", "ms": 12}]
    assert told(failed(Cause.PROVIDER_ERROR, 500), rows=rows)[1]["attempts"] == rows


def test_a_callers_mistake():
    status, headers, body = reply.error(GatewayError("Send n: 1.", code="invalid_n", param="n"))
    assert status == 400
    assert headers == [(b"content-type", b"application/json")]
    assert json.loads(body) == {"error": {"message": "Send n: 1.", "type": CALLER, "param": "n", "code": "invalid_n"}}
    assert reply.error(InvalidKey("No."))[0] == 401
    assert json.loads(reply.error(InvalidKey("No."))[2])["error"]["type"] == "authentication_error"
    assert (b"connection", b"close") in reply.error(BodyTooLarge("No.", headers={"connection": "close"}))[1]


def test_a_canonical_body_passes_untouched():
    body = b'{"created": 1, "data": [{"b64_json": "AAAA"}], "extra": 1}'
    assert reply.pictures(ImageReply(pictures=(Picture(b64=memoryview(b"AAAA")),), canonical=body)) is body


def test_a_built_body_has_exactly_openais_shape():
    built = reply.pictures(
        ImageReply(
            pictures=(
                Picture(b64=memoryview(b"QUJD"), revised_prompt='an "otter" in the snow\u2603'),
                Picture(data=b"ABCD"),
                Picture(url="https://images.example/1.png?a=b&c=d"),
            ),
            created=1763600000,
            about={"usage": {"total_tokens": 3}, "size": "1024x1024", "output_format": "png"},
        )
    )
    assert json.loads(built) == {
        "created": 1763600000,
        "data": [
            {"b64_json": "QUJD", "revised_prompt": 'an "otter" in the snow\u2603'},
            {"b64_json": "QUJDRA=="},
            {"url": "https://images.example/1.png?a=b&c=d"},
        ],
        "usage": {"total_tokens": 3},
        "size": "1024x1024",
        "output_format": "png",
    }


def test_a_built_body_says_when_it_was_made():
    made = json.loads(reply.pictures(ImageReply(pictures=(Picture(url="https://x.example/1"),))))
    assert 1_700_000_000 < made["created"] < 10_000_000_000
    assert set(made) == {"created", "data"}


async def test_an_answer_is_sent_whole():
    sent = []

    async def send(message):
        sent.append(message)

    await reply.write(send, 200, [(b"x-a", b"1")], b"body")
    assert sent == [
        {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1"), (b"content-length", b"4")]},
        {"type": "http.response.body", "body": b"body"},
    ]
