"""Writes docs/config-reference.md from the schemas, and from what the reader of configs does: `make docs`."""

import sys
from collections.abc import Iterator
from typing import Any

from gateway.config.provider_fields import ALL_FIELDS, FIELDS, SECRET_FIELDS
from gateway.http.guard import CONFIG_HEADER_BYTES
from tests.docs import reference_file
from tests.docs.placing import SANDBOX, SCHEMA, inheritance, leaf_with, places, resolved
from tests.docs.reference_file import part_rows, parts_of
from tests.docs.telling import block, inline, rows, takes
from tests.documents import ROOT

PAGE = ROOT / "docs" / "config-reference.md"

GROUPS = {
    "The tree": ("id", "description", "strategy", "targets", "name", "weight"),
    "Who paints": ("provider", "virtual_key", "api_key", "passthrough", "custom_host", "forward_headers"),
    "What is asked of it": ("default_params", "override_params", "drop_params", "adapt", "fan_out"),
    "Time, money and trying again": (
        *("request_timeout", "deadline", "retry", "max_attempts", "max_cost_usd", "billing", "hedge"),
        *("cb_config", "max_in_flight"),
    ),
    "What comes back": ("cache", "delivery", "strict_open_ai_compliance"),
    "What it is to do": ("tests",),
}
"""Heading → keys; a key that is missing here stands under More."""

WRITTEN = {
    "id": {"id": "resilient", **SANDBOX},
    "strategy": {
        "strategy": {"mode": "fallback", "on_status_codes": [429, 503]},
        "targets": [{"virtual_key": "openai-prod"}, {"virtual_key": "azure-eu"}],
    },
    "targets": {"targets": [{"virtual_key": "openai-prod"}]},
    "name": {
        "strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.plan": "paid"}, "then": "primary"}]},
        "targets": [{"name": "primary", **SANDBOX}],
    },
    "weight": {
        "strategy": {"mode": "loadbalance"},
        "targets": [{**SANDBOX, "weight": 0.7}, {**SANDBOX, "weight": 0.3}],
    },
    "passthrough": {"provider": "openai", "passthrough": True},
    "hedge": {
        "strategy": {"mode": "fallback"},
        "targets": [{**SANDBOX, "hedge": {"after_ms": 20000, "accept_double_billing": True}}, SANDBOX],
    },
    "tests": {
        "strategy": {"mode": "fallback"},
        "targets": [{"name": "primary", **SANDBOX}, {"name": "backup", **SANDBOX}],
        "tests": [
            {
                "name": "a rate-limited primary falls to the backup",
                "request": {"prompt": "otter"},
                "given": {"primary": [429]},
                "expect": {"status": 200, "target": "backup", "attempts": 2},
            }
        ],
    },
}
"""Examples that need more around the key than a provider."""

_HEAD = """# Config reference

Every key that a config and `gateway.yaml` may have: what it does, what it takes, where it may stand, what becomes of it
further down, and an example that works. Written by `make docs` from the schemas that judge configs and from the reader
itself; a test holds it to them. What trees are and how they run is in [concepts.md](concepts.md).

- A config is YAML or JSON: one object, in a file, stored over the API, or in `x-portkey-config`. Files end in `.yaml`,
  `.yml` or `.json`.
- Keys are written in snake_case; camelCase means the same. An unknown key is an error that says what may be meant.
- **The root** is the config itself, **a node with targets** one that has `targets`, **a target** a node that names a
  provider, and **a virtual key** an entry of `virtual_keys` in `gateway.yaml`, whose settings hold for every target
  that uses it.
- Times are whole milliseconds in configs, and seconds in `max_age`, `url_ttl` and `ttl`.
- Files may say `${NAME}` for a variable and `${file:/run/secrets/x}` for what a file holds. Configs from elsewhere may
  not.
- Limits of the whole: DEPTH nodes on a path, NODES nodes, 256 KiB stored, HEADER KiB in a header.

An editor completes and checks a config whose first line is
`# yaml-language-server: $schema=…/schemas/gateway_config.schema.json`.
"""


def page() -> str:
    """Return the page."""
    limits = SCHEMA["x-limits"]
    head = _HEAD.replace("DEPTH", str(limits["depth"])).replace("NODES", str(limits["nodes"]))
    parts = [head.replace("HEADER", str(CONFIG_HEADER_BYTES >> 10))]
    grouped = {key for keys in GROUPS.values() for key in keys} | set(ALL_FIELDS)
    more = [key for key, value in SCHEMA["properties"].items() if key not in grouped and "x-same-as" not in value]
    for title, keys in {**GROUPS, "More": more}.items():
        present = [key for key in keys if key in SCHEMA["properties"]]
        parts += [f"## {title}\n"] if present else []
        parts += [line for key in present for line in _section(key)]
    parts += [*_provider_fields(), *reference_file.section()]
    return "\n".join(parts).rstrip() + "\n"


def example_of(key: str) -> dict[str, Any]:
    """Return a whole config that has a key in it."""
    if key in WRITTEN:
        return WRITTEN[key]
    for value in resolved(SCHEMA["properties"][key])["examples"]:
        config = leaf_with(key, value)
        if config is not None:
            return config
    raise AssertionError(f"{key} needs an example that works: in the schema, or in WRITTEN")


def _section(key: str) -> list[str]:
    schema = resolved(SCHEMA["properties"][key])
    example = example_of(key)
    value = next(node[key] for node in _nodes(example) if key in node)
    lines = [f"### `{key}`\n", f"{schema['description']}\n", f"- takes: {takes(schema)}"]
    if "default" in schema:
        lines.append(f"- left out: `{inline(schema['default'])}`")
    lines += [f"- stands in: {', '.join(places(key, value))}", f"- inherited: {inheritance(key, value)}", ""]
    inside = [] if key == "targets" else list(parts_of(schema))
    return [*lines, *block(example), *part_rows(key, [(at.removeprefix("[]."), inner) for at, inner in inside])]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for target in node.get("targets", ()):
        yield from _nodes(target)


def _provider_fields() -> list[str]:
    cells = []
    for name in ALL_FIELDS:
        schema = resolved(SCHEMA["$defs"][name])
        of = "every provider with a key" if name == "api_key" else ", ".join(s for s in FIELDS if name in FIELDS[s].all)
        says = f"{schema['description']}{' Secret.' if name in SECRET_FIELDS else ''}"
        cells.append((f"`{name}`", of, says, takes(schema), f"`{inline(schema['examples'][0])}`"))
    same = {key: value["x-same-as"] for key, value in SCHEMA["properties"].items() if "x-same-as" in value}
    return [
        "## Fields of providers\n",
        "They stand beside `provider` in a target, or in a virtual key, and are never inherited. Those that are secret",
        "are sealed where they are stored, and shown as `***`. What each provider needs is in",
        "[providers.md](providers.md).\n",
        *rows(("key", "of", "what it is", "takes", "example"), cells),
        *(f"`{key}` is another spelling of `{other}`." for key, other in same.items()),
        "",
    ]


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.name} is written\n")
