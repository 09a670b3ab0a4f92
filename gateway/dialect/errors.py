"""What a provider's error means: by its status, and by the typed codes in its body; never by its free text."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.dialect.words import identifier, shown
from gateway.wire import Received, failure_of
from strategies import Cause, Failure

_BODY_WORTH_READING = 262_144
_ERROR_STATUSES = range(400, 600)
_DIGITS_OF_A_STATUS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """What a provider's own codes say more surely than the status they come with; numbers are written as text."""

    policy: frozenset[str] = frozenset()
    exhausted: frozenset[str] = frozenset()
    """The account or the credential is what is wrong: no money, no permission."""
    rate_limited: frozenset[str] = frozenset()
    invalid: frozenset[str] = frozenset()
    provider_error: frozenset[str] = frozenset()


# `contentFilter` is Azure's documented code, `content_filter` what some of its routes send.
OPENAI_CODES = Codes(
    policy=frozenset(
        {
            *("content_policy_violation", "moderation_blocked", "contentFilter", "content_filter"),
            "ResponsibleAIPolicyViolation",
        }
    ),
    exhausted=frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}),
)
# Where a status says so, it is the surer word; inside a 2xx, as in an event, there is none.
_WITHIN = replace(
    OPENAI_CODES,
    rate_limited=frozenset({"rate_limit_exceeded"}),
    provider_error=frozenset({"server_error"}),
    invalid=frozenset({"image_generation_user_error"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a body says of an error."""

    message: str | None = None
    code: str | None = None
    """What the provider calls the error."""
    param: str | None = None
    kinds: tuple[str, ...] = ()
    """Every typed word about it, the code among them."""
    moderated: bool = False
    """Whether the body says in a field of its own that moderation refused."""


def failure_from(received: Received, provider: str, codes: Codes = OPENAI_CODES) -> Failure:
    """Return the failure that an answer other than 2xx means."""
    body = received.json() if len(received.body) <= _BODY_WORTH_READING else None
    return failure_saying(said_in(body), received, provider, codes)


def failure_within(received: Received, error: Any, provider: str, codes: Codes = OPENAI_CODES) -> Failure:  # noqa: ANN401 - the JSON boundary
    """Return the failure that an `error` inside a 2xx means."""
    return failure_inside(received, {"error": error}, provider, codes)


def failure_inside(received: Received, body: Any, provider: str, codes: Codes = OPENAI_CODES) -> Failure:  # noqa: ANN401 - the JSON boundary
    """Return the failure that a 2xx means whose body is an error in any of the known shapes."""
    said = said_in(body)
    if codes is OPENAI_CODES:
        codes = _WITHIN
    status = _status_in(said)
    if status is not None:
        return failure_saying(said, replace(received, status=status), provider, codes)
    if said.moderated or any(kind in known for kind in said.kinds for known in _decisive(codes)):
        return replace(failure_saying(said, received, provider, codes), status=None)
    told = f": {shown(said.message)}" if said.message else ""
    return Failure(
        cause=Cause.INCOMPLETE,
        message=f"{provider} answered {received.status} with an error instead of a picture{told}",
        code="upstream_bad_response",
        provider_code=said.code,
    )


def failure_of_job(provider: str, said: Said, codes: Codes = OPENAI_CODES) -> Failure:
    """Return the failure of a job that was taken on and then failed."""
    received = Received(status=500, headers={}, body=b"")  # a job that failed is the provider's failure
    failure = failure_saying(said, received, provider, codes)
    if failure.cause is Cause.AUTH:
        failure = replace(failure, message=_refused_account(provider, failure.provider_code or "the job failed"))
    return replace(failure, status=None)


def failure_saying(said: Said, received: Received, provider: str, codes: Codes = OPENAI_CODES) -> Failure:
    """Return the failure that a status and what was said along with it mean."""
    message = (shown(said.message) if said.message else "") or f"the provider answered {received.status}"
    failure = failure_of(received, message, code=said.code, param=said.param)
    refusal = _one_of(codes.policy, said)
    if refusal is not None or said.moderated:
        return replace(
            failure,
            cause=Cause.POLICY,
            code=None,
            provider_code=refusal or said.code or "moderation_blocked",
            may_be_billed=None,
            retry_after=None,
        )
    exhausted = _one_of(codes.exhausted, said)
    if exhausted is not None:
        return _of_account(failure, received, provider, exhausted)
    for known, cause in (
        (codes.rate_limited, Cause.RATE_LIMITED),
        (codes.invalid, Cause.INVALID),
        (codes.provider_error, Cause.PROVIDER_ERROR),
    ):
        if _one_of(known, said) is not None:
            return replace(failure, cause=cause)
    return _of_account(failure, received, provider, said.code) if failure.cause is Cause.AUTH else failure


def said_in(body: Any) -> Said:  # noqa: ANN401 - the JSON boundary
    """Return what a body says of an error, in whichever of the usual shapes."""
    match body:
        case {"error": dict(error)}:
            return _said(error)
        case {"error": str(message)}:
            return _said({**body, "message": message})
        case {"detail": [{"msg": str(message)} as first, *_]}:  # FastAPI
            return _said({"message": message, "type": first.get("type"), "param": _last(first.get("loc"))})
        case {"detail": dict(detail)}:
            return _said({"message": detail.get("error"), **detail})
        case {"detail": str(message)}:
            return _said({"code": body.get("error_type"), **body, "message": message})
        case {"errors": [dict(error), *_]}:
            return _said(error)
        case {"errors": [str(message), *_]}:
            return _said({"code": body.get("name"), "message": message})
        case {"base_resp": dict(answer)}:
            return _said({"code": answer.get("status_code"), "message": answer.get("status_msg")})
        case {"output": {"code": _, "message": _} as output}:
            return _said(output)
        case dict():
            return _said(body)
    return Said()


def _said(error: Mapping[str, Any]) -> Said:
    # Azure writes `inner_error` on the image routes and `innererror` elsewhere.
    inner = [each.get("code") for each in (error.get("inner_error"), error.get("innererror")) if isinstance(each, dict)]
    # Google says `status`, AWS `__type`, Midjourney proxies `description`.
    named = [error.get(key) for key in ("code", "type", "status", "reason", "__type", "name", "error_type")]
    message = next((text for key in _MESSAGES if isinstance(text := error.get(key), str) and text), None)
    return Said(
        message=message,
        code=identifier(error.get("code")) or identifier(error.get("__type")) or identifier(error.get("reason")),
        param=identifier(error.get("param")),
        kinds=tuple(kind for kind in map(identifier, (*named, *inner)) if kind is not None),
        moderated=isinstance(error.get("moderation_details"), dict),
    )


_MESSAGES = ("message", "Message", "msg", "error_message", "description", "detail", "title")


def _of_account(failure: Failure, received: Received, provider: str, code: str | None) -> Failure:
    # The provider's own words are left out: they quote keys, organisations and projects.
    said = f"{received.status}" if code in (None, str(received.status)) else f"{received.status} {code}"
    return replace(
        failure,
        cause=Cause.AUTH,
        message=_refused_account(provider, said),
        param=None,
        provider_code=code,
        retry_after=None,
    )


def _refused_account(provider: str, said: str) -> str:
    return f"the gateway's credential for {provider} was refused ({said}): check the key and the account behind it"


def _decisive(codes: Codes) -> tuple[frozenset[str], ...]:
    return codes.policy, codes.exhausted, codes.rate_limited, codes.invalid, codes.provider_error


def _one_of(names: frozenset[str], said: Said) -> str | None:
    return next((kind for kind in said.kinds if kind in names), None)


def _last(place: Any) -> Any:  # noqa: ANN401 - the JSON boundary
    return place[-1] if isinstance(place, list) and place else None


def _status_in(said: Said) -> int | None:
    code = said.code or ""
    if len(code) == _DIGITS_OF_A_STATUS and code.isascii() and code.isdigit() and int(code) in _ERROR_STATUSES:
        return int(code)  # as a number, or as a string, which Azure writes
    return None
