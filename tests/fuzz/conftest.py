import pytest

from tests.end_to_end.caller import alive
from tests.fake_provider import KEY, FakeOpenAI
from tests.running import serving

GATEWAY_YAML = """
default_config: sandbox
virtual_keys:
  strict: {{provider: openai, api_key: {key}, custom_host: "{url}"}}
"""
CONFIGS = {
    "sandbox": "{provider: sandbox, override_params: {size: 32x32}}",
    "strict": "{virtual_key: strict}",
    "tree": """
        strategy:
          mode: conditional
          conditions:
            - {query: {metadata.plan: paid}, then: paid}
            - {query: {params.prompt: {$regex: "^[a-m]"}}, then: drawn}
          default: drawn
        targets:
          - name: paid
            strategy: {mode: fallback}
            retry: {attempts: 1}
            targets:
              - {virtual_key: strict, adapt: strict, override_params: {model: gpt-image-1}}
              - {virtual_key: strict, fan_out: true, override_params: {model: dall-e-2}, delivery: {persist: true}}
          - name: drawn
            strategy: {mode: loadbalance}
            targets:
              - {provider: sandbox, override_params: {size: 48x16}, drop_params: [style, "a.b[*]"]}
              - {virtual_key: strict, default_params: {size: 1024x1024}, override_params: {model: dall-e-2}}
    """,
}


@pytest.fixture(scope="module")
def strict():
    """Play a provider that refuses all that OpenAI refuses."""
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(strict, tmp_path_factory):
    """Serve requests to the sandbox and to a strict provider, and be well after all of them."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(key=KEY, url=strict.url))
    for name, text in CONFIGS.items():
        (folder / f"{name}.yaml").write_text(text)
    with serving(folder, "--log-level", "error") as running:
        yield running
        assert running.process.poll() is None
        assert alive(running)
        assert not [line for line in running.lines if "Traceback" in line]
