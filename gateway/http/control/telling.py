"""How the control plane tells of what it keeps: moments, lists, and what accounts have used."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.http.control.plane import Plane
from gateway.ledger import MICROS, LedgerLost, Spent, UsageLimit, Window, read_usage, window_at
from gateway.store.kept import Row, now_ms

ORGANISATION = "default"
"""A gateway has one organisation, and tenants are its workspaces."""

Told = dict[str, Any]


def moment_of(ms: int | None) -> str | None:
    """Return a moment as ISO 8601."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def listing(total: int, rows: Sequence[Told]) -> Told:
    """Return one page of a list."""
    return {"object": "list", "total": total, "data": rows}


def about(row: Row) -> Told:
    """Return what is told of everything that is kept."""
    return {
        "id": row["id"],
        "name": row["name"],
        "organisation_id": ORGANISATION,
        "workspace_id": row["workspace"],
        "status": row["status"],
        "created_at": moment_of(row["created_ms"]),
        "last_updated_at": moment_of(row["updated_ms"]),
        "created_by": row["created_by"],
        "updated_by": row["updated_by"],
        "version_id": str(row["version_id"] if "version_id" in row else row["version"]),
    }


async def with_limits(plane: Plane, accounts: Sequence[tuple[str, Row]]) -> list[Told]:
    """Return what is told of the limits of rows, given with their accounts, and of what is used of them."""
    now = now_ms()
    limits = [read_usage(row["usage_limits"]) for _, row in accounts]
    asked = [
        (name, limit, window_at(limit.reset, now / 1000))
        for (name, _), limit in zip(accounts, limits, strict=True)
        if isinstance(limit, UsageLimit)
    ]
    spent: Mapping[str, Spent] = {}
    if asked:
        with contextlib.suppress(LedgerLost):  # keys can be looked at although nobody knows what they have spent
            found = await plane.spent([(name, window.name) for name, _, window in asked])
            spent = {name: each for (name, _, _), each in zip(asked, found, strict=True)}
    used = {name: (limit, window) for name, limit, window in asked}
    return [_limits(row, now, spent.get(name), used.get(name)) for name, row in accounts]


def _limits(row: Row, now: int, spent: Spent | None, counted: tuple[UsageLimit, Window] | None) -> Told:
    told: Told = {
        "status": row["status"],
        "usage_limits": row["usage_limits"],
        "rate_limits": row["rate_limits"] or [],
        "expires_at": moment_of(row["expires_ms"]),
        "usage": None,
    }
    if spent is not None and counted is not None:
        limit, window = counted
        told["usage"] = {
            "window": window.name,
            "spent_usd": spent.micros / MICROS,
            "held_usd": spent.held / MICROS,
            "images": spent.images,
            "images_held": spent.images_held,
            "resets_at": moment_of(None if window.ends is None else int(window.ends * 1000)),
        }
        if _is_used_up(limit, spent):
            told["status"] = "exhausted"
    if row["expires_ms"] is not None and row["expires_ms"] <= now:
        told["status"] = "expired"
    return told


def _is_used_up(limit: UsageLimit, spent: Spent) -> bool:
    money = limit.credit_micros is not None and spent.micros >= limit.credit_micros
    return money or (limit.images is not None and spent.images >= limit.images)
