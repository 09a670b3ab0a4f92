"""One running gateway for all tests of the cockpit's API."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

from tests.running import serving

ADMIN = "admin-key-not-real-0123456789"
TOUR = """\
description: Two painters.
strategy: {mode: fallback}
targets:
  - {name: primary, provider: sandbox, override_params: {model: sandbox}}
  - {name: backup, provider: sandbox, override_params: {model: sandbox, quality: low}}
tests:
  - {name: it falls, given: {primary: [503]}, expect: {target: backup}}
"""
LIMITED = """\
virtual_keys:
  limited: {provider: openai, api_key: openai-key-not-real, usage_limits: {credit_limit: 5, periodic_reset: monthly}}
catalogue:
  - {provider: openai, id: model-of-ours, like: gpt-image-1, price: {image: 0.25}}
budgets:
  - {name: each-provider, per: provider, usage_limits: {credit_limit: 9}}
  - {name: each-user, per: metadata._user, usage_limits: {image_limit: 50}}
  - {name: unspeakable, per: 'metadata.a"b', usage_limits: {image_limit: 50}}
"""


@dataclass
class Cockpit:
    url: str

    def ask(self, method: str, path: str, body: Any = None, key: str | None = ADMIN, **headers: str) -> tuple[int, Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["x-portkey-api-key"] = key
        data = None
        if body is not None:
            data, sent["content-type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, data, sent, method=method)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - ours
                return answer.status, _read(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, _read(refused)

    def paint(self, config: str, **headers: str) -> tuple[int, Any]:
        return self.ask("POST", "/v1/images/generations", {"prompt": "an otter"}, x_portkey_config=config, **headers)


def _read(answer: Any) -> Any:
    text = answer.read().decode()
    is_json = answer.headers.get_content_type() == "application/json"
    return json.loads(text) if is_json else text


@pytest.fixture(scope="session")
def cockpit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cockpit")
    configs = folder / "configs"
    configs.mkdir()
    (configs / "tour.yaml").write_text(TOUR)
    (configs / "gateway.yaml").write_text(LIMITED)
    (configs / "counted.yaml").write_text("virtual_key: limited\noverride_params: {model: gpt-image-2}\n")
    with serving(configs, "--data", str(folder / "data"), env={"BEAMSPLITTER_ADMIN_KEY": ADMIN}) as running:
        yield Cockpit(running.url)
