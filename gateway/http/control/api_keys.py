"""`/v1/api-keys`: who may come in. A key is shown once; nobody can give away more than they have."""

from collections.abc import Collection
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from gateway.config.api_key import DEFAULT_SCOPES
from gateway.errors import NotAllowed
from gateway.http.control.api_key_fields import columns_of, kind_of
from gateway.http.control.operator import Operator, operator_of
from gateway.http.control.plane import Plane
from gateway.http.control.reading import Body, body_of, expected_version, object_of, page_of, seen_by
from gateway.http.control.telling import Told, about, listing, moment_of, with_limits
from gateway.store import api_keys, configs
from gateway.store.kept import Missing, Row, changing, current, now_ms

_COMMON = ("name", "description", "rate_limits", "usage_limits", "scopes", "defaults", "allow", "expires_at")
_NEW = (*_COMMON, "type", "sub-type", "sub_type", "workspace_id", "user_id")
_CHANGED = (*_COMMON, "id", "version_id")
_OF_OTHERS = ("scopes", "rate_limits", "usage_limits", "allow", "expires_at", "defaults")
"""What nobody changes of their own key."""
_OVERLAP_SECONDS = 30 * 86_400
_SCOPE = "workspace_service_api_keys"


async def create(plane: Plane, request: Request) -> Told:
    """Make a key, and show it."""
    operator = operator_of(request, f"{_SCOPE}.create")
    body = object_of(await body_of(request), _NEW)
    name, workspace, user = body.text("name", required=True), body.label("workspace_id"), body.text("user_id")
    kind = kind_of(body, request.path_params.get("type"), request.path_params.get("sub_type"))
    columns = {"scopes": sorted(DEFAULT_SCOPES), "defaults": {}, "allow": {}} | columns_of(body)
    body.check()
    if kind.startswith("organisation") and operator.workspace is not None:
        raise NotAllowed("Keys of the organisation are made with the admin key; make one of the type workspace.")
    workspace = operator.workspace_for(workspace)
    _check_gift(operator, columns["scopes"])
    _check_unlimited(operator)
    async with changing(plane.database, operator.name) as change:
        columns = await _with_slug(plane, change.connection, workspace, columns, body)
        common = {"workspace": workspace, "name": name, "kind": kind, "user_id": user}
        row, key = await api_keys.create(change, plane.vault, common | columns)
    await plane.changed()
    return {"id": row["id"], "key": key, "object": "api-key"}


async def listed(plane: Plane, request: Request) -> Told:
    """Return a page of keys."""
    workspace, page = seen_by(operator_of(request, f"{_SCOPE}.list"), request), page_of(request)
    async with plane.database.read() as connection:
        total, rows = await api_keys.page(connection, workspace, *page)
    limits = await with_limits(plane, [(_account(row), row) for row in rows])
    return listing(total, [_described(row, of_it) for row, of_it in zip(rows, limits, strict=True)])


async def retrieve(plane: Plane, request: Request) -> Told:
    """Return what is known of a key, which is not the key."""
    workspace = seen_by(operator_of(request, f"{_SCOPE}.read"), request)
    async with plane.database.read() as connection:
        row = await api_keys.find(connection, workspace, request.path_params["name"])
    [limits] = await with_limits(plane, [(_account(row), row)])
    return _described(row, limits)


async def update(plane: Plane, request: Request) -> Told:
    """Change some fields of a key."""
    operator = operator_of(request, f"{_SCOPE}.update")
    body = object_of(await body_of(request), _CHANGED)
    given: dict[str, Any] = {"name": body.text("name")} if body.data.get("name") else {}
    given |= columns_of(body)
    expected = expected_version(request, body)
    body.check()
    async with changing(plane.database, operator.name) as change:
        row = await api_keys.find(change.connection, seen_by(operator, request), request.path_params["name"])
        if body.text("id") not in (None, row["id"]):
            body.fault("A key keeps its id; leave `id` out.", "id")
        body.check()
        current(row, expected)
        if row["id"] == operator.name:
            own = next((field for field in _OF_OTHERS if field in body), None)
            if own is not None:
                raise NotAllowed(f"A key cannot change its own {own}; whoever has the admin key can.")
        else:
            _check_power(operator, row)
        _check_gift(operator, given.get("scopes", ()))
        given = await _with_slug(plane, change.connection, row["workspace"], given, body)
        if any(row[column] != value for column, value in given.items()):
            row = await api_keys.update(change, row, given)
    await plane.changed()
    return {"id": row["id"], "object": "api-key", "version_id": str(row["version"])}


async def delete(plane: Plane, request: Request) -> Told:
    """Revoke a key."""
    operator = operator_of(request, f"{_SCOPE}.delete")
    async with changing(plane.database, operator.name) as change:
        row = await api_keys.find(change.connection, seen_by(operator, request), request.path_params["name"])
        current(row, expected_version(request))
        _check_gift(operator, row["scopes"])
        await api_keys.remove(change, row)
    await plane.changed()
    return {"id": row["id"], "object": "api-key", "deleted": True}


async def rotate(plane: Plane, request: Request) -> Told:
    """Give a key a new text, and show it; the one before ends at once, or when the request says."""
    operator = operator_of(request, f"{_SCOPE}.update")
    body = object_of(await body_of(request), ("key_transition_expires_at",))
    old_until_ms = body.expiry("key_transition_expires_at", _OVERLAP_SECONDS)
    body.check()
    async with changing(plane.database, operator.name) as change:
        row = await api_keys.find(change.connection, seen_by(operator, request), request.path_params["name"])
        current(row, expected_version(request))
        if row["id"] != operator.name:
            _check_power(operator, row)
        row, key = await api_keys.rotate(change, plane.vault, row, old_until_ms)
    await plane.changed()
    until = moment_of(old_until_ms)
    return {"id": row["id"], "key": key, "object": "api-key", "key_transition_expires_at": until}


def _check_power(operator: Operator, row: Row) -> None:
    """Raise `NotAllowed` where somebody would get more out of another key than their own gives them."""
    _check_gift(operator, row["scopes"])
    _check_unlimited(operator)


def _check_gift(operator: Operator, scopes: Collection[str]) -> None:
    lacking = [] if operator.scopes is None else sorted(set(scopes) - operator.scopes)
    if lacking:
        raise NotAllowed(f"This key has not {', '.join(lacking)}, and so cannot deal with keys that have.")


def _check_unlimited(operator: Operator) -> None:
    """Raise `NotAllowed` for a key that could escape its own limits by making, or taking, one without."""
    if operator.is_limited:
        raise NotAllowed("This key has limits of its own, and so cannot make or change others: use one that has none.")


async def _with_slug(
    plane: Plane, connection: AsyncConnection, workspace: str, columns: dict[str, Any], body: Body
) -> dict[str, Any]:
    """Return the columns with the slug of the default config, as requests look for it."""
    config = columns.get("defaults", {}).get("config_id")
    if config is None or config in plane.declared_configs():
        return columns
    try:
        row = await configs.find(connection, workspace, config)
    except Missing:
        body.fault("There is no such config; GET /v1/configs lists those that you can see.", "defaults", "config_id")
        body.check()
        raise
    return {**columns, "defaults": {**columns["defaults"], "config_id": row["slug"]}}


def _account(row: Row) -> str:
    return f"api_key:{row['id']}"


def _described(row: Row, limits: Told) -> Told:
    until = row["old_until_ms"]
    return {
        **about(row),
        "object": "api-key",
        "key": row["hint"],
        "description": row["description"],
        "type": row["kind"],
        "user_id": row["user_id"],
        "creation_mode": "api",
        "reset_usage": 0,
        "scopes": row["scopes"],
        "defaults": row["defaults"],
        "allow": row["allow"],
        "key_transition_expires_at": moment_of(until) if until is not None and until > now_ms() else None,
        **limits,
    }
