"""What a target would send first, shown without its secrets."""

from collections.abc import Mapping
from typing import Any

from gateway.dialect.encode import Bent
from gateway.images import Embedded, ImageRequest, Upload
from gateway.target import ImageTarget
from gateway.target.prepare import too_strict
from gateway.target.redact import keys_of
from gateway.wire import Draw, Paint, Wait, joined
from strategies import Failure

_ALMOST_ONE = 0.999_999
_SENSITIVE = frozenset(
    {
        "authorization",
        "api-key",
        "x-api-key",
        "x-key",
        "x-goog-api-key",
        "cookie",
        "proxy-authorization",
        "mj-api-secret",
    }
)


def first_send(leaf: ImageTarget, request: ImageRequest) -> dict[str, Any] | Failure:
    """Return the first request that the adapter would send, without its secrets, or why it would send none."""
    headers = leaf.headers_for(request)
    if isinstance(headers, Failure):
        return headers
    flow = leaf.adapter.flow(request, leaf.wire_for(request))
    try:
        step = flow.send(None)
        while isinstance(step, Draw | Wait):
            step = flow.send(_ALMOST_ONE if isinstance(step, Draw) else None)
    except Bent as bent:
        return too_strict(request.model or leaf.spec.provider, str(bent))
    except StopIteration as done:
        if isinstance(done.value, Failure):
            return done.value
        return {"local": "answered by the gateway itself"}
    finally:
        flow.close()
    if isinstance(step, Paint):
        return {"local": "painted by the gateway itself"}
    secrets = [*leaf.spec.credentials.values(), *([request.credential] if request.credential else [])]
    told: dict[str, Any] = {
        "method": step.method,
        "url": joined(leaf.base_url, step.path),
        "headers": {
            name: "***" if name.lower() in _SENSITIVE else value for name, value in {**headers, **step.headers}.items()
        },
        "json": shown(step.json),
    }
    if step.form is not None:
        told["form"] = [{"name": field.name, "value": shown(field.value)} for field in step.form]
    if step.data is not None:
        told["data"] = shown(step.data)
    keys = keys_of(secrets)
    return {name: _redacted(value, keys) for name, value in told.items()}


def shown(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value with a few words in place of each picture."""
    if isinstance(value, Embedded):
        return (
            f"{value.upload}" if value.mask is None else f"{value.upload} as a mask, {value.mask} where it is changed"
        )
    if isinstance(value, Upload):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {name: shown(item) for name, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list | tuple) else value


def _redacted(value: Any, secrets: list[str]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, Mapping):
        return {_redacted(name, secrets): _redacted(item, secrets) for name, item in value.items()}
    return [_redacted(item, secrets) for item in value] if isinstance(value, list | tuple) else value
