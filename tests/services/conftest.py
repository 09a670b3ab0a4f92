"""Tests against real servers, which they start themselves."""

import itertools

import pytest

from tests.services.redis import redis_server

_numbers = itertools.count()


@pytest.fixture(scope="session")
def shared_redis():
    """One server for all tests that leave it running."""
    with redis_server() as server:
        yield server


@pytest.fixture
def own_redis():
    """A server that a test may do anything to."""
    with redis_server() as server:
        yield server


@pytest.fixture
def prefix():
    """Names that no other test uses."""
    return f"test{next(_numbers)}:"


@pytest.fixture
async def server(shared_redis, prefix):
    from gateway.state.redis import Server  # noqa: PLC0415 - the client is an extra

    # Other than a gateway, a test waits for a machine that is busy with other tests.
    server = Server(shared_redis.url, prefix=prefix, connect_seconds=5, answer_seconds=5)
    yield server
    await server.close()
