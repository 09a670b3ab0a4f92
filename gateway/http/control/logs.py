"""`/v1/logs`: recorded requests, one by one, in pages, and as a file; records from elsewhere come in here."""

import asyncio

from starlette.requests import Request
from starlette.routing import Route

from gateway.errors import GatewayError, NotAllowed
from gateway.http.body import read_body
from gateway.http.control import exports
from gateway.http.control.answers import RecordPlane, routes
from gateway.http.control.asked import check_names, filters_of, whole, wrong
from gateway.http.control.handmade import rows_of
from gateway.http.control.operator import OPERATOR, Operator, operator_of
from gateway.http.control.plane import Told, not_found
from gateway.http.control.shown import described
from gateway.store import records
from gateway.store.database import Database
from gateway.store.kept import now_ms

_LARGEST_PAGE, _PAGE_SIZE = 1000, 50
_LAST_ROW = 100_000
"""A page is found by counting the rows before it; further on there is `after`."""
_BODY_BYTES = 20 << 20
_WRITES = ("logs.write", "completions.write")


def log_routes(plane: RecordPlane) -> list[Route]:
    """Return the routes of the log and of its exports."""

    async def create(database: Database, request: Request) -> Told:
        operator = _writer(request)
        body = await read_body(request.receive, limit=_BODY_BYTES)
        several, rows = await asyncio.to_thread(
            rows_of,
            body,
            workspace=operator.workspace_for(None),
            api_key=operator.name,
            keep_prompt=plane.keep_prompt,
            now_ms=now_ms(),
        )
        await records.insert(database, rows)
        told = {"status": "success", "object": "log", "id": rows[0]["id"]}
        return {**told, "object": "list", "data": [{"id": row["id"]} for row in rows]} if several else told

    return routes(
        plane,
        {
            "/logs": {"GET": _found, "POST": create},
            **exports.endpoints(plane),
            "/logs/{id}": {"GET": _one},
        },
    )


async def _found(database: Database, request: Request) -> Told:
    operator = operator_of(request, "logs.list")
    given = request.query_params
    check_names(given, "page_size", "current_page", "after")
    size = whole(given, "page_size", _PAGE_SIZE, 1, _LARGEST_PAGE) or _PAGE_SIZE
    page = whole(given, "current_page", 0, 0, _LAST_ROW) or 0
    if page * size > _LAST_ROW:
        raise wrong("current_page", f"pages reach to row {_LAST_ROW}; go on with after={{next}}, as a page tells it")
    after = _place(given["after"]) if given.get("after") else None
    total, rows = await records.find(database, filters_of(given, operator), size=size, page=page, after=after)
    last = f"{rows[-1]['created_ms']}-{rows[-1]['id']}" if len(rows) == size else None
    return {"object": "list", "total": total, "data": [described(row) for row in rows], "next": last}


async def _one(database: Database, request: Request) -> Told:
    operator = operator_of(request, "logs.view")
    row = await records.get(database, request.path_params["id"], operator.sees(None))
    if row is None:
        raise not_found("log", "/v1/logs")
    return {**described(row), "details": row["more"]}


def _writer(request: Request) -> Operator:
    operator: Operator = request.scope[OPERATOR]
    if operator.scopes is not None and operator.scopes.isdisjoint(_WRITES):
        raise NotAllowed("This key has neither the scope logs.write nor completions.write.")
    return operator


def _place(text: str) -> records.Place:
    time, found, id_ = text.partition("-")
    if not (found and time.isascii() and time.isdigit() and len(time) < 16 and id_ and "\x00" not in id_):  # noqa: PLR2004
        raise GatewayError("after: expected what a page told as `next`.", param="after")
    return int(time), id_
