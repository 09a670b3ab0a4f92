"""Rows of requests for tests."""

import secrets

from gateway.store.tables import requests

NOW = 1_790_000_000_000
_ROW = {
    "workspace": "default",
    "created_ms": NOW,
    "api_key": "team-a",
    "user": "ada",
    "config": "pc-otters",
    "config_version": "3",
    "operation": "generate",
    "asked_model": "gpt-image-1",
    "target": "config.targets[0]",
    "provider": "openai",
    "virtual_key": "images-team",
    "model": "gpt-image-1",
    "status": 200,
    "cause": None,
    "code": None,
    "ms": 8000,
    "upstream_ms": 7990,
    "queued_ms": 0,
    "cost_micros": 40_000,
    "saved_micros": None,
    "images": 1,
    "attempts": 1,
    "maybe_billed": 0,
    "rescued": 0,
    "cache": "DISABLED",
    "size": "1024x1024",
    "prompt": "an otter",
    "metadata": {"team": "ads"},
    "more": {"attempts": [{"target": "config.targets[0]", "cause": None}], "adaptations": []},
}


def row(**values):
    """Return a request that was answered, apart from what is given."""
    made = {"id": secrets.token_hex(8), "trace_id": secrets.token_hex(8), **_ROW, **values}
    assert made.keys() == set(requests.columns.keys())
    return made
