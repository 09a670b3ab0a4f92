"""`/v1/routes`: the configs that a request may name, each as it is written and as a tree."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request

from gateway.cockpit.desk import Desk, database_of
from gateway.cockpit.drafts import asked_of, read, virtual_keys, written
from gateway.cockpit.verdict import text_of
from gateway.config.spec import ConfigSpec, leaves
from gateway.config.virtual_key import VirtualKey
from gateway.errors import ConfigNotFound
from gateway.explain import shape_of
from gateway.http.control.operator import Operator, operator_of
from gateway.http.control.plane import Told
from gateway.http.control.secrets import masked
from gateway.http.control.telling import listing
from gateway.store import configs

_MOST = 1000
_UNKNOWN_VERSION = "That version is not known any more; leave `version` out for the one of now."
_LOOKED_BACK = 50
"""Versions of a stored config that are looked through for the one that answered a request."""


async def listed(desk: Desk, request: Request) -> Told:
    """Return all configs that one may name."""
    operator = operator_of(request, "configs.list")
    rows = [*_declared(desk), *await _stored(desk, operator)]
    return listing(len(rows), rows)


async def shown(desk: Desk, request: Request) -> Told:
    """Return one config; with `version`, as it was when it had that version."""
    operator = operator_of(request, "configs.read")
    id_, version = asked_of(request), request.query_params.get("version")
    known = desk.chooser().known(version) if version and operator.workspace is None else None
    if known is not None and known.spec.id in (id_, None):
        return {"object": "route", "id": known.spec.id, "version": version, "tree": shape_of(known.spec.root)}
    declared = desk.snapshot.documents.get(id_)
    if declared is None:
        return await _one_stored(desk, operator, id_, version)
    spec = desk.snapshot.configs[id_]
    if version and spec.version != version:
        raise ConfigNotFound(_UNKNOWN_VERSION)
    told: dict[str, Any] = {"object": "route", "id": id_, "source": "file", "version": spec.version}
    shown_ = masked(declared.data)
    as_it_is = declared.file if shown_ == declared.data else None
    text = await asyncio.to_thread(lambda: (as_it_is and text_of(Path(as_it_is))) or written(shown_))
    told |= {"file": declared.file, "config": shown_, "text": text}
    return told | {"tree": shape_of(spec.root) if isinstance(spec, ConfigSpec) else None}


def _declared(desk: Desk) -> Iterator[dict[str, Any]]:
    snapshot = desk.snapshot
    files = {id_: file for file, id_ in snapshot.files.items()}
    default = desk.settings.default_config or snapshot.gateway.default_config
    for id_, spec in snapshot.configs.items():
        is_config = isinstance(spec, ConfigSpec)
        yield {
            "id": id_,
            "source": "file",
            "name": id_,
            "description": spec.description if isinstance(spec, ConfigSpec) else None,
            "version": spec.version,
            "version_id": None,
            "is_default": id_ == default,
            "file": files.get(id_),
            "kind": "config" if is_config else "settings",
            "targets": len(leaves(spec.root)) if isinstance(spec, ConfigSpec) else 0,
        }


async def _stored(desk: Desk, operator: Operator) -> list[dict[str, Any]]:
    if desk.database is None:
        return []
    async with database_of(desk).read() as connection:
        _, rows = await configs.page(connection, operator.sees(None), _MOST, 0)
    return [
        {
            "id": row["slug"],
            "source": "stored",
            "name": row["name"],
            "description": None,
            "version": row["version"],
            "version_id": row["version_id"],
            "is_default": bool(row["is_default"]),
            "file": None,
            "kind": "config",
            "workspace_id": row["workspace"],
        }
        for row in rows
    ]


async def _one_stored(desk: Desk, operator: Operator, id_: str, version: str | None) -> Mapping[str, Any]:
    if desk.database is None:
        raise ConfigNotFound("There is no such config; GET /v1/routes lists those that you can see.")
    async with desk.database.read() as connection:
        row = await configs.find(connection, operator.sees(None), id_)
        documents = [row["document"]]
        if version:
            _, rows = await configs.versions(connection, row["id"], _LOOKED_BACK, 0)
            documents = [(await configs.version(connection, row["id"], each["id"]))["document"] for each in rows]
    keys, trusts = virtual_keys(desk.chooser(), operator), desk.trusts()
    # Fifty versions take a while to read: other requests do not wait for it.
    found = await asyncio.to_thread(_of_version, [masked(document) for document in documents], version, keys, trusts)
    if found is None:
        raise ConfigNotFound(_UNKNOWN_VERSION)
    config, text, spec = found
    return {
        "object": "route",
        "id": row["slug"],
        "source": "stored",
        "name": row["name"],
        "version": None if spec is None else spec.version,
        "version_id": row["version_id"],
        "text": text,
        "config": config,
        "tree": None if spec is None else shape_of(spec.root),
    }


def _of_version(
    documents: Sequence[Any], version: str | None, keys: Mapping[str, VirtualKey], trusts: Callable[[str], bool]
) -> tuple[Any, str, ConfigSpec | None] | None:
    """Return the first config of a version, else simply the first, with its text and what it means."""
    for config in documents:
        text = written(config)
        spec = read(text, keys, trusts, has_text=False).spec
        if not version or (spec is not None and spec.version == version):
            return config, text, spec
    return None
