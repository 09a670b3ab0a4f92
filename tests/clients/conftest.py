import pytest

from tests.fake_provider import KEY, FakeOpenAI
from tests.running import serving

GATEWAY_YAML = """
default_config: stored
server:
  trusted_hosts: ["127.0.0.1:{port}"]
virtual_keys:
  images-team:
    provider: openai
    api_key: "${{PROVIDER_KEY}}"
    custom_host: http://127.0.0.1:{port}/v1
"""

STORED = """
description: a stored config, used by its id
strategy: {mode: fallback}
targets:
  - name: broken
    virtual_key: images-team
    override_params: {model: "status:503"}
  - name: working
    virtual_key: images-team
"""


@pytest.fixture(scope="session")
def provider():
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture
def seen(provider):
    """Hold only what the provider saw in this test."""
    provider.seen.clear()
    return provider


@pytest.fixture(scope="session")
def gateway(provider, tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(port=provider.port))
    (folder / "stored.yaml").write_text(STORED)
    with serving(folder, env={"PROVIDER_KEY": KEY}) as running:
        yield running


@pytest.fixture(scope="session")
def plain_gateway(provider, tmp_path_factory):
    """Run a gateway without a default config: models and headers say where a request goes."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(port=provider.port).replace("default_config: stored", ""))
    (folder / "stored.yaml").write_text(STORED)
    with serving(folder, env={"PROVIDER_KEY": KEY}) as running:
        yield running


@pytest.fixture
def closing():
    """Close what a test made."""
    made = []

    def remember(client):
        made.append(client)
        return client

    yield remember
    for client in made:
        client.close()
