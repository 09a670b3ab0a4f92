"""Leaves: a config node that names a provider or a virtual key becomes a `TargetSpec`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.config.custom_host import authority
from gateway.config.inherit import Settings, below
from gateway.config.not_yet import ALIASES
from gateway.config.provider_fields import FIELDS, SECRET_FIELDS, ProviderFields
from gateway.config.reading import Path, Reading, given
from gateway.config.spec import HedgeSpec, RetrySpec, TargetSpec
from gateway.config.suggest import did_you_mean, printable
from gateway.config.virtual_key import VirtualKey, check_fields, check_owned, credentials_of, options_of
from strategies import DEFAULT_BREAKER

LEAF_KEYS = ("provider", "virtual_key", "passthrough", "fan_out", "hedge")

_URL_TTL = 3600

_NO_TARGET = (
    "This config names no target: add `targets`, `provider` or `virtual_key`, or send x-portkey-provider "
    "or x-portkey-virtual-key with the request."
)
_NO_TARGET_IN_FILE = "This config names no target and sets nothing: add `targets`, `provider` or `virtual_key`."
_NO_PROVIDER = "This target names no provider: add `provider` or `virtual_key`."
_BLOCKED = (
    "{} cannot be combined with the stored credential of the virtual key `{}`: give your own `api_key`, "
    "or let an operator list the host in trusted_hosts or write this config to a file."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What leaves are resolved against."""

    reading: Reading
    virtual_keys: Mapping[str, VirtualKey]
    trusted_hosts: Callable[[str], bool]
    host_from_header: bool

    def trusts(self, host: str) -> bool:
        """Whether a host written in this config may be a private address and be sent stored credentials."""
        return self.reading.document.from_file or self.trusted_hosts(authority(host))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node stands, and what its surroundings pass down to it."""

    path: Path
    tree_path: str
    inherited: Settings
    deadline: float | None
    """Seconds, effective for this node where it gives one."""


def leaf(node: dict[str, Any], place: Place, own: Settings, around: Surroundings) -> TargetSpec | None:
    """Return the target of a leaf, or `None` after reporting why there is none."""
    reading, path = around.reading, place.path
    if "provider" in node and "virtual_key" in node:
        message = "`virtual_key` brings its own provider; remove `provider` or `virtual_key`."
        reading.report((*path, "virtual_key"), message)
        return None
    named = given(node, "virtual_key")
    provider = given(node, "provider")
    if "provider" not in node and "virtual_key" not in node:
        provider, own = _named_by_model(place, own)
        if provider is None:
            told = _NO_TARGET_IN_FILE if reading.document.from_file else _NO_TARGET
            reading.report(path, _NO_PROVIDER if path else told)
            return None
    if provider is not None and provider.startswith("@"):
        named = provider
    if named is not None:
        return _stored(named.removeprefix("@"), node, place, own, around)
    return None if provider is None else _inline(provider, node, place, own, around)


def _named_by_model(place: Place, own: Settings) -> tuple[str | None, Settings]:
    """Return the provider, or the `@slug`, that the model to be sent is prefixed with, and the settings without it."""
    model = below(place.inherited, own).shaping.override_params.get("model")
    prefix, _, rest = model.partition("/") if isinstance(model, str) else ("", "", "")
    if not rest or not (prefix.startswith("@") or prefix in FIELDS or prefix in ALIASES):
        return None, own
    override_params = {**own.shaping.override_params, "model": rest}
    return ALIASES.get(prefix, prefix), replace(own, shaping=replace(own.shaping, override_params=override_params))


def _inline(provider: str, node: dict[str, Any], place: Place, own: Settings, around: Surroundings) -> TargetSpec:
    row, settings = FIELDS[provider], below(place.inherited, own)
    has_host = "custom_host" in node or settings.custom_host is not None or around.host_from_header
    other_ways = ("virtual_key", "passthrough: true")
    check_fields(provider, node, place.path, around.reading, has_host=has_host, other_ways=other_ways)
    host = settings.custom_host if row.remote else None
    return _target(
        node,
        place,
        settings,
        provider=provider,
        credentials=credentials_of(row, node),
        options=options_of(row, node),
        passthrough=bool(given(node, "passthrough")) and row.remote,
        custom_host=host,
        custom_host_trusted=host is not None and around.trusts(host),
    )


def _stored(slug: str, node: dict[str, Any], place: Place, own: Settings, around: Surroundings) -> TargetSpec | None:
    key = around.virtual_keys.get(slug)
    if key is None:
        where = next((name for name in ("virtual_key", "provider") if name in node), "override_params")
        message = f"No virtual key is called `{printable(slug)}`{did_you_mean(slug, around.virtual_keys)}"
        around.reading.report((*place.path, where), message)
        return None
    row = FIELDS[key.provider]
    _check_beside(key, row, node, place.path, around.reading)
    from_config = own.custom_host or (place.inherited.custom_host if key.custom_host is None else None)
    trusted = key.from_file
    if from_config is not None:
        trusted = around.trusts(from_config)
        if key.credentials and not trusted:
            spot = (*place.path, "custom_host") if own.custom_host else place.path
            message = _BLOCKED.format("`custom_host`", key.slug)
            around.reading.report(spot, message, code="custom_host_blocked")
    settings = below(below(place.inherited, key), own)
    host = settings.custom_host if row.remote else None
    return _target(
        node,
        place,
        settings,
        provider=key.provider,
        virtual_key=key.slug,
        counted_as=key.counted_as,
        account=key.account,
        expires=key.expires,
        credentials=key.credentials,
        options={**key.options, **options_of(row, node)},
        custom_host=host,
        custom_host_trusted=host is not None and trusted,
    )


def _check_beside(key: VirtualKey, row: ProviderFields, node: dict[str, Any], path: Path, reading: Reading) -> None:
    """Report what cannot stand beside a virtual key."""
    for name, value in node.items():
        if name in SECRET_FIELDS or (name == "passthrough" and value is True):
            message = f"The virtual key `{key.slug}` brings its own credential; remove `{name}` or the virtual key."
            reading.report((*path, name), message)
    others = {name: value for name, value in node.items() if name not in SECRET_FIELDS}
    check_owned(key.provider, others, path, reading)
    if row.host_option in node and key.credentials and not reading.document.from_file:
        message = _BLOCKED.format(f"`{row.host_option}`", key.slug)
        reading.report((*path, str(row.host_option)), message, code="custom_host_blocked")


def _target(node: dict[str, Any], place: Place, settings: Settings, **found: Any) -> TargetSpec:  # noqa: ANN401
    return TargetSpec(
        path=place.tree_path,
        name=given(node, "name"),
        forward_headers=settings.forward_headers or (),
        request_timeout=settings.request_timeout,
        retry=settings.retry or RetrySpec(),
        cache=settings.cache,
        breaker=settings.breaker or DEFAULT_BREAKER,
        max_in_flight=settings.max_in_flight,
        hedge=_hedge(given(node, "hedge")),
        shaping=settings.shaping,
        adapt=settings.adapt or "report",
        billing=settings.billing or "once",
        max_cost=settings.max_cost,
        fan_out=bool(given(node, "fan_out")),
        verify=settings.verify is not False,
        persist=bool(settings.persist),
        url_ttl=settings.url_ttl or _URL_TTL,
        deadline=place.deadline,
        **found,
    )


def _hedge(written: dict[str, Any] | None) -> HedgeSpec | None:
    if written is None:
        return None
    after = given(written, "after_ms")
    return HedgeSpec(after=None if after is None else after / 1000)
