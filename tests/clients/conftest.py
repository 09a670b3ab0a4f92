import openai
import portkey_ai
import pytest

from tests.fake_provider import KEY, FakeOpenAI
from tests.running import serving

BACKUP_KEY = "test-backup-key-not-real"

GATEWAY_YAML = """
default_config: stored
server:
  trusted_hosts: ["127.0.0.1:{port}", "127.0.0.1:{backup}"]
virtual_keys:
  images-team:
    provider: openai
    api_key: "${{PROVIDER_KEY}}"
    custom_host: http://127.0.0.1:{port}/v1
  backup:
    provider: openai
    api_key: "${{BACKUP_KEY}}"
    custom_host: http://127.0.0.1:{backup}/v1
"""

STORED = """
description: a stored config, used by its id
strategy: {mode: fallback, cb_config: {failure_threshold: 1000000}}
targets:
  - name: broken
    virtual_key: images-team
    override_params: {model: "status:503"}
  - name: working
    virtual_key: images-team
"""

WITH_BACKUP = """
description: falls back to another provider
strategy: {mode: fallback, cb_config: {failure_threshold: 1000000}}
targets:
  - virtual_key: images-team
    override_params: {model: "status:503"}
  - virtual_key: backup
"""


@pytest.fixture(scope="session")
def provider():
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture(scope="session")
def backup_provider():
    with FakeOpenAI(key=BACKUP_KEY) as fake:
        yield fake


@pytest.fixture
def seen(provider):
    """Hold only what the provider saw in this test."""
    provider.seen.clear()
    return provider


@pytest.fixture
def backup(backup_provider):
    """Hold only what the other provider saw in this test."""
    backup_provider.seen.clear()
    return backup_provider


@pytest.fixture(scope="session")
def serve(provider, backup_provider, tmp_path_factory):
    """Return what serves a folder of configs; each with its own place for pictures."""

    def serve(gateway_yaml):
        folder = tmp_path_factory.mktemp("configs")
        ports = {"port": provider.port, "backup": backup_provider.port}
        (folder / "gateway.yaml").write_text(gateway_yaml.format(**ports))
        (folder / "stored.yaml").write_text(STORED)
        (folder / "with-backup.yaml").write_text(WITH_BACKUP)
        data = tmp_path_factory.mktemp("data")
        return serving(folder, "--data", str(data), env={"PROVIDER_KEY": KEY, "BACKUP_KEY": BACKUP_KEY})

    return serve


@pytest.fixture(scope="session")
def gateway(serve):
    with serve(GATEWAY_YAML) as running:
        yield running


@pytest.fixture(scope="session")
def plain_gateway(serve):
    """Run a gateway without a default config: models and headers say where a request goes."""
    with serve(GATEWAY_YAML.replace("default_config: stored", "")) as running:
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


@pytest.fixture
def openai_client(closing):
    def make(gateway, key="test-any-key-not-real", max_retries=0, **headers):
        return closing(
            openai.OpenAI(
                base_url=f"{gateway.url}/v1", api_key=key, max_retries=max_retries, default_headers=headers, timeout=30
            )
        )

    return make


@pytest.fixture
def portkey_client(closing):
    def make(gateway, **options):
        made = portkey_ai.Portkey(
            base_url=f"{gateway.url}/v1", api_key="test-portkey-key-not-real", max_retries=0, **options
        )
        closing(made.openai_client)
        return closing(made)

    return make


@pytest.fixture
def team(openai_client, plain_gateway):
    """Return OpenAI's client whose requests go to the stand-in for OpenAI."""
    return openai_client(plain_gateway, **{"x-portkey-virtual-key": "images-team"})


@pytest.fixture
def sandbox(openai_client, plain_gateway):
    """Return OpenAI's client whose requests go to the built-in painter."""
    return openai_client(plain_gateway, **{"x-portkey-provider": "sandbox"})
