"""`/v1/configs`: stored configs, their versions, and what changed between them."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request

from gateway.config.inline import read_inline
from gateway.config.load import load
from gateway.errors import GatewayError, InvalidConfig
from gateway.http.control.difference import differences
from gateway.http.control.judging import judge
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Plane
from gateway.http.control.reading import (
    Body,
    body_of,
    check_values,
    expected_version,
    object_of,
    page_of,
    seen_by,
)
from gateway.http.control.secrets import masked, merged, opened, sealed
from gateway.http.control.telling import Told, about, listing, moment_of
from gateway.store import configs
from gateway.store.kept import Row, Taken, changing, current, new_id, slug_of
from gateway.store.sealing import CannotOpen

_NEW = ("name", "config", "is_default", "workspace_id", "slug")
_CHANGED = ("name", "config", "status", "is_default", "slug", "version_id")
_STATUSES = ("active", "archived")


async def create(plane: Plane, request: Request) -> Told:
    """Store a config."""
    operator = operator_of(request, "configs.create")
    body = object_of(await body_of(request), _NEW)
    name, slug, workspace = body.text("name", required=True), body.label("slug"), body.label("workspace_id")
    is_default, config = body.flag("is_default") or 0, _config(body, required=True)
    body.check()
    workspace = operator.workspace_for(workspace)
    slug = slug or slug_of(name or "", "pc-")
    if slug in plane.declared_configs():
        raise Taken
    id_ = new_id()
    place = configs.place(workspace, id_)
    async with changing(plane.database, operator.name) as change:
        await judge(plane, change.connection, workspace, config)
        document = sealed(plane.vault, merged(plane.vault, config, None, place), place)
        common = {"id": id_, "workspace": workspace, "name": name, "slug": slug}
        row = await configs.create(change, {**common, "document": document, "is_default": is_default})
    await plane.changed()
    return _brief(row)


async def listed(plane: Plane, request: Request) -> Told:
    """Return a page of configs, without what they say."""
    workspace, page = seen_by(operator_of(request, "configs.list"), request), page_of(request)
    async with plane.database.read() as connection:
        total, rows = await configs.page(connection, workspace, *page)
    return listing(total, [_described(row) for row in rows])


async def retrieve(plane: Plane, request: Request) -> Told:
    """Return a config as it is now."""
    row = await _found(plane, request)
    return {**_described(row), "config": masked(row["document"])}


async def update(plane: Plane, request: Request) -> Told:
    """Change a config: what was there before stays as a version."""
    operator = operator_of(request, "configs.update")
    body = object_of(await body_of(request), _CHANGED)
    name, status, is_default = body.text("name"), body.text("status"), body.flag("is_default")
    config = _config(body)
    if status not in (None, *_STATUSES):
        body.fault("`status` must be active or archived; a config is removed by DELETE.", "status")
    expected = expected_version(request, body)
    body.check()
    async with changing(plane.database, operator.name) as change:
        row = await configs.find(change.connection, seen_by(operator, request), request.path_params["name"])
        if body.text("slug") not in (None, row["slug"], row["id"]):
            body.fault("A config keeps its slug; leave `slug` out.", "slug")
        body.check()
        current(row, expected)
        given = {"name": name, "status": status, "is_default": is_default}
        new: dict[str, Any] = {column: value for column, value in given.items() if value is not None}
        if config:
            place = configs.place(row["workspace"], row["id"])
            await judge(plane, change.connection, row["workspace"], config)
            kept = merged(plane.vault, config, row["document"], place)
            new["document"] = sealed(plane.vault, kept, place)
        row = await configs.update(change, row, new)
    await plane.changed()
    return _brief(row)


async def delete(plane: Plane, request: Request) -> Told:
    """Remove a config."""
    operator = operator_of(request, "configs.delete")
    async with changing(plane.database, operator.name) as change:
        row = await configs.find(change.connection, seen_by(operator, request), request.path_params["name"])
        current(row, expected_version(request))
        await configs.remove(change, row)
    await plane.changed()
    return {"id": row["id"], "slug": row["slug"], "object": "config", "deleted": True}


async def versions(plane: Plane, request: Request) -> Told:
    """Return a page of a config's versions, the newest first."""
    workspace, page = seen_by(operator_of(request, "configs.read"), request), page_of(request)
    async with plane.database.read() as connection:
        config = await configs.find(connection, workspace, request.path_params["name"])
        total, rows = await configs.versions(connection, config["id"], *page)
    return listing(total, [_version(row, config) for row in rows])


async def version(plane: Plane, request: Request) -> Told:
    """Return a config as it was."""
    workspace = seen_by(operator_of(request, "configs.read"), request)
    async with plane.database.read() as connection:
        config = await configs.find(connection, workspace, request.path_params["name"])
        row = await configs.version(connection, config["id"], request.path_params["version"])
    return {**_version(row, config), "config": masked(row["document"])}


async def restore(plane: Plane, request: Request) -> Told:
    """Let a config be again what it was in one of its versions, as a version of its own."""
    operator = operator_of(request, "configs.update")
    async with changing(plane.database, operator.name) as change:
        row = await configs.find(change.connection, seen_by(operator, request), request.path_params["name"])
        current(row, expected_version(request))
        before = await configs.version(change.connection, row["id"], request.path_params["version"])
        place = configs.place(row["workspace"], row["id"])
        try:
            await judge(plane, change.connection, row["workspace"], opened(plane.vault, before["document"], place))
        except CannotOpen:
            raise GatewayError("The secrets of that version cannot be opened any more.", status=409) from None
        row = await configs.update(change, row, {"document": before["document"]})
    await plane.changed()
    return _brief(row)


async def diff(plane: Plane, request: Request) -> Told:
    """Return what changed between two versions: `to`, else the one of now, and `from`, else the one before it."""
    workspace = seen_by(operator_of(request, "configs.read"), request)
    asked = request.query_params
    async with plane.database.read() as connection:
        config = await configs.find(connection, workspace, request.path_params["name"])
        after = await configs.version(connection, config["id"], asked.get("to") or config["version_id"])
        if asked.get("from"):
            before = await configs.version(connection, config["id"], asked["from"])
        else:
            before = await configs.numbered(connection, config["id"], max(after["version"] - 1, 1))
    changes = differences(before["document"], after["document"])
    return {"object": "diff", "from": before["id"], "to": after["id"], "changes": changes}


async def _found(plane: Plane, request: Request) -> Row:
    workspace = seen_by(operator_of(request, "configs.read"), request)
    async with plane.database.read() as connection:
        return await configs.find(connection, workspace, request.path_params["name"])


def _config(body: Body, *, required: bool = False) -> dict[str, Any]:
    """Return the config in a body: an object, or the text of one."""
    value = body.data.get("config")
    if isinstance(value, str) and value:
        value = _read(value)
        check_values(value)
    if isinstance(value, dict) and value:
        return value
    if required or "config" in body:
        body.fault('`config` must be an object, or its JSON: such as {"provider": "sandbox"}.', "config")
    return {}


def _read(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a text says: JSON, base64 of it, or YAML as people write it; `None` where it is none of these."""
    document = read_inline(text)
    if document is None and ":" not in text:
        return None
    if document is None:
        document = load(text, "config.yaml")
    if document.problems:
        raise InvalidConfig([replace(problem, file=None) for problem in document.problems])
    return document.data


def _brief(row: Row) -> Told:
    return {"id": row["id"], "slug": row["slug"], "version_id": row["version_id"], "object": "config"}


def _described(row: Row) -> Told:
    return {
        **about(row),
        "object": "config",
        "slug": row["slug"],
        "is_default": row["is_default"],
        "owner_id": row["created_by"],
        "format": "json",
        "type": "config",
        "version": row["version"],
    }


def _version(row: Row, config: Row) -> Told:
    return {
        "id": row["id"],
        "object": "config_version",
        "config_id": config["id"],
        "slug": config["slug"],
        "name": row["name"],
        "version": row["version"],
        "created_at": moment_of(row["created_ms"]),
        "created_by": row["created_by"],
    }
