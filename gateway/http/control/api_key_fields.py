"""What an API key is made of, as requests write it: what it may do, reach and spend."""

from collections.abc import Iterator
from typing import Any

from gateway.config.not_yet import ALIASES, advice_for_provider
from gateway.config.provider_fields import FIELDS
from gateway.config.suggest import printable
from gateway.http.control.reading import Body
from gateway.http.control.scopes import faults_of_scopes, scope_of
from gateway.ledger import read_rates, read_usage
from gateway.store.kept import is_name

TYPES, SUB_TYPES = ("workspace", "organisation"), ("service", "user")
_MOST = 100
_LONGEST_NOTE = 2000


def columns_of(body: Body) -> dict[str, Any]:
    """Return the columns that a body gives, after noting what is wrong with it; a field that is null is emptied."""
    found: dict[str, Any] = {}
    if "description" in body:
        found["description"] = body.text("description", longest=_LONGEST_NOTE)
    if "expires_at" in body:
        found["expires_ms"] = body.expiry("expires_at")
    for name, read in (("usage_limits", read_usage), ("rate_limits", read_rates)):
        if name in body:
            found[name] = _without(read(body.data[name]), body, name) and (body.data[name] or None)
    if "scopes" in body:
        sound = _without(faults_of_scopes(body.data["scopes"]), body, "scopes")
        found["scopes"] = sorted({scope_of(scope) for scope in body.data["scopes"]}) if sound else []
    for name, faults_of in (("defaults", _faults_of_defaults), ("allow", _faults_of_allow)):
        if name in body:
            value = body.data[name] or {}
            found[name] = value if _without(list(faults_of(value)), body, name) else {}
    providers = found.get("allow", {}).get("providers")
    if providers is not None:
        found["allow"] = {**found["allow"], "providers": [ALIASES.get(slug, slug) for slug in providers]}
    return found


def _without(faults: object, body: Body, name: str) -> bool:
    """Whether there are no faults of a field; those there are, each with where it is, are noted."""
    for where, message in faults if isinstance(faults, list) else ():
        body.fault(message, name, *where)
    return not (isinstance(faults, list) and faults)


def kind_of(body: Body, type_: str | None, sub_type: str | None) -> str:
    """Return the kind of a key, from the path of its request, else from the body, else the usual one."""
    written = body.text("type") or "workspace"
    written, _, written_sub = written.partition("-")
    written_sub = body.text("sub-type") or body.text("sub_type") or written_sub or "service"
    type_, sub_type = type_ or written, sub_type or written_sub
    if type_ not in TYPES:
        body.fault("`type` must be workspace or organisation.", "type")
    if sub_type not in SUB_TYPES:
        body.fault("`sub_type` must be service or user.", "sub_type")
    if sub_type == "user" and not body.text("user_id"):
        body.fault("`user_id` says whose the key is; a key of nobody has the sub_type service.", "user_id")
    return f"{type_}-{sub_type}"


_Faults = Iterator[tuple[tuple[str | int, ...], str]]


def _faults_of_defaults(written: Any) -> _Faults:  # noqa: ANN401 - any JSON value
    if not isinstance(written, dict):
        yield (), "`defaults` must be an object, such as {config_id: …, metadata: {…}}."
        return
    for name in written.keys() - {"config_id", "metadata"}:
        yield (name,), f"Unknown field `{printable(name)}`; the fields here are `config_id` and `metadata`."
    config = written.get("config_id")
    if config is not None and not (isinstance(config, str) and is_name(config)):
        yield ("config_id",), "`config_id` must be the id or the slug of a config."
    metadata = written.get("metadata")
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        yield ("metadata",), '`metadata` must be an object of texts, such as {"_user": "ada"}.'
    elif len(metadata) > _MOST:
        yield ("metadata",), f"`metadata` may hold {_MOST} fields at most."


def _faults_of_allow(written: Any) -> _Faults:  # noqa: ANN401 - any JSON value
    if not isinstance(written, dict):
        yield (), "`allow` must be an object, such as {providers: [openai], models: [gpt-image-*]}."
        return
    for name in written.keys() - {"providers", "models"}:
        yield (name,), f"Unknown field `{printable(name)}`; the fields here are `providers` and `models`."
    for name in written.keys() & {"providers", "models"}:
        names = written[name]
        if names is None:
            continue
        texts = isinstance(names, list) and all(isinstance(each, str) and each for each in names)
        if not texts or not 0 < len(names) <= _MOST:
            yield (name,), f"`{name}` must be a list of 1 to {_MOST} texts; left out, all are allowed."
            continue
        for index, each in enumerate(names):
            if name == "providers" and each not in FIELDS and each not in ALIASES:
                yield (name, index), advice_for_provider(each, list(FIELDS))
