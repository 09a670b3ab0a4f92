"""What an error in OpenAI's envelope means, for OpenAI and all who speak its format."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.providers.provider_words import identifier, shown
from gateway.wire import Received, failure_of
from strategies import Cause, Failure

_BODY_WORTH_READING = 262_144
_ERROR_STATUSES = range(400, 600)
_DIGITS_OF_A_STATUS = 3

# `contentFilter` is Azure's documented code, `content_filter` what some of its routes send.
_REFUSALS = frozenset({"content_policy_violation", "moderation_blocked", "contentFilter", "content_filter"})
_REFUSALS_WITHIN = frozenset({"ResponsibleAIPolicyViolation"})
_ACCOUNT_EXHAUSTED = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})


def failure_from(received: Received, provider: str) -> Failure:
    """Return the failure that an answer other than 2xx means."""
    body = received.json() if len(received.body) <= _BODY_WORTH_READING else None
    return _failure(received, _error_in(body), provider)


def failure_within(received: Received, error: Any, provider: str) -> Failure:  # noqa: ANN401 - the JSON boundary
    """Return the failure that an `error` inside a 2xx means; some relays answer so."""
    details = _error_in({"error": error})
    status = _status_in(details)
    if status is not None:
        return _failure(replace(received, status=status), details, provider)
    if _refusal(details) or _exhausted(details):
        return replace(_failure(received, details, provider), status=None)
    message = details.get("message")
    said = f": {shown(message)}" if isinstance(message, str) and message else ""
    return Failure(
        cause=Cause.INCOMPLETE,
        message=f"{provider} answered {received.status} with an error instead of a picture{said}",
        code="upstream_bad_response",
        provider_code=identifier(details.get("code")),
    )


def _failure(received: Received, error: Mapping[str, Any], provider: str) -> Failure:
    code = identifier(error.get("code"))
    message = error.get("message")
    failure = failure_of(
        received,
        (shown(message) if isinstance(message, str) else "") or f"the provider answered {received.status}",
        code=code,
        param=identifier(error.get("param")),
    )
    refusal = _refusal(error)
    if refusal is not None:
        return replace(
            failure, cause=Cause.POLICY, code=None, provider_code=refusal, may_be_billed=None, retry_after=None
        )
    exhausted = _exhausted(error)
    if failure.cause is Cause.AUTH or exhausted is not None:
        code = exhausted or code
        # The provider's own words are left out: they quote keys, organisations and projects.
        said = f"{received.status}" if code in (None, str(received.status)) else f"{received.status} {code}"
        return replace(
            failure,
            cause=Cause.AUTH,
            message=f"the gateway's credential for {provider} was refused ({said}):"
            " check the key and the account behind it",
            param=None,
            provider_code=code,
            retry_after=None,
        )
    return failure


def _error_in(body: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the JSON boundary
    match body:
        case {"error": dict(error)}:
            return error
        case {"error": str(message)}:  # LocalAI, stable-diffusion.cpp
            return {"message": message, "code": body.get("code")}
        case {"detail": str(message)} | {"detail": [{"msg": str(message)}, *_]}:  # FastAPI: vLLM-Omni, SGLang
            return {"message": message}
    return {}


def _refusal(error: Mapping[str, Any]) -> str | None:
    """Return the code that says that content policy refused, `None` where nothing says so."""
    code = _one_of(_REFUSALS, error.get("code"))
    if code is None and isinstance(error.get("moderation_details"), dict):
        code = identifier(error.get("code")) or "moderation_blocked"
    if code is None:
        # Azure writes `inner_error` on the image routes and `innererror` elsewhere.
        for inner in (error.get("inner_error"), error.get("innererror")):
            if isinstance(inner, dict):
                code = code or _one_of(_REFUSALS_WITHIN, inner.get("code"))
    return code


def _exhausted(error: Mapping[str, Any]) -> str | None:
    return _one_of(_ACCOUNT_EXHAUSTED, error.get("code")) or _one_of(_ACCOUNT_EXHAUSTED, error.get("type"))


def _one_of(names: frozenset[str], value: Any) -> str | None:  # noqa: ANN401 - the JSON boundary
    return value if isinstance(value, str) and value in names else None


def _status_in(error: Mapping[str, Any]) -> int | None:
    code = error.get("code")
    if isinstance(code, str) and len(code) == _DIGITS_OF_A_STATUS and code.isascii() and code.isdigit():
        code = int(code)  # Azure writes the status as a string
    return code if isinstance(code, int) and code in _ERROR_STATUSES else None
