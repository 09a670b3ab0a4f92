"""What the server is told once, at start: every setting has one name as flag, variable and key under `server:`."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "BEAMSPLITTER_"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})

# Kubernetes writes BEAMSPLITTER_PORT=tcp://10.0.0.1:80 into every container beside a service called `beamsplitter`.
_FOREIGN = "tcp://"


class InvalidSetting(Exception):
    """A setting that cannot be used; says which spelling it came from and what it takes."""


def _setting(
    default: Any,  # noqa: ANN401 - of any type
    what: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:  # noqa: ANN401 - a field, which stands for its value
    return field(
        default=default, metadata={"help": what, "low": low, "high": high, "choices": choices, "secret": secret}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its default."""

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8787, "Port to listen on; 0 takes a free one.", low=0, high=65535)
    configs: str = _setting("", "Folder of gateway configs, or one file.")
    data: str = _setting(
        "",
        "Folder for what is kept: the database, records, pictures, keys.  [default: in the user's state folder]",
    )
    public_url: str = _setting(
        "", "Base of the links that are given out, such as https://img.example.  [default: where the caller found us]"
    )
    picture_store: str = _setting(
        "", "Where pictures are kept: a folder, or a bucket such as s3://pictures/prefix.  [default: in --data]"
    )
    picture_store_bytes: int = _setting(10 << 30, "Most bytes that a folder of pictures may take.", low=1 << 20)
    picture_keep_seconds: float = _setting(
        604_800.0,
        "Seconds that a picture is kept after it was last painted; no link is good for longer.",
        low=60,
        high=31_536_000,
    )
    url_secret: str = _setting(
        "",
        "Signs links to pictures; to be the same where several gateways share them.  [default: a key made in --data]",
        secret=True,
    )
    store: str = _setting(
        "",
        "Database for configs, keys and records: postgresql://user:password@host/name.  [default: a file in --data]",
        secret=True,
    )
    redis: str = _setting(
        "",
        "Redis or Valkey that gateways share: redis://host:6379/0.  [default: each process has its own state]",
        secret=True,
    )
    master_key: str = _setting(
        "",
        "Seals the secrets in the database: 32 bytes as base64 or hex; several separated by commas while it is being "
        "replaced, the first seals.  [default: a key made in --data]",
        secret=True,
    )
    admin_key: str = _setting(
        "",
        "Opens the control plane: 16 visible characters or more.  [default: made at the first start, shown once]",
        secret=True,
    )
    log_prompts: str = _setting(
        "store", "What records keep of prompts: store, hash or drop.", choices=("store", "hash", "drop")
    )
    log_keep_days: int = _setting(90, "Days that records of requests are kept.", low=1, high=3650)
    journal_bytes: int = _setting(
        256 << 20, "Most bytes of records that wait in --data while the database cannot be written to.", low=1 << 20
    )
    unpriced: str = _setting(
        "refuse",
        "Requests whose price nobody knows, where there is a budget: refuse, allow or estimate.",
        choices=("refuse", "allow", "estimate"),
    )
    unpriced_usd: float = _setting(0.1, "What a picture of unknown price counts for by estimate.", low=0, high=1000)
    alert_webhook: str = _setting("", "Address that is told when an account comes to its alert_threshold.")
    alert_secret: str = _setting("", "Signs what is sent to alert_webhook; at least 32 characters.", secret=True)
    workers: int = _setting(1, "Number of worker processes.", low=1, high=64)
    default_config: str = _setting("", "Id of the config for requests that name none.")
    open: bool = _setting(False, "Listen beyond loopback although no API key is configured.")  # noqa: FBT003 - its default
    trusted_hosts: tuple[str, ...] = _setting(
        (), "Hosts that a custom host may name although they are private: host, host:port or .suffix."
    )
    max_in_flight: int = _setting(4096, "Most requests that each worker answers at a time.", low=1)
    max_in_flight_per_key: int = _setting(1024, "Most of them for any one API key.", low=1)
    max_queued: int = _setting(
        256, "Most requests that wait for one of them to end, 2 seconds at most; the others are answered 503.", low=0
    )
    max_json_bytes: int = _setting(1 << 20, "Largest JSON request body.", low=1024, high=64 << 20)
    max_upload_bytes: int = _setting(100 << 20, "Largest multipart request body.", low=1024, high=1 << 30)
    byte_budget: int = _setting(
        512 << 20, "Memory that each worker spends on large answers and uploads at a time.", low=1 << 20
    )
    cache_bytes: int = _setting(256 << 20, "Memory that each worker spends on answers kept by `cache`.", low=0)
    idempotency_bytes: int = _setting(
        4 << 30, "Most bytes that answers kept for idempotency keys may take in --data.", low=1 << 20
    )
    max_response_bytes: int = _setting(96 << 20, "Largest answer taken from a provider.", low=1024, high=1 << 30)
    drain_seconds: float = _setting(
        190.0, "Seconds in which running requests may finish after SIGTERM.", low=0, high=3600
    )
    otel_endpoint: str = _setting(
        "",
        "Collector that takes traces over OTLP/HTTP: http://collector:4318.  [default: as OTEL_EXPORTER_OTLP_ENDPOINT "
        "says, else no traces]",
    )
    otel_headers: str = _setting(
        "", "Headers for that collector: name=value, several separated by commas.", secret=True
    )
    log_format: str = _setting(
        "text", "Lines of the log: text for people, or json for machines.", choices=("text", "json")
    )
    log_level: str = _setting("info", "debug, info, warning or error.", choices=("debug", "info", "warning", "error"))


NAMES = tuple(setting.name for setting in dataclasses.fields(Settings))


def shown(settings: Settings) -> dict[str, Any]:
    """Return the settings as they may be printed: what is secret is not."""
    found = dataclasses.asdict(settings)
    hidden = [setting.name for setting in dataclasses.fields(Settings) if setting.metadata["secret"]]
    return {**found, **{name: "***" for name in hidden if found[name]}}


def read(flags: Mapping[str, Any], environ: Mapping[str, str], file: Mapping[str, Any]) -> Settings:
    """Return the settings in effect: a flag wins over a variable, a variable over the file."""
    chosen: dict[str, Any] = {}
    for setting in dataclasses.fields(Settings):
        name = setting.name
        variable = PREFIX + name.upper()
        if flags.get(name) is not None:
            chosen[name] = _fitted(setting, flags[name], f"--{name.replace('_', '-')}")
        elif variable in environ and not environ[variable].startswith(_FOREIGN):
            chosen[name] = _fitted(setting, environ[variable], variable)
        elif name in file:
            chosen[name] = _fitted(setting, file[name], f"server.{name} in gateway.yaml")
    return Settings(**chosen)


def _fitted(setting: "dataclasses.Field[Any]", value: Any, source: str) -> Any:  # noqa: ANN401
    kind = type(setting.default)
    try:
        fitted = _CONVERSIONS[kind](value)
    except (ValueError, TypeError):
        raise InvalidSetting(f"{source}: expected {_SPOKEN[kind]}, got {value!r}") from None
    low, high = setting.metadata["low"], setting.metadata["high"]
    if low is not None and not low <= fitted <= (math.inf if high is None else high):
        limit = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise InvalidSetting(f"{source}: expected a number {limit}, got {value!r}")
    choices = setting.metadata["choices"]
    if choices and fitted.lower() not in choices:
        raise InvalidSetting(f"{source}: expected {', '.join(choices[:-1])} or {choices[-1]}, got {value!r}")
    return fitted.lower() if choices else fitted


def _boolean(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(word)


def _text(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _words(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise TypeError(value)
    return tuple(word for word in (_text(part).strip() for part in parts) if word)


def _whole(value: Any) -> int:  # noqa: ANN401
    if isinstance(value, bool | float):
        raise TypeError(value)
    return int(value)


def _number(value: Any) -> float:  # noqa: ANN401
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


_CONVERSIONS: Mapping[type, Callable[[Any], Any]] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _boolean,
    tuple: _words,
}
_SPOKEN = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list, or words with commas between",
}
