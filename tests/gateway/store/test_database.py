"""Transactions are whole or were never begun, and what the database says is told without what it was given."""

import asyncio
import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.util import greenlet_spawn

from gateway.store import revision
from gateway.store.changes import changes_after
from gateway.store.database import StoreLost, _use_wal, database, sqlite_url
from gateway.store.migrations import get, migrate, put


async def write(store, ending):
    async with store.write() as connection:
        await put(connection, "half", "done")
        await ending(connection)


async def test_what_fails_leaves_nothing_behind(store):
    async def fail(_):
        raise KeyError

    async def collide(connection):
        await connection.execute(sa.text("INSERT INTO meta VALUES ('half', 'again')"))

    with pytest.raises(KeyError):
        await write(store, fail)
    with pytest.raises(sa.exc.IntegrityError):
        await write(store, collide)
    async with store.read() as connection:
        assert await get(connection, "half") is None


async def test_a_writer_that_is_cancelled_lets_the_next_one_write(store):
    inside = asyncio.Event()

    async def hang():
        async with store.write() as connection:
            await put(connection, "half", "done")
            inside.set()
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    await inside.wait()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    async with store.write() as connection:
        assert await get(connection, "half") is None
        await put(connection, "whole", "done")


async def test_writers_of_several_processes_count_without_a_gap(store, store_url):
    others = [database(store_url) for _ in range(2)]
    seen = []

    async def one(each):
        for _ in range(10):
            async with each.write() as connection:
                seen.append(await revision.next_one(connection))

    await asyncio.gather(*(one(each) for each in (store, *others)))
    assert sorted(seen) == list(range(1, 31))
    for each in others:
        await each.close()


async def test_nothing_is_new_until_something_changes(store):
    assert await changes_after(store, 0) is None
    async with store.write() as connection:
        await revision.next_one(connection)
    assert (await changes_after(store, 0)).revision == 1
    assert await changes_after(store, 1) is None
    assert (await changes_after(store, 7)).whole  # it was put back to an older state


async def test_sqlite_keeps_what_it_acknowledged(tmp_path):
    opened = database(sqlite_url(tmp_path / "a b%20.db"))
    await migrate(opened)
    async with opened.read() as connection:
        found = [await connection.scalar(sa.text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]
    assert (tmp_path / "a b%20.db").exists()
    await opened.close()


async def test_readers_do_not_wait_for_a_writer(store):
    async with store.write() as writing:
        await put(writing, "unseen", "yet")
        async with store.read() as reading:
            assert await get(reading, "unseen") is None
    async with store.read() as reading:
        assert await get(reading, "unseen") == "yet"


async def test_a_file_that_other_processes_recover_at_the_same_time_is_waited_for():
    class Cursor:
        tries = 0

        def execute(self, _):
            self.tries += 1
            if self.tries < 3:  # as it was seen of two that began at once after both were killed
                raise sqlite3.OperationalError("database is locked")

    cursor = Cursor()
    await greenlet_spawn(_use_wal, cursor)
    assert cursor.tries == 3


async def test_a_database_that_is_locked_for_too_long_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.store.database._BUSY_MS", 20)
    opened = database(sqlite_url(tmp_path / "locked.db"))
    await migrate(opened)
    other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLost, match="locked"):
        async with opened.write():
            pass
    other.rollback()
    async with opened.write() as connection:
        await put(connection, "again", "well")
    other.close()
    await opened.close()


@pytest.mark.parametrize("content", [b"this is no database, and never was" * 100, b"SQLite format 3\0" + b"x" * 4096])
async def test_a_file_that_is_no_database_is_told(tmp_path, content):
    (tmp_path / "x.db").write_bytes(content)
    opened = database(sqlite_url(tmp_path / "x.db"))
    with pytest.raises(StoreLost, match=r"x\.db"):
        await migrate(opened)
    assert (tmp_path / "x.db").read_bytes() == content
    await opened.close()


async def test_a_server_that_is_not_there_is_told_without_its_password():
    opened = database("postgresql://user:secret-not-real@127.0.0.1:1/name")
    with pytest.raises(StoreLost, match=r"127\.0\.0\.1") as caught:
        await migrate(opened)
    assert "secret-not-real" not in str(caught.value)
    await opened.close()


async def test_what_was_given_is_not_repeated(store):
    with pytest.raises(StoreLost) as caught:
        async with store.read() as connection:
            await connection.execute(sa.text("SELECT * FROM nothing WHERE x = :x"), {"x": "secret-not-real"})
    assert "secret-not-real" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "nothing", "mysql://host/name", "redis://host", "http://host"])
def test_another_kind_of_database_is_refused(url):
    with pytest.raises(StoreLost, match="expected"):
        database(url)
