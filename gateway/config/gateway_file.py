"""What `gateway.yaml` says: the server's settings, the provider credentials by name, and the keys of callers."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway import settings
from gateway.catalogue import BUILT_IN, Catalogue
from gateway.config.api_key import DEFAULT_SCOPES, DEFAULT_WORKSPACE, ApiKey, moment
from gateway.config.budgets import Budget
from gateway.config.catalogue_rows import own_catalogue
from gateway.config.document import Document
from gateway.config.grammar import checked
from gateway.config.not_yet import ALIASES, advice_for_provider
from gateway.config.provider_fields import FIELDS
from gateway.config.reading import FAULTY, Path, Reading, given
from gateway.config.scopes import fault_of_scope
from gateway.config.shape import Check, check_array, check_free, check_string, refuse
from gateway.config.suggest import did_you_mean, listed, nearest, printable, shown
from gateway.config.trusted_hosts import fault_of_pattern
from gateway.config.virtual_key import VirtualKey, limits_of, parse_virtual_key
from gateway.errors import InvalidConfig
from gateway.secret import Fingerprint
from schemas import load

SCHEMA = load("gateway_file")

_SETTINGS = tuple(name for name in settings.NAMES if name != "configs")
_FEW = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFile:
    """The gateway file, or what stands for it where there is none."""

    server: Mapping[str, Any] = field(default_factory=dict)
    """Setting → value, for `gateway.settings.read`."""
    default_config: str | None = None
    virtual_keys: Mapping[str, VirtualKey] = field(default_factory=dict)
    api_keys: Mapping[Fingerprint, ApiKey] = field(default_factory=dict)
    """Each under its key."""
    budgets: tuple[Budget, ...] = ()
    catalogue: Catalogue = BUILT_IN
    """What is known of models, the operator's own rows among it."""
    own_rows: tuple[Mapping[str, Any], ...] = ()
    """Those as they are written, for whoever reads them elsewhere."""
    trusted_hosts: tuple[str, ...] = ()
    """As this file lists them; a flag or a variable may say otherwise."""


def read_gateway_file(document: Document) -> GatewayFile:
    """Return what the document says; raises `InvalidConfig` with all that is wrong."""
    reading = Reading(document)
    read = _check(SCHEMA)(document.data, (), reading)
    clean: dict[str, Any] = read if isinstance(read, dict) else {}
    server = _settings(given(clean, "server") or {}, reading)
    gateway = GatewayFile(
        server=server,
        default_config=_default_config(given(clean, "default_config"), server, reading),
        virtual_keys=_virtual_keys(given(clean, "virtual_keys") or {}, reading),
        api_keys=_api_keys(given(clean, "api_keys") or [], reading),
        budgets=_budgets(given(clean, "budgets") or [], reading),
        catalogue=own_catalogue(given(clean, "catalogue") or [], reading),
        own_rows=tuple(row for row in given(clean, "catalogue") or () if row is not FAULTY),
        trusted_hosts=_trusted_hosts(server, reading),
    )
    if document.problems or reading.problems:
        raise InvalidConfig([*document.problems, *reading.problems])
    return gateway


def _check(schema: Mapping[str, Any]) -> Check:
    match schema:
        case {"$ref": name}:
            return checked(name.rpartition("/")[2])
        case {"type": "object", "additionalProperties": False}:
            return _check_object(schema)
        case {"type": "object"}:
            return check_free(schema)
        case {"type": "array"}:
            return check_array(schema, _check(schema["items"]))
        case _:
            return check_string(schema)


def _check_object(schema: Mapping[str, Any]) -> Check:
    checks = {name: _check(value) for name, value in schema["properties"].items()}

    def check(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401 - any JSON value
        if not isinstance(value, dict):
            return refuse(value, path, reading, schema)
        for key in value.keys() - checks.keys():
            reading.report((*path, key), _unknown(key, checks))
        for key in schema.get("required", ()):
            if key not in value:
                reading.report(path, f"This entry needs `{key}`: {schema['properties'][key]['x-expects']}.")
        return {key: checks[key](value[key], (*path, key), reading) for key in checks if key in value}

    return check


def _unknown(key: str, names: Collection[str]) -> str:
    guess = nearest(key, names)
    if guess is None and len(names) <= _FEW:
        return f"Unknown key `{printable(key)}`; the keys here are {listed(names, 'and')}."
    return f"Unknown key `{printable(key)}`{did_you_mean(key, names)}"


def _settings(written: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    good: dict[str, Any] = {}
    for name, value in written.items():
        fault = _fault_of_setting(name, value)
        if fault is None:
            good[name] = value
        else:
            reading.report(("server", name), fault)
    return good


def _fault_of_setting(name: str, value: Any) -> str | None:  # noqa: ANN401
    if name == "configs":
        return "`configs` is how this file is found; give it as `--configs` or in BEAMSPLITTER_CONFIGS."
    if name not in _SETTINGS:
        return f"Unknown setting `{printable(name)}`{did_you_mean(name, _SETTINGS)}"
    if value is None:
        return f"`{name}` has no value; give it one, or remove it."
    try:
        settings.read({}, {}, {name: value})
    except settings.InvalidSetting as error:
        return f"{error}."
    return None


def _default_config(written: str | None, server: Mapping[str, Any], reading: Reading) -> str | None:
    setting = server.get("default_config")
    if written is not None and setting is not None and written != setting:
        reading.report(("server", "default_config"), "`default_config` at the top says otherwise; keep one of them.")
    return written or (None if setting is None else str(setting) or None)


def _trusted_hosts(server: Mapping[str, Any], reading: Reading) -> tuple[str, ...]:
    if "trusted_hosts" not in server:
        return ()
    patterns = settings.read({}, {}, {"trusted_hosts": server["trusted_hosts"]}).trusted_hosts
    for pattern in patterns:
        fault = fault_of_pattern(pattern)
        if fault is not None:
            reading.report(("server", "trusted_hosts"), f"`{printable(pattern)}` {fault}.")
    return patterns


def _virtual_keys(written: Mapping[str, Any], reading: Reading) -> dict[str, VirtualKey]:
    legal = re.compile(SCHEMA["properties"]["virtual_keys"]["propertyNames"]["pattern"]).fullmatch
    found: dict[str, VirtualKey] = {}
    for slug in written:
        path = ("virtual_keys", slug)
        if not legal(slug):
            advice = "use up to 100 letters, digits, dots, hyphens and underscores, starting with a letter or digit"
            reading.report(path, f"`{printable(slug)}` is no name for a virtual key: {advice}.")
            continue
        if not isinstance(written[slug], dict):
            reading.report(path, f"`{slug}` must be an object that names a `provider`, not {shown(written[slug])}.")
            continue
        entry = replace(reading.document, data=written[slug])
        parsed = parse_virtual_key(slug, entry, reading.place(path))
        if isinstance(parsed, list):
            reading.problems.extend(parsed)
        else:
            found[slug] = parsed
    return found


def _api_keys(written: list[Any], reading: Reading) -> dict[Fingerprint, ApiKey]:
    keys: dict[Fingerprint, ApiKey] = {}
    names: dict[str, int] = {}
    secrets: dict[str, int] = {}
    for index, row in enumerate(written):
        if row is FAULTY:
            continue
        path = ("api_keys", index)
        name, secret, allow = given(row, "name"), given(row, "key"), given(row, "allow") or {}
        if name is not None and names.setdefault(name, index) != index:
            reading.report((*path, "name"), f"`{printable(name)}` is already the name of entry {names[name] + 1}.")
        if secret is not None and secrets.setdefault(secret, index) != index:
            reading.report((*path, "key"), f"This is already the key of entry {secrets[secret] + 1}.")
        providers = _all(given(allow, "providers"), (*path, "allow", "providers"), reading, _of_provider)
        scopes = _all(given(row, "scopes"), (*path, "scopes"), reading, fault_of_scope)
        usage, rates = limits_of(row, path, reading)
        keys[Fingerprint(secret or "")] = ApiKey(
            name=name or "",
            workspace=given(row, "workspace_id") or DEFAULT_WORKSPACE,
            scopes=DEFAULT_SCOPES if scopes is None else frozenset(scopes),
            expires=_expiry(given(row, "expires_at"), (*path, "expires_at"), reading),
            default_config=given(row, "default_config"),
            allow_providers=providers and tuple(ALIASES.get(slug, slug) for slug in providers),
            allow_models=_all(given(allow, "models"), (*path, "allow", "models"), reading),
            usage=usage,
            rates=rates,
        )
    return keys


def _expiry(written: str | None, path: Path, reading: Reading) -> float | None:
    if written is None:
        return None
    try:
        return moment(written)
    except ValueError:
        message = f"`expires_at` must be a date or time such as 2027-01-31T00:00:00Z, not {shown(written)}."
        reading.report(path, message)
        return None


def _budgets(written: list[Any], reading: Reading) -> tuple[Budget, ...]:
    found: dict[str, Budget] = {}
    for index, row in enumerate(written):
        if row is FAULTY:
            continue
        path = ("budgets", index)
        name = given(row, "name") or ""
        if name in found:
            reading.report((*path, "name"), f"`{printable(name)}` is already the name of another budget.")
        usage, rates = limits_of(row, path, reading)
        if "usage_limits" not in row and "rate_limits" not in row:
            reading.report(path, "A budget needs `usage_limits` or `rate_limits`.")
        found[name] = Budget(name=name, per=given(row, "per") or "", only=given(row, "only"), usage=usage, rates=rates)
    return tuple(found.values())


def _of_provider(slug: str) -> str | None:
    return None if slug in FIELDS or slug in ALIASES else advice_for_provider(slug, list(FIELDS))


def _all(
    names: list[Any] | None, path: Path, reading: Reading, fault_of: Callable[[str], str | None] = lambda _: None
) -> tuple[str, ...] | None:
    if names is None:
        return None
    for index, name in enumerate(names):
        fault = None if name is FAULTY else fault_of(name)
        if fault is not None:
            reading.report((*path, index), fault)
    return tuple(names)
