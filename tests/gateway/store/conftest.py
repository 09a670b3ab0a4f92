"""Stores for tests: SQLite in a file, and PostgreSQL where it is installed."""

import pytest

from gateway.store.database import database, sqlite_url
from gateway.store.migrations import migrate
from gateway.store.tables import metadata
from tests.services.postgres import postgres_server


@pytest.fixture(scope="session")
def postgresql_url():
    """Start one server for all tests of a session; its data are not flushed, as they are not kept."""
    with postgres_server(arguments=["-F"]) as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "store.db")
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
async def store(store_url):
    """Return an empty database."""
    opened = database(store_url)
    if not opened.is_sqlite:
        async with opened.write() as connection:
            await connection.run_sync(metadata.drop_all)
    await migrate(opened)
    yield opened
    await opened.close()
