import pytest

from tests.end_to_end.caller import alive
from tests.end_to_end.provider import Provider
from tests.running import serving

TEAMS = {"a": "test-team-a-key-not-real-1", "b": "test-team-b-key-not-real-2"}
SERVER = "server: {{{settings}}}\n"


@pytest.fixture
def wall():
    with Provider() as provider:
        yield provider


@pytest.fixture
def gateway_with(tmp_path):
    """Start a gateway with settings, and be well after the test."""
    running = []

    def start(keys=(), env=None, **settings):
        told = ", ".join(f"{name}: {value}" for name, value in settings.items())
        text = SERVER.format(settings=told)
        if keys:
            text += "api_keys:\n" + "".join(f"  - {{name: {name}, key: {key}}}\n" for name, key in keys.items())
        (tmp_path / "gateway.yaml").write_text(text)
        context = serving(tmp_path, env=env)
        running.append((context, context.__enter__()))
        return running[-1][1]

    yield start
    for context, gateway in running:
        well = gateway.process.poll() is not None or alive(gateway)
        context.__exit__(None, None, None)
        assert well
