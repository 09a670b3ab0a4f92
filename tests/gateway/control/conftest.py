"""A control plane on a real SQLite file, asked in this process."""

import asyncio
import shutil

import pytest

from gateway.store.database import database, sqlite_url
from gateway.store.migrations import migrate
from gateway.store.sealing import MasterKeys
from gateway.store.vault import open_vault
from tests.gateway.control.stage import MASTER, Stage


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return the file of a database in which nothing is yet; making one takes longer than copying it."""
    file = tmp_path_factory.mktemp("empty") / "empty.db"

    async def make():
        made = database(sqlite_url(file))
        await migrate(made)
        await open_vault(made, MasterKeys([MASTER]))
        await made.close()

    asyncio.run(make())
    return file


@pytest.fixture
async def stage(empty, tmp_path):
    file = tmp_path / "beamsplitter.db"
    shutil.copy(empty, file)
    opened = database(sqlite_url(file))
    yield Stage(opened, await open_vault(opened, MasterKeys([MASTER])), file)
    await opened.close()
