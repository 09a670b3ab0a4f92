"""What a target would send first, shown without its secrets."""

from collections.abc import Mapping
from typing import Any

from gateway.images import ImageRequest
from gateway.target import ImageTarget
from gateway.wire import Draw, Paint, Wait
from strategies import Failure

_ALMOST_ONE = 0.999_999
_SENSITIVE = frozenset({"authorization", "api-key", "x-api-key", "cookie", "proxy-authorization"})


def first_send(leaf: ImageTarget, request: ImageRequest) -> dict[str, Any] | Failure:
    """Return the first request that the adapter would send, without its secrets, or why it would send none."""
    headers = leaf.headers_for(request)
    if isinstance(headers, Failure):
        return headers
    flow = leaf.adapter.flow(request, leaf.wire)
    try:
        step = flow.send(None)
        while isinstance(step, Draw | Wait):
            step = flow.send(_ALMOST_ONE if isinstance(step, Draw) else None)
    except StopIteration as done:
        if isinstance(done.value, Failure):
            return done.value
        return {"local": "answered by the gateway itself"}
    finally:
        flow.close()
    if isinstance(step, Paint):
        return {"local": "painted by the gateway itself"}
    secrets = [*leaf.spec.credentials.values(), *([request.credential] if request.credential else [])]
    shown = {
        "method": step.method,
        "url": leaf.base_url + step.path,
        "headers": {
            name: "***" if name.lower() in _SENSITIVE else value for name, value in {**headers, **step.headers}.items()
        },
        "json": step.json,
    }
    return {name: _redacted(value, [secret.reveal() for secret in secrets]) for name, value in shown.items()}


def _redacted(value: Any, secrets: list[str]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, Mapping):
        return {_redacted(name, secrets): _redacted(item, secrets) for name, item in value.items()}
    return [_redacted(item, secrets) for item in value] if isinstance(value, list | tuple) else value
