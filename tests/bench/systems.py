"""The systems that are measured: how each is started, configured and asked for a picture."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

from tests.bench import peers, pictures, processes

OURS = "Beamsplitter"
ACCOUNTS = f"{OURS} with accounts"
_OWN_KEY = "bs-bench-key-not-real"
_OWN_HEADER = {"x-portkey-api-key": _OWN_KEY}
KEY = "test-upstream-key-not-real"
GENERATIONS = "/v1/images/generations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The fake provider's addresses."""

    fast: int
    slow: int

    def base(self, kind):
        """Return the base URL that answers with this kind; held answers have an address of their own."""
        return f"http://127.0.0.1:{self.slow if kind == 'held' else self.fast}/{kind}/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as a caller of the system writes it."""

    path: str = GENERATIONS
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = "gpt-image-1"

    def text(self, port):
        """Return the request as it goes over the wire."""
        body = json.dumps(
            {
                "model": self.model,
                "prompt": "An otter that reads the newspaper, in water colours",
                "n": 1,
                "size": f"{pictures.SIDE}x{pictures.SIDE}",
                "quality": "low",
            }
        )
        headers = {
            "host": f"127.0.0.1:{port}",
            "content-type": "application/json",
            "content-length": len(body),
            **self.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n{body}"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One contender."""

    name: str
    command: Callable[[int], list[Any]]
    """The command that serves on a port."""
    call: Callable[[str], Call]
    """What is asked, by kind of answer."""
    inline: Callable[[str], Call] | None = None
    """The same with the config in a header, where that is another way for it."""
    ready: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    features: str = ""
    start_seconds: float = 15.0
    """How long its start may take."""


def fallback(upstream, kind):
    """Return the config all gateways are given: two targets, the second for when the first fails."""
    target = {
        "provider": "openai",
        "api_key": KEY,
        "custom_host": upstream.base(kind),
        "retry": {"attempts": 1},
        "request_timeout": 60000,
    }
    return {"strategy": {"mode": "fallback"}, "targets": [target, target]}


def beamsplitter(upstream, folder):
    """Return this gateway, with its configs in files and everything at its default."""
    return _ours(upstream, folder, OURS, "everything at its default, with a stored fallback config and retry", {}, {})


def accounts(upstream, folder):
    """Return the same with a key that has a budget and rate limits; what it does is recorded, as it is by default."""
    limits = {
        "usage_limits": {"credit_limit": 1_000_000, "periodic_reset": "monthly"},
        "rate_limits": [{"type": "requests", "unit": "rpm", "value": 10_000_000}],
    }
    declared = {"api_keys": [{"name": "bench", "key": _OWN_KEY, **limits}]}
    return _ours(upstream, folder, ACCOUNTS, "the same, for a key with a budget and rate limits", declared, _OWN_HEADER)


def _ours(upstream, folder, name, features, declared, headers):
    folder = folder / name.replace(" ", "-")
    configs = folder / "configs"
    configs.mkdir(parents=True, exist_ok=True)
    if declared:
        (configs / "gateway.yaml").write_text(json.dumps(declared))
    for kind in pictures.LENGTHS:
        # JSON is YAML; `bench` is the plain case.
        (configs / f"{_stored(kind)}.yaml").write_text(json.dumps(fallback(upstream, kind), indent=2))
    return System(
        name=name,
        command=lambda port: [
            *(sys.executable, "-m", "gateway", "serve", "--host", "127.0.0.1", "--port", port),
            *("--configs", configs, "--data", folder / "data"),
        ],
        call=lambda kind: Call(headers={"x-portkey-config": _stored(kind), **headers}),
        inline=None if headers else lambda kind: _inline(upstream, kind),
        ready="/readyz",
        version=_versions("hypercorn", "aiohttp"),
        features=features,
    )


def bare(upstream):
    """Return the pass-through."""
    addresses = [f"http://127.0.0.1:{port}" for port in (upstream.fast, upstream.slow)]
    return System(
        name="bare",
        command=lambda port: processes.module("bare", port, *addresses),
        call=_plain,
        version=_versions("hypercorn", "starlette", "aiohttp"),
        features="nothing but passing body and answer on",
    )


def portkey(upstream):
    """Return Portkey's gateway."""
    script = peers.portkey()
    return System(
        name="Portkey",
        command=lambda port: ["node", script, f"--port={port}", "--headless"],
        call=lambda kind: _inline(upstream, kind),
        environment={"NODE_ENV": "production"},
        version=peers.PORTKEY,
        features="inline fallback config with retry (it has no stored ones), headless, NODE_ENV=production",
    )


def litellm(upstream, folder):
    """Return LiteLLM's proxy, with its own fallbacks: one model name for each kind of answer, and its backup."""
    command = peers.litellm()
    rows = [
        {
            "model_name": f"{kind}{suffix}",
            "litellm_params": {"model": "openai/gpt-image-1", "api_base": upstream.base(kind), "api_key": KEY},
        }
        for kind in pictures.LENGTHS
        for suffix in ("", "-backup")
    ]
    config = folder / "litellm.yaml"
    config.write_text(
        json.dumps(
            {
                "model_list": rows,
                "litellm_settings": {"request_timeout": 60, "num_retries": 1},
                "router_settings": {
                    "num_retries": 1,
                    "fallbacks": [{kind: [f"{kind}-backup"]} for kind in pictures.LENGTHS],
                },
                "general_settings": {"master_key": "sk-bench"},
            }
        )
    )
    flags = ["--host", "127.0.0.1", "--num_workers", "1", "--telemetry", "False"]
    return System(
        name="LiteLLM",
        command=lambda port: [command, "--config", config, "--port", port, *flags],
        call=lambda kind: Call(headers={"authorization": "Bearer sk-bench"}, model=kind),
        ready="/health/liveliness",
        environment={
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "NO_PROXY": "127.0.0.1",
        },
        version=peers.LITELLM,
        features="router with fallbacks and one retry, one worker, no database, no cache, a master key",
        start_seconds=90.0,
    )


def all_systems(upstream, folder, *, with_peers):
    """Return the systems that can be had here, and why the others cannot."""
    makers = {OURS: partial(beamsplitter, upstream, folder), "bare": partial(bare, upstream)}
    if with_peers:
        makers |= {"Portkey": partial(portkey, upstream), "LiteLLM": partial(litellm, upstream, folder)}
    found, missing = [], {} if with_peers else dict.fromkeys(("Portkey", "LiteLLM"), "left out by --no-peers")
    for name, make in makers.items():
        try:
            found.append(make())
        except (peers.Unavailable, OSError, ValueError) as error:
            missing[name] = str(error)
    return found, missing


def _stored(kind):
    return "bench" if kind == "small" else f"bench-{kind}"


def _versions(*packages):
    return ", ".join(f"{package} {version(package)}" for package in packages)


def _plain(kind):
    return Call(path=f"/{kind}{GENERATIONS}", headers={"authorization": f"Bearer {KEY}"})


direct = System(name="direct", command=lambda _port: [], call=_plain, features="straight to the fake provider")


def _inline(upstream, kind):
    config = json.dumps(fallback(upstream, kind), separators=(",", ":"))
    return Call(headers={"x-portkey-config": config})


def tail(path, lines=4):
    """Return the last lines a server wrote, for a message about its failure."""
    return " | ".join(path.read_text(errors="replace").strip().splitlines()[-lines:]) or "it wrote nothing"
