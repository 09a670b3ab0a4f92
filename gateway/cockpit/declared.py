"""`GET /v1/declared-keys`: the keys that gateway.yaml declares, as they are in force; never a credential."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from gateway.cockpit.desk import Desk
from gateway.config.api_key import ApiKey
from gateway.config.virtual_key import VirtualKey
from gateway.http.control.operator import Operator, operator_of
from gateway.http.control.plane import Told
from gateway.ledger import MICROS, RateLimit, UsageLimit
from gateway.store.hidden import MASK


async def listed(desk: Desk, request: Request) -> Told:
    """Answer one request."""
    operator = operator_of(request, "virtual_keys.list")
    operator.check("workspace_service_api_keys.list")
    told = list(_all(desk, operator))
    return {"object": "list", "total": len(told), "data": told}


def _all(desk: Desk, operator: Operator) -> Iterator[dict[str, Any]]:
    gateway, file = desk.snapshot.gateway, desk.snapshot.gateway_file
    for key in gateway.virtual_keys.values():
        yield {"kind": "virtual_key", "file": file, **_virtual_key(key), **_limits(key.usage, key.rates)}
    for caller in gateway.api_keys.values():
        if operator.workspace in (None, caller.workspace):
            yield {"kind": "api_key", "file": file, **_api_key(caller), **_limits(caller.usage, caller.rates)}


def _virtual_key(key: VirtualKey) -> dict[str, Any]:
    return {"name": key.slug, "provider": key.provider, "key": MASK if key.credentials else None, "expires_at": None}


def _api_key(caller: ApiKey) -> dict[str, Any]:
    ends = caller.expires
    return {
        "name": caller.name,
        "workspace_id": caller.workspace,
        "scopes": sorted(caller.scopes),
        "default_config": caller.default_config,
        "expires_at": None if ends is None else datetime.fromtimestamp(ends, UTC).isoformat(timespec="milliseconds"),
        "status": "expired" if caller.is_over else "active",
    }


def _limits(usage: UsageLimit | None, rates: Sequence[RateLimit]) -> dict[str, Any]:
    return {
        "usage_limits": None if usage is None else _usage(usage),
        "rate_limits": [{"type": rate.kind, "unit": rate.unit, "value": rate.most} for rate in rates],
    }


def _usage(usage: UsageLimit) -> dict[str, Any]:
    told = {
        "credit_limit": None if usage.credit_micros is None else usage.credit_micros / MICROS,
        "image_limit": usage.images,
        "periodic_reset": usage.reset,
        "alert_threshold": None if usage.alert_micros is None else usage.alert_micros / MICROS,
    }
    return {name: value for name, value in told.items() if value is not None}
