import pytest

from gateway.choose.callers import Callers
from gateway.config.api_key import ApiKey
from gateway.secret import Fingerprint
from tests.end_to_end.caller import alive
from tests.end_to_end.provider import Provider
from tests.running import serving

STORED = "test-stored-key-not-real"
TEAM, OTHER = "test-team-key-not-real-1", "test-other-key-not-real-2"
GATEWAY_YAML = """
server: {{max_response_bytes: 8000000}}
virtual_keys:
  stored: {{provider: openai, api_key: {key}, custom_host: {url}}}
"""
KEYS = f"""
api_keys:
  - {{name: team, key: {TEAM}}}
  - {{name: other, key: {OTHER}, workspace_id: other}}
"""


def knowing(*keys):
    """Return the callers of a gateway that has these keys."""
    return Callers({Fingerprint(key): ApiKey(name=f"key {number}") for number, key in enumerate(keys)})


@pytest.fixture(scope="session")
def security_walls():
    with Provider() as provider, Provider() as elsewhere:
        provider.redirects_to = elsewhere.url
        yield provider, elsewhere


@pytest.fixture
def provider(security_walls):
    for wall in security_walls:
        wall.forget()
    return security_walls[0]


@pytest.fixture
def elsewhere(security_walls, provider):
    return security_walls[1]


@pytest.fixture(scope="session")
def session_public(security_walls, tmp_path_factory):
    folder = tmp_path_factory.mktemp("public")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(url=security_walls[0].url, key=STORED))
    with serving(folder, "--host", "0.0.0.0", "--open") as running:  # noqa: S104
        yield running


@pytest.fixture
def public(session_public):
    """Return an open gateway that other machines reach, for which loopback is private."""
    yield session_public
    assert alive(session_public)


@pytest.fixture(scope="session")
def session_keyed(security_walls, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(url=security_walls[0].url, key=STORED) + KEYS)
    with serving(folder) as running:
        yield running


@pytest.fixture
def keyed(session_keyed):
    """Return a gateway with the keys of two teams."""
    yield session_keyed
    assert alive(session_keyed)


@pytest.fixture(scope="session")
def session_loopback(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loopback")
    (folder / "gateway.yaml").write_text("server: {max_response_bytes: 8000000}\n")
    with serving(folder) as running:
        yield running


@pytest.fixture
def loopback(session_loopback):
    """Return an open gateway that only this machine reaches."""
    yield session_loopback
    assert alive(session_loopback)
