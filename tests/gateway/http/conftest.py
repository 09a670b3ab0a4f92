"""Here every asynchronous test runs in virtual time, from second 0."""

from gateway.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories():
    return {"virtual time": VirtualTimeLoop}
