"""What configs, virtual keys and API keys have in common: found by tenant, told in pages, changed under one number."""

import contextlib
import re
import secrets
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.memory import wall_clock
from gateway.store import revision
from gateway.store.database import Database

Row = sa.RowMapping
Asked = sa.Select[Any]

REMOVED = "removed"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ENDING_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_ENDING = 6
_LONGEST_STEM = 40


class Missing(Exception):
    """There is no such thing, or it is another tenant's: nobody can tell which."""


class Ambiguous(Exception):
    """Several tenants have something of that name, and all of them are looked at."""


class Taken(Exception):
    """Something of that name is there already."""


class Outdated(Exception):
    """It was changed since it was read; holds the version it has now."""

    def __init__(self, current: str) -> None:
        """Keep the version."""
        super().__init__(current)
        self.current = current


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction that changes what gateways go by: kept whole, or not at all."""

    connection: AsyncConnection
    revision: int
    now_ms: int
    by: str


@contextlib.asynccontextmanager
async def changing(database: Database, by: str) -> AsyncIterator[Change]:
    """Begin a change; raises `StoreLost`. All changes of one database follow each other."""
    async with database.write() as connection:
        yield Change(connection, await revision.next_one(connection), now_ms(), by)


def now_ms() -> int:
    """Return the milliseconds since the epoch."""
    return int(wall_clock() * 1000)


def is_name(text: str) -> bool:
    """Whether a text can be an id, a slug, or the name of a workspace."""
    return _NAME.fullmatch(text) is not None


def slug_of(name: str, prefix: str = "") -> str:
    """Return a slug that says a name, and that nobody else has."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_STEM].strip("-")
    ending = "".join(secrets.choice(_ENDING_LETTERS) for _ in range(_ENDING))
    return prefix + "-".join(filter(None, (stem, ending)))


def there(table: sa.Table, workspace: str | None) -> Sequence[sa.ColumnElement[bool]]:
    """Return what is asked of every row: that it was not removed, and whose it is; `None` for all tenants."""
    mine = () if workspace is None else (table.c.workspace == workspace,)
    return (table.c.status != REMOVED, *mine)


async def found(connection: AsyncConnection, asked: Asked, table: sa.Table, workspace: str | None, name: str) -> Row:
    """Return the one row of an id, or of a slug; raises `Missing` or `Ambiguous`."""
    if not is_name(name):
        raise Missing
    called = table.c.id == name
    if "slug" in table.c:
        called = sa.or_(called, table.c.slug == name)
    asked = asked.where(*there(table, workspace), called).order_by(table.c.id != name).limit(2)
    rows = (await connection.execute(asked)).mappings().all()
    if not rows:
        raise Missing
    if len(rows) > 1 and rows[0]["id"] != name:
        raise Ambiguous
    return rows[0]


async def page(
    connection: AsyncConnection, asked: Asked, table: sa.Table, workspace: str | None, size: int, number: int
) -> tuple[int, Sequence[Row]]:
    """Return how many there are, and those of one page, the oldest first; pages count from 0."""
    whose = there(table, workspace)
    total = await connection.scalar(sa.select(sa.func.count()).select_from(table).where(*whose))
    asked = asked.where(*whose).order_by(table.c.created_ms, table.c.id).limit(size).offset(size * number)
    return total or 0, (await connection.execute(asked)).mappings().all()


async def has_slug(connection: AsyncConnection, table: sa.Table, workspace: str, slug: str) -> bool:
    """Whether a slug is in use."""
    asked = sa.select(table.c.id).where(*there(table, workspace), table.c.slug == slug)
    return await connection.scalar(asked) is not None


def current(row: Row, expected: str | None) -> None:
    """Raise `Outdated` unless a row has the version that somebody saw; `None` where they do not mind."""
    version = str(row["version_id"] if "version_id" in row else row["version"])
    if expected not in (None, "*", version):
        raise Outdated(version)


def new_id() -> str:
    """Return an id."""
    return str(uuid.uuid4())


async def insert(change: Change, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Add a row; `values` hold its id, and whatever only this table has."""
    common = {
        "status": "active",
        "version": 1,
        "revision": change.revision,
        "created_ms": change.now_ms,
        "updated_ms": change.now_ms,
        "created_by": change.by,
        "updated_by": change.by,
    }
    if "slug" in values and await has_slug(change.connection, table, values["workspace"], values["slug"]):
        raise Taken
    await change.connection.execute(sa.insert(table).values(**common, **values))


async def update(change: Change, table: sa.Table, row: Row, values: Mapping[str, Any]) -> None:
    """Change a row that was found in the same transaction."""
    common = {
        "version": row["version"] + 1,
        "revision": change.revision,
        "updated_ms": change.now_ms,
        "updated_by": change.by,
    }
    await change.connection.execute(sa.update(table).where(table.c.id == row["id"]).values(**common, **values))
