"""Configs that must load: what Portkey publishes for its config object, and one that asks a single question."""

# ruff: noqa: E501 - one row of a table is one line

from gateway.config.document import Document
from gateway.config.parse import parse

PORTKEY = [
    {"strategy": {"mode": "fallback"}, "targets": [{"virtual_key": "openai-prod"}, {"provider": "@azure-eu"}]},
    {"strategy": {"mode": "fallback", "on_status_codes": [429]}, "targets": [{"virtual_key": "openai-prod"}, {"virtual_key": "azure-eu"}]},
    {"strategy": {"mode": "loadbalance"}, "targets": [{"virtual_key": "openai-prod", "weight": 0.7}, {"virtual_key": "azure-eu", "weight": 0.3}]},
    {"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "openai", "api_key": "sk-1", "weight": 1}, {"strategy": {"mode": "fallback"}, "targets": [{"provider": "openai", "apiKey": "sk-2"}, {"virtualKey": "azure-eu"}]}]},
    {"retry": {"attempts": 5, "on_status_codes": [408, 429, 401]}, "virtual_key": "openai-prod"},
    {"retry": {"attempts": 3, "use_retry_after_headers": True}, "virtual_key": "openai-prod", "request_timeout": 10000},
    {"strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.user_plan": {"$eq": "paid"}}, "then": "a"}, {"query": {"$or": [{"metadata.x": {"$in": ["a"]}}, {"params.model": {"$regex": "^gpt"}}]}, "then": "b"}], "default": "b"}, "targets": [{"name": "a", "virtual_key": "openai-prod"}, {"name": "b", "virtual_key": "azure-eu"}]},
    {"provider": "openai", "api_key": "sk", "custom_host": "https://a.example/v1", "forward_headers": ["my-auth"], "strict_open_ai_compliance": True},
    {"provider": "azure-openai", "api_key": "k", "resource_name": "r", "deployment_id": "d", "api_version": "2024-02-01"},
    {"strategy": {"mode": "single"}, "targets": [{"provider": "openai", "api_key": "k", "override_params": {"model": "dall-e-3"}}]},
    {"strategy": {"mode": "fallback"}, "targets": [{"override_params": {"model": "@openai-prod/dall-e-3"}}, {"override_params": {"model": "@azure-eu/dall-e-3"}}]},
    {"override_params": {"model": "@openai-prod/dall-e-3"}},
]  # fmt: skip


def asking(query):
    """Return the spec of a config with one condition."""
    strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "a"}]}
    document = Document(data={"strategy": strategy, "targets": [{"name": "a", "provider": "sandbox"}]})
    return parse(document, virtual_keys={}).root


def condition(query):
    """Return what a query asks of a request."""
    return asking(query).conditions[0].holds
