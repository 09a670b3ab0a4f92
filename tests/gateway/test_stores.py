"""A worker that cannot open the database that was asked for does not go on without one."""

import asyncio
import logging

import pytest

from gateway import stores
from gateway.settings import Settings
from gateway.store.database import StoreLost
from tests.services.redis import free_port


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(stores, "_TRIES", 3)
    monkeypatch.setattr(stores, "_AGAIN_SECONDS", 0.01)


async def test_it_ends_after_some_tries(tmp_path, caplog):
    away = f"postgresql://nobody:test-not-real@127.0.0.1:{free_port()}/none"
    with caplog.at_level(logging.WARNING), pytest.raises(StoreLost):
        await stores.opened(Settings(store=away, data=str(tmp_path), master_key="ab" * 32))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all(words.startswith("the database cannot be opened yet: ") for words in told)
    assert "test-not-real" not in caplog.text


async def test_it_begins_once_the_database_is_there(tmp_path, monkeypatch):
    opened, tries = stores.opened_store, []

    async def late(settings):
        tries.append(settings)
        if len(tries) < 3:
            raise StoreLost("too many clients already")
        return await opened(settings)

    monkeypatch.setattr(stores, "opened_store", late)
    found = await stores.opened(Settings(data=str(tmp_path)))
    assert (len(tries), found.ledger is not None) == (3, True)
    await found.close()


async def test_without_a_place_that_anybody_asked_for_it_serves_without_one(tmp_path, monkeypatch):
    async def lost(_):
        await asyncio.sleep(0)
        raise StoreLost("no folder can be written to")

    monkeypatch.setattr(stores, "opened_store", lost)
    assert await stores.opened(Settings()) is None
