"""`GET /v1/budgets`: what may be spent, and how much of it is: of keys, and of budgets in gateway.yaml."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from gateway.cockpit.desk import Desk
from gateway.config.api_key import ApiKey, shelf_of
from gateway.config.budgets import METADATA
from gateway.config.virtual_key import VirtualKey
from gateway.http.control.asked import can_be_asked_for
from gateway.http.control.operator import DEFAULT_WORKSPACE, Operator, operator_of
from gateway.http.control.plane import StoreUnavailable, Told
from gateway.ledger import MICROS, Account, LedgerLost, Spent, window_at
from gateway.store.records import lately_named

_MOST_USERS = 100
_Row = tuple[str, str, str, Account]
"""What kind of thing has a limit, what it is called, where it is declared, and what is counted for it."""


async def listed(desk: Desk, request: Request) -> Told:
    """Answer one request."""
    operator = operator_of(request, "virtual_keys.list")
    operator.check("workspace_service_api_keys.list")
    now = time.time()  # noqa: TID251 - budgets go by the calendar
    rows = [row async for row in _all(desk, operator) if row[3].limit is not None or row[3].rates]
    counted = [(row[3].name, window_at(row[3].limit.reset, now).name) for row in rows if row[3].limit is not None]
    try:
        spent = dict(zip(counted, await desk.spent(counted), strict=True))
    except LedgerLost:
        raise StoreUnavailable("What is spent cannot be counted at the moment; look again in a moment.") from None
    told = [_told(row, spent, now) for row in rows]
    return {"object": "list", "total": len(told), "data": told}


async def _all(desk: Desk, operator: Operator) -> AsyncIterator[_Row]:
    chooser, workspace = desk.chooser(), operator.workspace
    keys = list(chooser.virtual_keys(workspace or DEFAULT_WORKSPACE).values())
    callers = [caller for caller in chooser.callers.all() if workspace in (None, caller.workspace)]
    for key in keys:
        if key.account is not None:
            yield "virtual_key", key.slug, "file" if key.workspace is None else "stored", key.account
    for caller in callers:
        if caller.account is not None:
            yield "api_key", caller.name, "stored" if caller.id else "file", caller.account
    for budget in desk.snapshot.gateway.budgets if workspace is None else ():
        for value, counted_as, where in await _counted_by(desk, budget.per, keys, callers):
            account = budget.account_of(value, counted_as)
            if account is not None:
                yield "budget", f"{budget.name}: {value}{where}", "file", account


async def _counted_by(
    desk: Desk, per: str, keys: Sequence[VirtualKey], callers: Sequence[ApiKey]
) -> Sequence[tuple[str, str | None, str]]:
    """Return what a budget counts separately, as what, and where unless that is plain; of users, who asked lately."""
    match per:
        case "virtual_key":
            return [(key.slug, key.counted_as, "") for key in keys]
        case "api_key":
            return [(caller.name, caller.known_as, "") for caller in callers]
        case "provider":
            found = {spec.provider for route in desk.chooser().routes() for spec in route.targets.values()}
            return [(provider, None, "") for provider in sorted(found)]
    field = per.removeprefix(METADATA)
    if desk.database is None or not can_be_asked_for(field):
        return []
    lately = await lately_named(desk.database, field, _MOST_USERS)
    if desk.chooser().callers.is_open:
        return [(value, None, "") for _, value in lately]
    return [
        (value, f"{shelf_of(workspace)}{value}", "" if workspace == DEFAULT_WORKSPACE else f" in {workspace}")
        for workspace, value in lately
    ]


def _told(row: _Row, spent: Mapping[tuple[str, str], Spent], now: float) -> dict[str, Any]:
    kind, name, source, account = row
    told: dict[str, Any] = {"kind": kind, "name": name, "source": source}
    told["rate_limits"] = [{"type": rate.kind, "unit": rate.unit, "value": rate.most} for rate in account.rates]
    limit = account.limit
    if limit is None:
        return told
    window = window_at(limit.reset, now)
    used = spent[account.name, window.name]
    most = limit.credit_micros
    return told | {
        "period": limit.reset or "for ever",
        "window": window.name,
        "resets_at": None if window.ends is None else datetime.fromtimestamp(window.ends, UTC).isoformat(),
        "limit_usd": None if most is None else most / MICROS,
        "spent_usd": used.micros / MICROS,
        "reserved_usd": used.held / MICROS,
        "left_usd": None if most is None else max(most - used.micros - used.held, 0) / MICROS,
        "alert_threshold": None if limit.alert_micros is None else limit.alert_micros / MICROS,
        "limit_images": limit.images,
        "images": used.images,
    }
