"""A config that is being written: text, JSON, or the id of one there is, read as if it were stored."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml
from starlette.requests import Request

from gateway.choose import Chooser
from gateway.cockpit.desk import Desk, database_of
from gateway.compile import Route, compile_config
from gateway.config.document import Document
from gateway.config.load import load
from gateway.config.parse import needs_target, parse, parse_settings
from gateway.config.spec import ConfigSpec
from gateway.config.virtual_key import VirtualKey
from gateway.errors import ConfigNotFound, GatewayError, InvalidConfig, Problem
from gateway.http.control.operator import DEFAULT_WORKSPACE, Operator
from gateway.http.control.reading import Body
from gateway.http.control.secrets import masked
from gateway.store import configs
from gateway.wire import MissingField

_REFERENCE = "${"
_ONE_OF = "Give one of `text` (YAML or JSON), `config` (an object) and `id` (of a config there is)."
_SETTINGS = "This config holds settings alone: each request names its target, so there is no tree to walk."


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A config as far as it can be read."""

    text: str
    document: Document | None = None
    spec: ConfigSpec | None = None
    problems: tuple[Problem, ...] = ()
    has_text: bool = True
    """Whether somebody wrote the text, so that lines mean something."""


def workspace_of(operator: Operator) -> str:
    """Return the workspace that an operator's drafts belong to."""
    return operator.workspace or DEFAULT_WORKSPACE


async def draft_of(desk: Desk, operator: Operator, body: Body) -> Draft:
    """Return the draft that a body holds; raises `GatewayError` for a body that holds none, or more than one."""
    given = [name for name in ("text", "config", "id") if body.data.get(name) is not None]
    if len(given) != 1:
        body.fault(_ONE_OF)
    value = body.data.get(given[0]) if given else None
    expected = dict if given == ["config"] else str
    if given and not isinstance(value, expected):
        body.fault(f"`{given[0]}` must be {'an object' if expected is dict else 'a text'}.", given[0])
    body.check()
    chooser, trusts = desk.chooser(), desk.trusts()
    keys = virtual_keys(chooser, operator)
    # A text may be long, and YAML is slow: other requests do not wait for it.
    if given == ["text"]:
        return await asyncio.to_thread(read, str(value), keys, trusts)
    if given == ["id"]:
        value = await _document_of(desk, operator, str(value))
    return await asyncio.to_thread(lambda: read(written(value), keys, trusts, has_text=False))


def read(text: str, keys: Mapping[str, VirtualKey], trusts: Callable[[str], bool], *, has_text: bool = True) -> Draft:
    """Return what a text means beside some virtual keys, with all that is wrong with it."""
    # What has no file is not trusted as files are, however its places are known.
    name = "draft.json" if text.lstrip().startswith("{") else "draft.yaml"
    try:
        document = replace(load(text, name), file=None)
    except InvalidConfig as invalid:
        return Draft(text=text, problems=tuple(replace(each, file=None) for each in invalid.problems))
    found = Draft(text=text, document=document, has_text=has_text)
    try:
        if needs_target(document):
            parse_settings(document)
            return found
        spec = parse(document, virtual_keys=keys, trusted_hosts=trusts)
    except InvalidConfig as invalid:
        return replace(found, problems=invalid.problems)
    return replace(found, spec=spec, problems=tuple(_references(document.data, "$", document)))


def virtual_keys(chooser: Chooser, operator: Operator) -> Mapping[str, VirtualKey]:
    """Return the virtual keys that an operator's configs may name."""
    return chooser.virtual_keys(workspace_of(operator))


def route_of(desk: Desk, draft: Draft) -> Route:
    """Return the route of a draft; raises `InvalidConfig`, or says that there is none."""
    if draft.problems and draft.spec is None:
        raise InvalidConfig(draft.problems)
    if draft.spec is None:
        raise GatewayError(_SETTINGS, code="no_route")
    try:
        return compile_config(draft.spec, desk.leaf_of())
    except MissingField as missing:
        raise InvalidConfig([Problem(message=f"{missing}.")]) from None


def written(document: object) -> str:
    """Return a document as YAML, as somebody would write it."""
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return text


async def _document_of(desk: Desk, operator: Operator, id_: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a config says, its secrets masked."""
    declared = desk.snapshot.documents.get(id_)
    if declared is not None:
        return masked(declared.data)
    if desk.database is None:
        raise ConfigNotFound(f"No config has the id {id_[:100]!r}; GET /v1/routes lists those that you can see.")
    async with database_of(desk).read() as connection:
        row = await configs.find(connection, operator.sees(None), id_)
    return masked(row["document"])


def _references(value: Any, path: str, document: Document) -> Iterator[Problem]:  # noqa: ANN401 - any JSON value
    """Yield where something is written that only files may say."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for step, item in items:
            yield from _references(item, f"{path}[{step}]" if isinstance(value, list) else f"{path}.{step}", document)
    elif isinstance(value, str) and _REFERENCE in value:
        message = "`${…}` is filled in in files alone, and stays as it is in a stored config; name a virtual key."
        yield replace(document.problem(path, message, code="reference-in-stored"), severity="warning")


def body_names(*more: str) -> tuple[str, ...]:
    """Return the fields of a body that holds a draft."""
    return ("text", "config", "id", *more)


def asked_of(request: Request) -> str:
    """Return the id in a path."""
    return str(request.path_params["id"])
