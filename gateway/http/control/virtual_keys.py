"""`/v1/virtual-keys`: providers' credentials under names, written and never read."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from gateway.config.document import Document
from gateway.config.virtual_key import parse_virtual_key
from gateway.errors import InvalidConfig
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Plane
from gateway.http.control.reading import Body, body_of, expected_version, object_of, page_of, seen_by
from gateway.http.control.secrets import SPELLINGS, field_of, masked, merged, sealed
from gateway.http.control.telling import Told, about, listing, with_limits
from gateway.store import virtual_keys
from gateway.store.hidden import MASK
from gateway.store.kept import Row, Taken, changing, current, new_id, slug_of

_OF_ROW = ("name", "note", "slug", "workspace_id", "expires_at", "version_id")
_LIMITS = ("usage_limits", "rate_limits")
_LONGEST_NOTE = 2000

_PORTKEYS = {"key": "api_key"}
_AZURE = {
    "apiVersion": "azure_api_version",
    "resourceName": "azure_resource_name",
    "deploymentName": "azure_deployment_id",
}
"""Portkey's words for fields of Azure OpenAI."""


async def create(plane: Plane, request: Request) -> Told:
    """Store a virtual key."""
    operator = operator_of(request, "virtual_keys.create")
    body = _body(await body_of(request))
    name, note, slug = body.text("name", required=True), body.text("note", longest=_LONGEST_NOTE), body.label("slug")
    workspace, expires_ms = body.label("workspace_id"), body.expiry("expires_at")
    body.check()
    workspace = operator.workspace_for(workspace)
    slug = slug or slug_of(name or "")
    if slug in plane.declared_virtual_keys():
        raise Taken
    fields = _fields(body, body.data.get("provider"))
    entry = {field: value for field, (_, value) in fields.items() if value is not None}
    _judge(slug, entry, fields)
    id_ = new_id()
    place = virtual_keys.place(workspace, id_)
    columns = _columns(plane, entry, None, place)
    async with changing(plane.database, operator.name) as change:
        common = {"id": id_, "workspace": workspace, "name": name, "slug": slug, "note": note}
        row = await virtual_keys.create(change, {**common, **columns, "expires_ms": expires_ms})
    await plane.changed()
    return _brief(row)


async def listed(plane: Plane, request: Request) -> Told:
    """Return a page of virtual keys."""
    workspace, page = seen_by(operator_of(request, "virtual_keys.list"), request), page_of(request)
    async with plane.database.read() as connection:
        total, rows = await virtual_keys.page(connection, workspace, *page)
    limits = await with_limits(plane, [(_account(row), row) for row in rows])
    return listing(total, [_described(row, of_it) for row, of_it in zip(rows, limits, strict=True)])


async def retrieve(plane: Plane, request: Request) -> Told:
    """Return a virtual key."""
    workspace = seen_by(operator_of(request, "virtual_keys.read"), request)
    async with plane.database.read() as connection:
        row = await virtual_keys.find(connection, workspace, request.path_params["name"])
    [limits] = await with_limits(plane, [(_account(row), row)])
    return _described(row, limits)


async def update(plane: Plane, request: Request) -> Told:
    """Change some fields of a virtual key; null takes one away."""
    operator = operator_of(request, "virtual_keys.update")
    body = _body(await body_of(request))
    given: dict[str, Any] = {"name": body.text("name")} if body.data.get("name") else {}
    if "note" in body:
        given["note"] = body.text("note", longest=_LONGEST_NOTE)
    if "expires_at" in body:
        given["expires_ms"] = body.expiry("expires_at")
    expected = expected_version(request, body)
    body.check()
    async with changing(plane.database, operator.name) as change:
        row = await virtual_keys.find(change.connection, seen_by(operator, request), request.path_params["name"])
        if body.text("slug") not in (None, row["slug"], row["id"]):
            body.fault("A virtual key keeps its slug; leave `slug` out.", "slug")
        if body.text("workspace_id") not in (None, row["workspace"]):
            body.fault("A virtual key stays in its workspace; leave `workspace_id` out.", "workspace_id")
        body.check()
        current(row, expected)
        fields = _fields(body, body.data.get("provider", row["document"].get("provider")))
        before = {**masked(row["document"]), **{name: row[name] for name in _LIMITS}}
        entry = before | {field: value for field, (_, value) in fields.items()}
        entry = {field: value for field, value in entry.items() if value is not None}
        _judge(row["slug"], entry, fields)
        place = virtual_keys.place(row["workspace"], row["id"])
        columns = _columns(plane, entry, row["document"], place)
        row = await virtual_keys.update(change, row, {**given, **columns})
    await plane.changed()
    return _brief(row)


async def delete(plane: Plane, request: Request) -> Told:
    """Remove a virtual key."""
    operator = operator_of(request, "virtual_keys.delete")
    async with changing(plane.database, operator.name) as change:
        row = await virtual_keys.find(change.connection, seen_by(operator, request), request.path_params["name"])
        current(row, expected_version(request))
        await virtual_keys.remove(change, row)
    await plane.changed()
    return {"id": row["id"], "slug": row["slug"], "object": "virtual_key", "deleted": True}


def _body(data: Any) -> Body:  # noqa: ANN401 - any JSON value
    """Return the body; what is no field of ours is one of the provider, or reported with those."""
    return object_of(data, data if isinstance(data, dict) else ())


def _fields(body: Body, provider: Any) -> Mapping[str, tuple[str, Any]]:  # noqa: ANN401 - whatever was sent
    """Return the fields of the entry, as `gateway.yaml` would have it: each as it was written, with its value."""
    words = _PORTKEYS | (_AZURE if provider == "azure-openai" else {})
    found: dict[str, tuple[str, Any]] = {}
    for written, value in body.data.items():
        if written in _OF_ROW:
            continue
        field = words.get(written) or field_of(written)
        if field in found:
            body.fault(f"`{found[field][0]}` and `{written}` are the same; keep one of them.", written)
        found[field] = (written, value)
    body.check()
    return found


def _judge(slug: str, entry: Mapping[str, Any], fields: Mapping[str, tuple[str, Any]]) -> None:
    """Raise `InvalidConfig` with what is wrong with an entry, told in the words it was written in."""
    found = parse_virtual_key(slug, Document(data=dict(entry)), "$")
    if not isinstance(found, list):
        return
    problems = []
    for problem in found:
        first, dot, rest = problem.path.removeprefix("$.").partition(".")
        written = fields[first][0] if first in fields else first
        path = problem.path if problem.path == "$" else f"$.{written}{dot}{rest}"
        problems.append(dataclasses.replace(problem, path=path))
    raise InvalidConfig(problems)


def _columns(plane: Plane, entry: Mapping[str, Any], before: Any, place: str) -> dict[str, Any]:  # noqa: ANN401
    """Return an entry as it is stored: its limits apart, its secrets sealed, or kept as they are."""
    document = {field: value for field, value in entry.items() if field not in _LIMITS}
    document = sealed(plane.vault, merged(plane.vault, document, before, place), place)
    return {"document": document, **{name: entry.get(name) for name in _LIMITS}}


def _account(row: Row) -> str:
    return f"virtual_key:{row['workspace']}/{row['slug']}"


def _brief(row: Row) -> Told:
    return {"id": row["id"], "slug": row["slug"], "object": "virtual_key", "version_id": str(row["version"])}


def _described(row: Row, limits: Told) -> Told:
    fields = masked(row["document"])
    provider = fields.pop("provider", None)
    return {
        **about(row),
        "object": "virtual_key",
        "slug": row["slug"],
        "note": row["note"],
        "provider": provider,
        "ai_provider_name": provider,
        "key": MASK if any(name in SPELLINGS for name in fields) else None,
        "model_config": fields,
        **limits,
    }
