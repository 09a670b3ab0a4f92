import socket

import pytest

from tests.end_to_end.caller import alive
from tests.end_to_end.provider import Provider
from tests.running import serving

GATEWAY_YAML = """
server:
  max_response_bytes: 1000000
virtual_keys:
  stored:
    provider: openai
    api_key: "${{STORED_KEY}}"
    custom_host: {url}
  azure:
    provider: azure-openai
    api_key: "${{STORED_KEY}}"
    azure_resource_name: test-pictures
    azure_deployment_id: good
    azure_api_version: v1
    custom_host: {url}
"""
STORED_KEY = "test-stored-key-not-real"


@pytest.fixture(scope="session")
def walls():
    with Provider() as provider, Provider() as elsewhere:
        provider.redirects_to = elsewhere.url
        yield provider, elsewhere


@pytest.fixture(scope="session")
def session_gateway(walls, tmp_path_factory):
    folder = tmp_path_factory.mktemp("end_to_end")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(url=walls[0].url))
    (folder / "with-key.yaml").write_text('{provider: openai, api_key: "${STORED_KEY}"}\n')
    (folder / "careful.yaml").write_text("{retry: {attempts: 1, on_status_codes: [503]}, max_attempts: 2}\n")
    with serving(folder, "--log-level", "debug", env={"STORED_KEY": STORED_KEY}) as running:
        yield running


@pytest.fixture
def provider(walls):
    """Hold only what the provider saw in this test."""
    for wall in walls:
        wall.forget()
    return walls[0]


@pytest.fixture
def elsewhere(walls, provider):
    return walls[1]


@pytest.fixture
def gateway(session_gateway):
    """Serve one test, and be well after it."""
    yield session_gateway
    assert session_gateway.process.poll() is None
    assert alive(session_gateway)


@pytest.fixture
def closed_port():
    """Return the address of a port where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
