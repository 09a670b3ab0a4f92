"""Stores for tests: SQLite in a file, and PostgreSQL where it is installed."""

import os

import pytest

from gateway.store.database import database, sqlite_url
from gateway.store.migrations import migrate
from gateway.store.tables import metadata
from tests.gateway.store import postgres


@pytest.fixture(scope="session")
def postgresql_url():
    """Start one server for all tests of a session; none is a failure where everything has to be there."""
    if postgres.found() is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL has to be installed in CI")
        pytest.skip("PostgreSQL is not installed")
    with postgres.running() as url:
        yield url


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
