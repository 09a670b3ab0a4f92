"""How a recorded request looks from outside: in the log, and as a line of an export."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.store.records import Row

MICROS = 1_000_000
_MICROS_PER_CENT = 10_000
_FAILED = 400
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula."""

Field = Callable[[Row], Any]


def iso(ms: int) -> str:
    """Return a time as it is written."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cents(micros: int | None) -> float | None:
    """Return an amount in US cents: what Portkey's names without a unit are in."""
    return None if micros is None else micros / _MICROS_PER_CENT


def dollars(micros: int | None) -> float | None:
    """Return an amount in US dollars."""
    return None if micros is None else micros / MICROS


def money(name: str, micros: int | None) -> dict[str, float | None]:
    """Return an amount by both names: `name` in US cents, `name_usd` in US dollars."""
    return {name: cents(micros), f"{name}_usd": dollars(micros)}


def _same(column: str) -> Field:
    return lambda row: row[column]


FIELDS: Mapping[str, Field] = {
    "id": _same("id"),
    "trace_id": _same("trace_id"),
    "created_at": lambda row: iso(row["created_ms"]),
    "workspace_id": _same("workspace"),
    "operation": _same("operation"),
    "ai_org": _same("provider"),
    "ai_model": _same("model"),
    "asked_model": _same("asked_model"),
    "target": _same("target"),
    "virtual_key": _same("virtual_key"),
    "config": _same("config"),
    "config_version": _same("config_version"),
    "api_key": _same("api_key"),
    "user": _same("user"),
    "response_status_code": _same("status"),
    "is_success": lambda row: row["status"] < _FAILED,
    "cause": _same("cause"),
    "code": _same("code"),
    "response_time": _same("ms"),
    "upstream_time": _same("upstream_ms"),
    "queue_time": _same("queued_ms"),
    "cost": lambda row: cents(row["cost_micros"]),
    "cost_usd": lambda row: dollars(row["cost_micros"]),
    "saved_usd": lambda row: dollars(row["saved_micros"]),
    "total_units": _same("images"),
    "attempts": _same("attempts"),
    "maybe_billed": _same("maybe_billed"),
    "rescued": lambda row: bool(row["rescued"]),
    "cache_status": _same("cache"),
    "size": _same("size"),
    "prompt": _same("prompt"),
    "metadata": _same("metadata"),
}
"""What is told of a request; times in milliseconds."""

_MORE: Mapping[str, Field] = {
    "details": _same("more"),
    "request": lambda row: {
        "operation": row["operation"],
        "model": row["asked_model"],
        "prompt": row["prompt"],
        "size": row["size"],
        **_part(row, "request"),
    },
    "response": lambda row: {
        "status": row["status"],
        "code": row["code"],
        "cause": row["cause"],
        **{name: row["more"][name] for name in ("pictures", "adaptations") if name in row["more"]},
        **_part(row, "response"),
    },
    "req_units": lambda _: 0,
    "res_units": _same("images"),
    "cost_currency": lambda _: "US cents",
    "request_url": lambda row: _part(row, "request").get("url"),
    "mode": lambda row: "fallback" if row["rescued"] else "single",
}
"""What else may be asked for in an export; the names are Portkey's."""

EXPORTED = {**FIELDS, **_MORE}


def described(row: Row) -> dict[str, Any]:
    """Return a request as the log lists it."""
    return {**{name: field(row) for name, field in FIELDS.items()}, "object": "log"}


def line_of(row: Row, names: Sequence[str]) -> dict[str, Any]:
    """Return some of what is known of a request."""
    return {name: EXPORTED[name](row) for name in names}


def ndjson(rows: Sequence[Row], names: Sequence[str]) -> bytes:
    """Return one line of JSON for each request."""
    return b"".join(orjson.dumps(line_of(row, names), option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def comma_separated(rows: Sequence[Row], names: Sequence[str]) -> bytes:
    """Return one line of cells for each request, none of which is a formula to a spreadsheet."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerows([_cell(value) for value in line_of(row, names).values()] for row in rows)
    return written.getvalue().encode()


def header(names: Sequence[str]) -> bytes:
    """Return the first line of a file of cells."""
    return f"{','.join(names)}\r\n".encode()


def _cell(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict | list):
        value = orjson.dumps(value).decode()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _part(row: Row, name: str) -> Mapping[str, Any]:
    part = row["more"].get(name)
    return part if isinstance(part, dict) else {}
