"""Databases are brought to the schema of this version, by one of all who start, or left as they are."""

import asyncio

import pytest
import sqlalchemy as sa

from gateway.store.database import StoreLost, database
from gateway.store.migrations import STEPS, get, migrate, put
from gateway.store.tables import metadata


async def tables(store):
    async with store.read() as connection:
        return set(await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()))


async def schema(store):
    async with store.read() as connection:
        return await get(connection, "schema")


@pytest.fixture
async def bare(store_url):
    """Return a database in which nothing is, not even tables."""
    opened = database(store_url)
    if not opened.is_sqlite:
        async with opened.write() as connection:
            await connection.run_sync(metadata.drop_all)
            await connection.execute(sa.text("DROP TABLE IF EXISTS later"))
    yield opened
    await opened.close()


async def test_an_empty_database_gets_everything_once(bare):
    ran = []
    steps = tuple(lambda sync, step=step: (ran.append(1), step(sync)) for step in STEPS)
    await migrate(bare, steps)
    await migrate(bare, steps)
    assert len(ran) == len(STEPS)
    assert set(metadata.tables) <= await tables(bare)
    assert await schema(bare) == str(len(STEPS))


async def test_of_those_who_start_at_once_one_migrates(bare, store_url):
    ran = []
    steps = tuple(lambda sync, step=step: (ran.append(1), step(sync)) for step in STEPS)
    others = [database(store_url) for _ in range(3)]
    await asyncio.gather(*(migrate(each, steps) for each in (bare, *others)))
    assert len(ran) == len(STEPS)
    for each in others:
        await each.close()


async def test_what_a_later_version_adds_is_added(bare):
    await migrate(bare)
    later = (*STEPS, lambda sync: sync.execute(sa.text("CREATE TABLE later (x INTEGER)")))
    await migrate(bare, later)
    assert "later" in await tables(bare)
    assert await schema(bare) == str(len(later))


async def test_a_step_that_fails_leaves_everything_as_it_was(bare):
    await migrate(bare)
    before = await tables(bare)

    def halfway(sync):
        sync.execute(sa.text("CREATE TABLE later (x INTEGER)"))
        sync.execute(sa.text("SELECT * FROM nothing"))

    with pytest.raises(StoreLost, match="nothing"):
        await migrate(bare, (*STEPS, halfway))
    assert await tables(bare) == before
    assert await schema(bare) == str(len(STEPS))


async def test_a_schema_of_a_later_version_is_left_alone(store):
    async with store.write() as connection:
        await put(connection, "schema", "99")
    with pytest.raises(StoreLost, match="its schema is 99, of a later version") as caught:
        await migrate(store)
    assert "start the later version" in str(caught.value)
    assert await schema(store) == "99"
