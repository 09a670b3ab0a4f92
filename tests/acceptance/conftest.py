import pytest

from tests.acceptance.rig import MIB, Meanwhile, Moody, dribbled, large_answer, post, unread
from tests.end_to_end.caller import alive, raw_request
from tests.end_to_end.provider import Provider
from tests.end_to_end.studio import Studio
from tests.running import serving

TEAM, OTHER = "test-team-key-not-real-1", "test-other-key-not-real-2"
GATEWAY_YAML = """
server: {{max_response_bytes: 67108864}}
virtual_keys:
  stored: {{provider: openai, api_key: test-stored-key-not-real, custom_host: {url}}}
"""
KEYED_YAML = f"""
api_keys:
  - {{name: team, key: {TEAM}}}
  - {{name: other, key: {OTHER}}}
"""


@pytest.fixture(scope="session")
def acceptance_walls():
    with Provider() as provider, Provider() as elsewhere, Studio() as studio, Moody() as moody:
        provider.redirects_to = elsewhere.url
        yield provider, elsewhere, studio, moody


@pytest.fixture(scope="session")
def acceptance_gateway(acceptance_walls, tmp_path_factory):
    folder = tmp_path_factory.mktemp("acceptance")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(url=acceptance_walls[0].url))
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="session")
def session_keyed(acceptance_walls, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "gateway.yaml").write_text(KEYED_YAML)
    (folder / "shared.yaml").write_text("{provider: sandbox}\n")
    with serving(folder) as running:
        yield running


@pytest.fixture
def keyed(session_keyed):
    """Return a gateway with API keys."""
    yield session_keyed
    assert alive(session_keyed)


@pytest.fixture
def provider(acceptance_walls):
    for wall in acceptance_walls[:2]:
        wall.forget()
    return acceptance_walls[0]


@pytest.fixture
def elsewhere(acceptance_walls, provider):
    return acceptance_walls[1]


@pytest.fixture
def studio(acceptance_walls):
    acceptance_walls[2].forget()
    return acceptance_walls[2]


@pytest.fixture
def moody(acceptance_walls):
    """Return a provider that is well."""
    moody = acceptance_walls[3]
    moody.mood, moody.seconds, moody.billed = "well", 0.0, 0
    moody.asked.clear()
    return moody


@pytest.fixture
def gateway(acceptance_gateway):
    """Serve one case, and be well after it."""
    yield acceptance_gateway
    assert acceptance_gateway.process.poll() is None
    assert alive(acceptance_gateway)


@pytest.fixture(scope="session")
def slow_clients(tmp_path_factory):
    """Begin what takes its time before the other cases; a gateway of their own keeps them out of each other's way."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "gateway.yaml").write_text(f"server: {{byte_budget: {80 * MIB}}}\n")
    with serving(folder) as running, Moody(body=large_answer()) as large:
        config = large.target("test-large-key-not-real")
        length = "Content-Length: 100000"
        kind = "Content-Type: application/json"
        yield {
            "gateway": running,
            "config": config,
            "head": Meanwhile(dribbled, running, post()[:-2], b"x", 15),
            "body": Meanwhile(dribbled, running, post(kind, length, body=b'{"prompt": "'), b"a", 20),
            "unread": Meanwhile(unread, running, raw_request(config), 45),
        }
        running.process.kill()  # it would wait for what nobody is interested in any more
        running.process.wait()


@pytest.fixture(scope="session", autouse=True)
def _begin_early(slow_clients):
    """Have the slow ones run beside everything else of this folder."""
