"""Secrets of configs and virtual keys at the control plane: which keys hold them, and when one may be kept unseen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.config.grammar import SCHEMA, camel, snake
from gateway.config.not_yet import ALIASES
from gateway.config.provider_fields import FIELDS, SECRET_FIELDS
from gateway.errors import InvalidConfig, Problem
from gateway.store import hidden
from gateway.store.hidden import MASK, Sealed
from gateway.store.sealing import CannotOpen, is_sealed
from gateway.store.vault import Vault

SPELLINGS: Mapping[str, str] = {spelled: name for name in SECRET_FIELDS for spelled in (name, camel(name))}
"""Key that holds a secret, as it may be written → its field."""

_SAME: Mapping[str, str] = {
    name: value["x-same-as"] for name, value in SCHEMA["$defs"]["target"]["properties"].items() if "x-same-as" in value
}
_LEADS = ("custom_host", *sorted({row.host_option for row in FIELDS.values() if row.host_option}))
"""Fields that say where a credential is sent to."""

_NOTHING_KEPT = (
    "`***` stands for a credential that is kept, and there is none here to keep: give the credential itself."
)
_LED_ELSEWHERE = (
    "`***` keeps a credential for the provider and the host that it was given for, and this is another one: give the "
    "credential itself."
)
_Step = str | int


def sealed(vault: Vault, document: Any, place: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a document as it is stored."""
    return hidden.sealed(document, SPELLINGS, vault.master, place)


def opened(vault: Vault, document: Any, place: str) -> Any:  # noqa: ANN401
    """Return a stored document as it was given, its secrets in clear; raises `CannotOpen`."""
    return hidden.opened(document, SPELLINGS, vault.master, place)


def masked(document: Any) -> Any:  # noqa: ANN401
    """Return a document as it may be shown."""
    return hidden.masked(document, SPELLINGS)


def field_of(key: str) -> str:
    """Return the one name of a key that may be written in several ways."""
    name = snake(key)
    return _SAME.get(name, name)


def merged(vault: Vault, new: Any, old: Any, place: str) -> Any:  # noqa: ANN401
    """Return a document in which what stays of the secrets of another one is as it is stored.

    `***` keeps the secret of the target of the same name, else the one at the same path, as long as it goes where it
    went: whoever may change a config must not have its credentials sent to a host of their own. A secret that is
    given again as it was stays too, so that nothing differs. Raises `InvalidConfig`.
    """
    before = _Before(old)
    problems: list[Problem] = []

    def walk(value: Any, path: tuple[_Step, ...], around: Mapping[str, Any]) -> Any:  # noqa: ANN401
        if isinstance(value, list):
            return [walk(item, (*path, index), around) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        node = _Node(value, tuple(map(_canonical, path)), _leads(value, around))
        done = {}
        for key, item in value.items():
            if key not in SPELLINGS or item is None:
                done[key] = walk(item, (*path, key), node.leads)
                continue
            twin = before.twin(node, SPELLINGS[key])
            if item != MASK:
                as_before = twin is not None and _is(vault, twin[1], f"{place}/{SPELLINGS[key]}", item)
                done[key] = Sealed(twin[1]) if twin is not None and as_before else item
            elif twin is None:
                problems.append(Problem(message=_NOTHING_KEPT, path=_written((*path, key))))
            elif twin[0].leads != node.leads:
                problems.append(Problem(message=_LED_ELSEWHERE, path=_written((*path, key))))
            else:
                done[key] = Sealed(twin[1])
        return done

    found = walk(new, (), {})
    if problems:
        raise InvalidConfig(problems)
    return found


def _is(vault: Vault, text: str, place: str, secret: Any) -> bool:  # noqa: ANN401
    """Whether a sealed text is that of a secret."""
    try:
        return bool(orjson.loads(vault.master.open(text, place)) == secret)
    except CannotOpen:
        return False


@dataclass(frozen=True, slots=True)
class _Node:
    """An object in a document, where it stands, and where the credentials in it are sent to."""

    fields: Mapping[str, Any]
    path: tuple[_Step, ...]
    leads: Mapping[str, Any]


class _Before:
    """The objects of a stored document, as they are found again in another one."""

    def __init__(self, document: Any) -> None:  # noqa: ANN401
        self._by_path: dict[tuple[_Step, ...], _Node] = {}
        self._by_name: dict[str, list[_Node]] = {}
        for node in _nodes(document):
            self._by_path[node.path] = node
            name = node.fields.get("name")
            if isinstance(name, str):
                self._by_name.setdefault(name, []).append(node)

    def twin(self, node: _Node, field: str) -> tuple[_Node, str] | None:
        """Return what a node was before, and the sealed text of one of its fields."""
        name = node.fields.get("name")
        named = self._by_name.get(name, []) if isinstance(name, str) else []
        found = named[0] if len(named) == 1 else self._by_path.get(node.path)
        if found is None:
            return None
        sealed = (value for key, value in found.fields.items() if SPELLINGS.get(key) == field and is_sealed(value))
        return next(((found, value) for value in sealed), None)


def _nodes(value: Any, path: tuple[_Step, ...] = (), around: Mapping[str, Any] | None = None) -> Iterator[_Node]:  # noqa: ANN401
    """Yield every object in a document."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nodes(item, (*path, index), around)
    elif isinstance(value, dict):
        leads = _leads(value, around or {})
        yield _Node(value, path, leads)
        for key, item in value.items():
            yield from _nodes(item, (*path, _canonical(key)), leads)


def _leads(node: Mapping[str, Any], around: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the provider and the host that hold in a node: hosts pass down, providers belong to theirs alone."""
    own = {field_of(key): value for key, value in node.items()}
    provider = own.get("provider", around.get("provider"))
    found = {"provider": ALIASES.get(provider, provider) if isinstance(provider, str) else provider}
    for name in _LEADS:
        found[name] = own.get(name, around.get(name))
    return found


def _canonical(step: _Step) -> _Step:
    return field_of(step) if isinstance(step, str) else step


def _written(path: tuple[_Step, ...]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step[:100]}" for step in path)
