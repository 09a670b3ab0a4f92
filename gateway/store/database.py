"""The database: SQLite in the data folder or PostgreSQL by URL, opened once per process, never blocking its loop."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util import await_only

_BUSY_MS = 10_000
"""How long a writer of SQLite waits for those of other processes."""
_WAL_TRIES, _WAL_PAUSE_SECONDS = 200, 0.05
_CONNECT_SECONDS = 5.0
_COMMAND_SECONDS = 30.0
_READERS = 4
_WRITES = "gateway_writes"


class StoreLost(Exception):
    """The database did not do as it was asked; nothing was changed, or nobody knows."""


class Database:
    """One database. Writers of one process take turns; a transaction is whole or was never begun."""

    def __init__(self, engine: AsyncEngine, place: str) -> None:
        """Use an engine; `place` is what people are told of it, without a password."""
        self._engine = engine
        self.place = place
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection that sees one moment; raises `StoreLost`."""
        try:
            async with self._engine.connect() as connection:
                yield connection
        except sa.exc.CompileError:
            raise  # a fault of ours, not the database's
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise self._lost(error) from error

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection whose changes are kept together when it is left well, and not at all otherwise.

        Raises `StoreLost`; a `sqlalchemy.exc.IntegrityError` goes through, as it says that something is there already.
        """
        turn = self._turn if self.is_sqlite else contextlib.nullcontext()
        try:
            async with turn, self._engine.connect() as bare:
                connection = await bare.execution_options(**{_WRITES: True})
                async with connection.begin():
                    yield connection
        except (sa.exc.IntegrityError, sa.exc.CompileError):
            raise
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise self._lost(error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    def _lost(self, error: Exception) -> StoreLost:
        # The driver's own words: SQLAlchemy's would repeat the statement, and what it was given.
        cause: object = error.orig if isinstance(error, DBAPIError) else error
        reason = str(cause).partition("\n")[0] or type(cause).__name__
        return StoreLost(f"{self.place}: {reason}")


def database(url: str) -> Database:
    """Return the database at a URL, `sqlite:///path` or `postgresql://…`; nothing is opened yet.

    Raises `StoreLost` for a URL that leads to neither, or whose driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise StoreLost("this is not the URL of a database; expected postgresql://user:password@host/name") from None
    place = parsed.render_as_string(hide_password=True)
    match parsed.get_backend_name():
        case "sqlite":
            return Database(_sqlite(parsed), str(parsed.database))
        case "postgresql" | "postgres":
            return Database(_postgresql(parsed.set(drivername="postgresql+asyncpg"), place), place)
        case other:
            raise StoreLost(f"{other} is not a database that is spoken here; expected sqlite:///… or postgresql://…")


def sqlite_url(file: Path) -> str:
    """Return the URL of an embedded database."""
    return sa.URL.create("sqlite", database=str(file)).render_as_string()


def _sqlite(url: sa.URL) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=_READERS + 1,
        max_overflow=0,
        connect_args={"timeout": _BUSY_MS / 1000},
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own
        connection.isolation_level = None  # else the driver decides for itself when a transaction begins
        cursor = connection.cursor()
        for setting in (f"busy_timeout = {_BUSY_MS}", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {setting}")
        _use_wal(cursor)
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A transaction that reads before it writes must not find that another one wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")

    return engine


def _use_wal(cursor: Any) -> None:  # noqa: ANN401 - the driver's own
    """Have changes written ahead; while another process recovers what was, SQLite may say so instead of waiting."""
    for _ in range(_WAL_TRIES):
        with contextlib.suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        await_only(asyncio.sleep(_WAL_PAUSE_SECONDS))
    cursor.execute("PRAGMA journal_mode = WAL")


def _postgresql(url: sa.URL, place: str) -> AsyncEngine:
    try:
        return create_async_engine(
            url,
            pool_size=_READERS + 1,
            max_overflow=_READERS,
            pool_timeout=_CONNECT_SECONDS,
            pool_pre_ping=True,  # after a restart of the server every connection is stale
            connect_args={"timeout": _CONNECT_SECONDS, "command_timeout": _COMMAND_SECONDS},
        )
    except ImportError:
        raise StoreLost(
            f"{place}: PostgreSQL needs a driver that is not installed: pip install 'beamsplitter[postgres]'"
        ) from None
