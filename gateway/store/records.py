"""One row for each request that was answered: written in batches, found newest first, forgotten after a while."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa

from gateway.store.database import Database
from gateway.store.filters import Filters
from gateway.store.request_row import NUL, RequestRow, harmless, plain
from gateway.store.tables import feedback, requests

Row = Mapping[str, Any]
Place = tuple[int, str]
"""Where a row stands among all: its time and its id."""

_COLUMNS = tuple(column.name for column in requests.columns)
_DOCUMENTS = ("metadata", "more")
_CLIPPED_BYTES = {"trace_id": 1024} | dict.fromkeys(
    ("user", "provider", "model", "virtual_key", "api_key", "config", "cache"), 256
)
"""What is indexed stays this short, whatever callers send: an entry of PostgreSQL's index takes 2.7 kB.

A workspace is never clipped: two of them would become one.
"""
_LONGEST_BYTES = 1 << 20
_PAGE = 100
_LATELY = 2000
"""As much as takes the loop a few milliseconds."""
_ID_OF = itemgetter(0)

_values = itemgetter(*_COLUMNS)
_AT_DOCUMENTS = tuple(_COLUMNS.index(name) for name in _DOCUMENTS)
_AT_TEXTS = tuple(
    (position, _CLIPPED_BYTES.get(column.name, _LONGEST_BYTES))
    for position, column in enumerate(requests.columns)
    if isinstance(column.type, sa.Text)
)

_QUOTED = tuple(f'"{name}"' for name in _COLUMNS)
_NAMES = ", ".join(_QUOTED)
_PICKED = ", ".join(f"CAST({name} AS JSONB)" if name[1:-1] in _DOCUMENTS else name for name in _QUOTED)
_TYPES = tuple("TEXT" if column.name in _DOCUMENTS else str(column.type) for column in requests.columns)
# The driver's own statements: a row costs half of what it does by way of `sa.insert`. PostgreSQL gets each column as
# one array, in one round trip.
_ON_SQLITE = f"INSERT INTO requests ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT (id) DO NOTHING"  # noqa: S608 - names of our own
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_TYPES, 1))
_ON_POSTGRESQL = (
    f"INSERT INTO requests ({_NAMES}) SELECT {_PICKED} FROM unnest({_ARRAYS}) AS rows ({_NAMES}) "  # noqa: S608 - names of our own
    "ON CONFLICT (id) DO NOTHING"
)


async def insert(database: Database, rows: Sequence[Row | RequestRow]) -> int:
    """Keep rows that have all columns of `requests`; return how many were new: one that comes twice counts once.

    Whatever callers sent is kept as far as both databases can hold it, so that no row takes others with it.
    """
    if not rows:
        return 0
    prepared = [row.values() if type(row) is RequestRow else _prepared(row) for row in rows]
    async with database.write() as connection:
        if database.is_sqlite:
            result = await connection.exec_driver_sql(_ON_SQLITE, prepared)
        else:
            prepared.sort(key=_ID_OF)  # two gateways that ship the same rows lock them in the same order
            result = await connection.exec_driver_sql(_ON_POSTGRESQL, tuple(map(list, zip(*prepared, strict=True))))
    return result.rowcount


async def find(
    database: Database, filters: Filters, *, size: int, page: int = 0, after: Place | None = None
) -> tuple[int, list[Row]]:
    """Return how many requests are meant, and one page of them, newest first, without `more`."""
    columns = [column for column in requests.columns if column.name != "more"]
    asked = _newest(filters, columns, after).limit(size).offset(page * size)
    total = sa.select(sa.func.count()).select_from(requests).where(*filters.of_requests())
    async with database.read() as connection:
        return int(await connection.scalar(total) or 0), _rows(await connection.execute(asked))


async def count(database: Database, filters: Filters) -> int:
    """Return how many requests are meant."""
    asked = sa.select(sa.func.count()).select_from(requests).where(*filters.of_requests())
    async with database.read() as connection:
        return int(await connection.scalar(asked) or 0)


async def get(database: Database, id_: str, workspace: str | None) -> Row | None:
    """Return one request, whole; another workspace's is as if there were none."""
    if NUL in id_:
        return None
    asked = sa.select(requests).where(requests.c.id == id_, *Filters(workspace=workspace).of_requests())
    async with database.read() as connection:
        found = (await connection.execute(asked)).mappings().one_or_none()
    return None if found is None else dict(found)


async def newest(database: Database, workspace: str | None, size: int) -> Sequence[Row]:
    """Return the newest requests, whole."""
    asked = _newest(Filters(workspace=workspace), list(requests.columns), None).limit(size)
    async with database.read() as connection:
        return _rows(await connection.execute(asked))


async def lately_named(database: Database, field: str, size: int) -> Sequence[tuple[str, str]]:
    """Return workspaces and values that newest requests have under a name in their metadata, the latest first.

    It looks at so many requests that it may be asked every few seconds, however many there are.
    """
    newest_ = _newest(Filters(), [requests.c.workspace, requests.c.metadata, requests.c.created_ms], None)
    lately = newest_.limit(_LATELY).subquery()
    value = lately.c.metadata[field].as_string()
    asked = (
        sa.select(lately.c.workspace, value.label("value"))
        .where(value.is_not(None), value != "")
        .group_by(lately.c.workspace, sa.text("2"))
        .order_by(sa.func.max(lately.c.created_ms).desc())
        .limit(size)
    )
    async with database.read() as connection:
        return [(row.workspace, row.value) for row in await connection.execute(asked)]


async def pages(database: Database, filters: Filters) -> AsyncIterator[Sequence[Row]]:
    """Yield all requests that are meant, newest first, whole, some at a time.

    Each part is a query of its own: whoever takes an hour to read them holds no connection, and no moment of the
    database, for that long. What is written meanwhile is newer than the first, and never comes.
    """
    after: Place | None = None
    while True:
        asked = _newest(filters, list(requests.columns), after).limit(_PAGE)
        async with database.read() as connection:
            rows = _rows(await connection.execute(asked))
        if rows:
            yield rows
        if len(rows) < _PAGE:
            return
        after = (rows[-1]["created_ms"], rows[-1]["id"])


async def forget(database: Database, before_ms: int, at_most: int = 1000) -> int:
    """Remove the oldest requests from before a moment, no more than that many, and what was said of them.

    Returns how many requests they were, or opinions, if those were more.
    """
    removed = []
    async with database.write() as connection:
        for table in (requests, feedback):
            oldest = sa.select(table.c.id).where(table.c.created_ms < before_ms).order_by(table.c.created_ms)
            done = await connection.execute(sa.delete(table).where(table.c.id.in_(oldest.limit(at_most))))
            removed.append(done.rowcount)
    return max(removed)


def _rows(result: sa.CursorResult[*tuple[Any, ...]]) -> list[Row]:
    names = [*result.keys()]
    return [dict(zip(names, row, strict=True)) for row in result]


def _newest(filters: Filters, columns: Sequence[sa.Column[Any]], after: Place | None) -> sa.Select[*tuple[Any, ...]]:
    time, id_ = requests.c.created_ms, requests.c.id
    if after is not None:
        until = after[0] + 1 if filters.until_ms is None else min(after[0] + 1, filters.until_ms)
        filters = replace(filters, until_ms=until)
    asked = sa.select(*columns).where(*filters.of_requests()).order_by(time.desc(), id_.desc())
    return asked if after is None else asked.where(sa.or_(time < after[0], id_ < after[1]))


def _prepared(row: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a mapping by column
    values = [*_values(row)]
    for position, most in _AT_TEXTS:
        text = values[position]
        if text is not None:
            values[position] = plain(text, most)
    for position in _AT_DOCUMENTS:
        values[position] = document_text(values[position])
    return tuple(values)


def document_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a document as JSON that both databases take."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # half a character
        return orjson.dumps(_without(value)).decode()
    return text if harmless(text) else orjson.dumps(_without(value)).decode()


def _without(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the same without what PostgreSQL cannot hold."""
    match value:
        case str():
            return plain(value, _LONGEST_BYTES)
        case Mapping():
            return {plain(str(name), _LONGEST_BYTES): _without(item) for name, item in value.items()}
        case list() | tuple():
            return [_without(item) for item in value]
        case _:
            return value
