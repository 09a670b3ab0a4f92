"""Virtual keys: a provider with its credential under a name, and settings for the targets that use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.config.document import Document
from gateway.config.grammar import checked
from gateway.config.inherit import Settings, settings_of
from gateway.config.provider_fields import ALL_FIELDS, FIELDS, ProviderFields, owners
from gateway.config.reading import FAULTY, Path, Reading, given
from gateway.config.suggest import listed
from gateway.errors import Problem
from gateway.ledger import Account, RateLimit, UsageLimit, read_rates, read_usage
from gateway.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualKey(Settings):
    """A stored credential and what goes with it: its settings are nearer than inherited ones, weaker than a leaf's."""

    slug: str
    provider: str
    credentials: Mapping[str, Secret] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    from_file: bool = True
    workspace: str | None = None
    """Whose it is; `None`: declared in a file, for all."""
    usage: UsageLimit | None = None
    rates: tuple[RateLimit, ...] = ()
    expires: float | None = None
    """Seconds since the epoch."""

    @property
    def counted_as(self) -> str:
        """Its slug, which another one may have in another workspace, and where that is."""
        return self.slug if self.workspace is None else f"{self.workspace}/{self.slug}"

    @property
    def account(self) -> Account | None:
        """What is counted for it, where it has limits."""
        if self.usage is None and not self.rates:
            return None
        return Account(f"virtual_key:{self.counted_as}", f"the virtual key {self.slug!r}", self.usage, self.rates)


def parse_virtual_key(slug: str, document: Document, path: str) -> VirtualKey | list[Problem]:
    """Return the virtual key that the document's data is, or every problem with it; `path` is where it stands."""
    reading = Reading(document, path)
    entry = checked("virtual_key_entry")(document.data, (), reading)
    if entry is FAULTY:
        return reading.problems
    settings = settings_of(entry, (), reading)
    usage, rates = limits_of(entry, (), reading)
    provider = given(entry, "provider")
    if provider is not None and provider.startswith("@"):
        reading.report(("provider",), "A virtual key names a provider itself, not another virtual key.")
    elif provider is not None:
        check_fields(provider, entry, (), reading, has_host="custom_host" in entry)
        credentials = credentials_of(FIELDS[provider], entry)
        if not reading.problems:
            options = options_of(FIELDS[provider], entry)
            return VirtualKey(
                slug=slug,
                provider=provider,
                credentials=credentials,
                options=options,
                from_file=document.from_file,
                usage=usage,
                rates=rates,
                **settings,
            )
    return reading.problems


def limits_of(entry: dict[str, Any], path: Path, reading: Reading) -> tuple[UsageLimit | None, tuple[RateLimit, ...]]:
    """Return `usage_limits` and `rate_limits` of an entry whose shape is checked, after reporting what they lack."""
    usage, rates = given(entry, "usage_limits"), given(entry, "rate_limits")
    if _is_faulty(usage) or _is_faulty(rates):
        return None, ()
    spent, often = read_usage(usage), read_rates(rates)
    for name, faults in (("usage_limits", spent), ("rate_limits", often)):
        for where, message in faults if isinstance(faults, list) else ():
            reading.report((*path, name, *where), message)
    return None if isinstance(spent, list) else spent, () if isinstance(often, list) else often


def _is_faulty(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether something in a value was reported already."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return value is FAULTY or (isinstance(value, list) and any(map(_is_faulty, value)))


def credentials_of(row: ProviderFields, node: dict[str, Any]) -> dict[str, Secret]:
    """Return the secret fields of a node."""
    return {name: Secret(_text(node[name])) for name in row.secret if given(node, name) is not None}


def _text(value: Any) -> str:  # noqa: ANN401 - a string, or the object that a key file holds
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def options_of(row: ProviderFields, node: dict[str, Any]) -> dict[str, Any]:
    """Return the provider's other fields of a node."""
    return {name: node[name] for name in row.options if given(node, name) is not None}


def check_fields(
    provider: str,
    node: dict[str, Any],
    path: Path,
    reading: Reading,
    *,
    has_host: bool,
    other_ways: tuple[str, ...] = (),
) -> None:
    """Report fields of other providers, and what this provider cannot do without."""
    row = FIELDS[provider]
    check_owned(provider, node, path, reading)
    held = [name for name in row.credentials if name in node]
    if given(node, "passthrough"):
        held.append("passthrough")
    if len(held) > 1:
        reading.report((*path, held[1]), f"Keep one of {listed(held, 'and')}: each says which credential is sent.")
    if not held and row.needs_credential:
        ways = listed((*row.credentials, *other_ways))
        reading.report(path, f"`{provider}` needs a credential: add {ways}; nothing is ever sent without one.")
    for name in row.needs:
        if name not in node:
            reading.report(path, f"`{provider}` needs `{name}`.")
    if row.host_option is not None and row.host_option not in node and not has_host:
        reading.report(path, f"`{provider}` needs `{row.host_option}`, or `custom_host`.")
    if not row.has_own_host and not has_host:
        reading.report(path, f"`{provider}` needs `custom_host`, the base URL to send to.")
    if not row.remote and "custom_host" in node:
        reading.report((*path, "custom_host"), f"`custom_host` has no effect: `{provider}` paints locally; remove it.")


def check_owned(provider: str, node: dict[str, Any], path: Path, reading: Reading) -> None:
    """Report fields that belong to other providers."""
    row = FIELDS[provider]
    for name in ALL_FIELDS:
        if name in node and name not in row.all:
            message = f"`{name}` belongs to {listed(owners(name), 'and')}, not to `{provider}`; remove it."
            reading.report((*path, name), message)
