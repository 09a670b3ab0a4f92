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

# `contentFilter` is Azure's documented code, `content_filter` what some of its regions send.
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
    if _is_refusal(details):
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
    code = identifier(error.get("code")) or identifier(error.get("type"))
    message = error.get("message")
    failure = failure_of(
        received,
        (shown(message) if isinstance(message, str) else "") or f"the provider answered {received.status}",
        code=code,
        param=identifier(error.get("param")),
    )
    if _is_refusal(error):
        return replace(failure, cause=Cause.POLICY, code=None, may_be_billed=None, retry_after=None)
    if failure.cause is Cause.AUTH or {error.get("code"), error.get("type")} & _ACCOUNT_EXHAUSTED:
        return replace(
            failure,
            cause=Cause.AUTH,
            # The provider's own words quote keys, organisations and projects.
            message=f"the gateway's credential for {provider} was refused"
            f" ({' '.join(filter(None, (str(received.status), code)))}): check the key and the account behind it",
            param=None,
            retry_after=None,
        )
    return failure


def _error_in(body: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the JSON boundary
    match body:
        case {"error": {**error}}:
            return {name: value for name, value in error.items() if _plain(value) or name in _NESTED}
        case {"error": str(message), **rest}:  # LocalAI, stable-diffusion.cpp
            said = rest.get("message")
            return {"message": said if isinstance(said, str) else message, "code": _plain_or_none(rest.get("code"))}
        case {"detail": str(message)} | {"detail": [{"msg": str(message)}, *_]}:  # FastAPI: vLLM-Omni, SGLang
            return {"message": message}
    return {}


_NESTED = frozenset({"inner_error", "innererror", "moderation_details"})


def _plain(value: Any) -> bool:  # noqa: ANN401 - the JSON boundary
    return value is None or isinstance(value, str | int | float)


def _plain_or_none(value: Any) -> Any:  # noqa: ANN401 - the JSON boundary
    return value if _plain(value) else None


def _is_refusal(error: Mapping[str, Any]) -> bool:
    if error.get("code") in _REFUSALS or isinstance(error.get("moderation_details"), dict):
        return True
    # Azure writes `inner_error` on the image routes and `innererror` elsewhere.
    within = (error.get("inner_error"), error.get("innererror"))
    return any(isinstance(inner, dict) and inner.get("code") in _REFUSALS_WITHIN for inner in within)


def _status_in(error: Mapping[str, Any]) -> int | None:
    code = error.get("code")
    if isinstance(code, str) and len(code) == _DIGITS_OF_A_STATUS and code.isascii() and code.isdigit():
        code = int(code)
    return code if isinstance(code, int) and code in _ERROR_STATUSES else None
