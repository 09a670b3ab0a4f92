"""The text at `/llms.txt`: what this is and how it is called, for language models."""

from collections.abc import Iterator

from gateway.http.described.markup import anchor
from gateway.http.described.parts import Json, Parts

PAGES = {
    "quick-start.md": "from nothing to a picture, a broken target, and a config edited, tested and rolled back",
    "concepts.md": "trees, attempts, money, deadlines, adaptation, caches and budgets, with drawings",
    "config-reference.md": "every key of a config and of gateway.yaml, with its limits and an example",
    "recipes.md": "the example configs, explained",
    "providers.md": "what each provider takes, and how it is addressed",
    "errors.md": "every error code, what it means and what to do",
    "keys-and-budgets.md": "callers' keys, stored credentials, budgets and rate limits",
    "control-plane.md": "configs, keys, logs and figures over the API",
    "simulate.md": "what a config would do with given traffic and faults",
    "lints.md": "what is objected to in configs that could be used, and why",
    "telemetry.md": "metrics, traces and logs",
    "runbook.md": "what to do when something is down, slow, dear or leaked",
    "migrate-from-portkey.md": "for those who come from Portkey",
    "migrate-from-litellm.md": "for those who come from LiteLLM",
}
"""Page of the folder `docs` → what it says."""

_HOW = """- Base URL: this gateway's address and `/v1`. OpenAI's SDKs work with that and a key of the gateway.
- Key: `x-portkey-api-key: KEY`, or `Authorization: Bearer KEY`. A gateway that has no keys asks for none.
- Body: OpenAI's image API as JSON (`prompt`, `model`, `n`, `size`, `quality`, `response_format`, `stream` …); edits and
  variations as multipart, edits also as JSON.
- Routing: `x-portkey-config` names a stored config, or holds one as JSON. Without it the default config applies, or
  the model's name leads: `openai/gpt-image-2`.
- Before spending anything: `x-gateway-explain: true` answers where a request would go, and why, and sends nothing.
- What was changed to fit the model is listed in `x-gateway-adaptations`; what it cost is in `x-gateway-cost-usd`.
- Errors are `{"error": {"message", "type", "param", "code", "attempts"}}`; the message says what to do. Do not repeat a
  request whose answer says `x-should-retry: false`: an attempt may have been paid. An `idempotency-key` makes
  repeating safe."""

_EXAMPLE = """curl -s "$GATEWAY/v1/images/generations" \\
  -H "x-portkey-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{"prompt": "an otter reading a map", "size": "1024x1024", "response_format": "url"}'"""


def text(document: Json) -> str:
    """Return the text for a description of the API."""
    info = document["info"]
    return "\n".join(_lines(info["title"], Parts(document))) + "\n"


def _lines(title: str, parts: Parts) -> Iterator[str]:
    yield f"# {title}"
    yield "\n> One request for a picture goes in; the right provider answers it. A self-hosted gateway for AI image"
    yield "> APIs that speaks OpenAI's image API with Portkey's routing headers. A small config says where requests go."
    yield f"\n{_HOW}"
    yield f"\n```sh\n{_EXAMPLE}\n```"
    yield "\n## The API\n"
    yield "- [OpenAPI 3.1](/openapi.json): every call with its schemas"
    yield "- [The same, to read](/docs): with an example of each call"
    yield "- [Models](/v1/models): what can be asked for here, with sizes, limits and prices"
    yield "\n## Calls\n"
    for path, method, operation in parts.operations():
        yield f"- [{method.upper()} {path}](/docs#{anchor(method, path)}): {operation.get('summary', '')}"
    yield "\n## Pages\n"
    yield "They come with the source, in the folder `docs`.\n"
    yield from (f"- `docs/{page}`: {about}" for page, about in PAGES.items())
