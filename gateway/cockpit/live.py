"""`GET /v1/logs/live`: requests under way and answered; `/v1/logs/{id}/pictures`: links to what they painted."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import StreamingResponse

from gateway.cockpit.desk import Desk, database_of
from gateway.cockpit.drafts import asked_of
from gateway.cockpit.moment import under_way
from gateway.errors import Overloaded
from gateway.http.control.asked import whole
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Told, not_found
from gateway.http.control.shown import described
from gateway.store import records
from gateway.store.database import Database, StoreLost

_LOOK_SECONDS = 0.5
_ALIVE_SECONDS = 15.0
_MOST_AT_ONCE = 16
_ROWS = 200
"""Of the newest requests, as many are looked at each time: where more come in between, live is a sample."""
_MOST_BYTES = 1 << 19
"""Of an event, so that a page takes it."""
_REMEMBERED = 2000
_LINK_SECONDS = 600

_watching = asyncio.Semaphore(_MOST_AT_ONCE)


async def live(desk: Desk, request: Request) -> Told:
    """Answer with events, until the client leaves or the server stops."""
    operator = operator_of(request, "logs.list")
    operator.check("logs.view")
    database = database_of(desk)
    if _watching.locked():
        raise Overloaded(f"{_MOST_AT_ONCE} people watch this process already; close one of the pages.")
    last = whole(request.query_params, "last", 0, 0, _ROWS) or 0
    events = _events(desk, database, operator.sees(None), last)
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _events(desk: Desk, database: Database, workspace: str | None, last: int) -> AsyncIterator[bytes]:
    async with _watching:
        seen: OrderedDict[str, None] = OrderedDict()
        rows = await _newest(database, workspace)
        seen.update(dict.fromkeys(row["id"] for row in rows[last:]))  # the others are told as if they came now
        yield b": alive\n\n"
        said = time.monotonic()
        working: list[dict[str, Any]] = []
        while not desk.stopping.is_set():
            fresh = [row for row in await _newest(database, workspace) if row["id"] not in seen]
            for row in reversed(fresh):
                seen[row["id"]] = None
                yield b"data: %b\n\n" % orjson.dumps(told_of(row))
            # What another worker said a second ago may be over.
            standing = under_way(await desk.moments.all(targets=False), workspace)
            before, working = working, [row for row in standing if row["id"] not in seen]
            if _stand(working) != _stand(before):
                yield b"event: under_way\ndata: [%b]\n\n" % b",".join(_as_far_as_there_is_room(working))
                said = time.monotonic()
            while len(seen) > _REMEMBERED:
                seen.popitem(last=False)
            now = time.monotonic()
            if fresh:
                said = now
            elif now - said > _ALIVE_SECONDS:
                said = now
                yield b": alive\n\n"
            await asyncio.sleep(_LOOK_SECONDS)


def _stand(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Return what of requests under way is news when it changes: that they last longer is not."""
    return [(row["id"], row["details"]["attempts"]) for row in rows]


def _as_far_as_there_is_room(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    room = _MOST_BYTES
    for row in rows:
        written = orjson.dumps(row)
        room -= len(written)
        if room < 0:
            return
        yield written


async def _newest(database: Database, workspace: str | None) -> Sequence[records.Row]:
    try:
        return await records.newest(database, workspace, _ROWS)
    except StoreLost:
        return ()  # it will be there again, and what came meanwhile with it


def told_of(row: records.Row) -> dict[str, Any]:
    """Return a request with all that is known of it."""
    return described(row) | {"details": row["more"], "cursor": f"{row['created_ms']}-{row['id']}"}


async def pictures(desk: Desk, request: Request) -> Told:
    """Return links to the pictures of a request that are kept here."""
    operator = operator_of(request, "logs.view")
    row = await records.get(database_of(desk), asked_of(request), operator.sees(None))
    if row is None:
        raise not_found("log", "/v1/logs")
    links, found = desk.delivery.links, []
    headers = {name: request.headers[name] for name in ("host", "x-forwarded-proto") if name in request.headers}
    until = int(time.time()) + _LINK_SECONDS  # noqa: TID251 - links end by the wall clock
    for picture in row["more"].get("pictures", ()):
        name = picture.get("url")
        if links is not None and isinstance(name, str) and "/" not in name:
            found.append({**picture, "url": links.link(name, until, headers)})
    return {"object": "list", "total": len(found), "data": found}
