"""`/v1/logs/exports`: the log as a file, made while it is downloaded, for whoever has a signed link to it."""

import hmac
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import StreamingResponse

from gateway.config.suggest import did_you_mean, printable
from gateway.errors import GatewayError, InvalidJSON, NotAllowed
from gateway.http.control import shown
from gateway.http.control.answers import Answer, RecordPlane
from gateway.http.control.asked import check_names, filters_of, one_of, wrong
from gateway.http.control.operator import Operator, operator_of
from gateway.http.control.plane import Conflict, Told, not_found
from gateway.http.control.reading import body_of
from gateway.store import exports, records
from gateway.store.database import Database
from gateway.store.filters import Filters
from gateway.store.kept import now_ms

SCOPE = "logs.export"
FILE = r"(?:/v1)?/logs/exports/[A-Za-z0-9-]+/file"
"""The one path that asks for no key: its link is signed."""

_LINK_SECONDS = 3600
_EXPIRES = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_FORMATS = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
_LONGEST_DESCRIPTION = 1000
_PAGING = ("page_size", "current_page")
"""What Portkey's filters of an export hold besides: here all of it comes in one file."""


def endpoints(plane: RecordPlane) -> Mapping[str, Mapping[str, Answer]]:
    """Return what there is under /logs/export and /logs/exports."""
    links = _Links(plane)
    return {
        "/logs/export": {"GET": _direct},
        "/logs/exports": {"GET": _list, "POST": _create},
        "/logs/exports/{id}": {"GET": _retrieve, "PUT": _update},
        "/logs/exports/{id}/start": {"POST": _start},
        "/logs/exports/{id}/cancel": {"POST": _cancel},
        "/logs/exports/{id}/download": {"GET": links.download},
        "/logs/exports/{id}/file": {"GET": links.file},
    }


class _Links:
    """Makes links to files, and recognises its own."""

    def __init__(self, plane: RecordPlane) -> None:
        self._plane = plane

    async def download(self, database: Database, request: Request) -> Told:
        row = await _known(database, request, operator_of(request, SCOPE))
        check_names(request.query_params, "format")
        format_ = one_of(request.query_params, "format", _FORMATS, "ndjson")
        if row["status"] != exports.SUCCESS:
            raise Conflict(f"This export is a {row['status']}: start it first.", code="not_started")
        expires = now_ms() // 1000 + _LINK_SECONDS
        query = {"expires": expires, "format": format_, "signature": self._signature(row["id"], str(expires), format_)}
        place = self._plane.public_url.rstrip("/") or _found_at(request)
        return {"signed_url": f"{place}/v1/logs/exports/{row['id']}/file?{urlencode(query)}"}

    async def file(self, database: Database, request: Request) -> Told:
        given, id_ = request.query_params, request.path_params["id"]
        expires, format_ = given.get("expires", ""), given.get("format", "")
        expected = self._signature(id_, expires, format_)
        if not hmac.compare_digest(expected.encode(), given.get("signature", "").encode("utf-8", "replace")):
            raise NotAllowed("This link is not one of ours as it stands: use it as it was given, query and all.")
        if not _EXPIRES.fullmatch(expires) or int(expires) * 1000 <= now_ms():
            raise NotAllowed("This link has expired: ask for another by GET /v1/logs/exports/{id}/download.")
        row = await exports.get(database, id_, None)
        if row is None or row["status"] != exports.SUCCESS:
            raise not_found("export", "/v1/logs/exports")
        return await _streamed(database, _meant(row), row["requested"], format_, row["id"])

    def _signature(self, id_: str, expires: str, format_: str) -> str:
        signed = f"export {id_} {expires} {format_}".encode("utf-8", "replace")
        return hmac.digest(self._plane.link_key, signed, "sha256").hex()


def _found_at(request: Request) -> str:
    # A caller can only mislead itself by these: the link is its own.
    scheme = request.headers.get("x-forwarded-proto", "").strip().lower()
    return f"{'https' if scheme == 'https' else 'http'}://{request.headers.get('host', 'localhost')}"


async def _create(database: Database, request: Request) -> Told:
    operator = operator_of(request, SCOPE)
    body = await _body(request, "filters", "workspace_id", "description", "requested_data")
    description = body.get("description")
    if description is not None and not (isinstance(description, str) and len(description) <= _LONGEST_DESCRIPTION):
        raise wrong("description", f"expected a text of up to {_LONGEST_DESCRIPTION} characters")
    filters = _filters(body)
    row = {
        "workspace": operator.workspace_for(_workspace(body) or (filters.get("workspace_slug") or None)),
        "description": description,
        "filters": filters,
        "requested": _requested(body.get("requested_data")),
        "created_by": operator.name,
    }
    total = await records.count(database, _meant(row))
    kept = await exports.create(database, {**row, "total": total}, now_ms())
    return {"id": kept["id"], "total": total, "object": "export"}


async def _list(database: Database, request: Request) -> Told:
    operator = operator_of(request, SCOPE)
    asked = request.query_params.get("workspace_id") or None
    if asked is not None and "\x00" in asked:
        raise wrong("workspace_id", "there is none of that name")
    rows = await exports.find(database, operator.sees(asked))
    return {"object": "list", "total": len(rows), "data": [_described(row) for row in rows]}


async def _retrieve(database: Database, request: Request) -> Told:
    return _described(await _known(database, request, operator_of(request, SCOPE)))


async def _update(database: Database, request: Request) -> Told:
    operator = operator_of(request, SCOPE)
    row = await _known(database, request, operator)
    body = await _body(request, "filters", "workspace_id", "requested_data")
    if _workspace(body) not in (None, row["workspace"]):
        raise wrong("workspace_id", "an export stays in its workspace; make another one")
    filters = _filters(body) if "filters" in body else row["filters"]
    requested = _requested(body["requested_data"]) if "requested_data" in body else row["requested"]
    total = await records.count(database, _meant({**row, "filters": filters}))
    await _change(database, row, filters=filters, requested=requested, total=total)
    return {"id": row["id"], "total": total, "object": "export"}


async def _start(database: Database, request: Request) -> Told:
    row = await _known(database, request, operator_of(request, SCOPE))
    total = await records.count(database, _meant(row))
    await _change(database, row, status=exports.SUCCESS, total=total)
    return {"message": f"{total} requests are ready to be downloaded.", "object": "export"}


async def _cancel(database: Database, request: Request) -> Told:
    row = await _known(database, request, operator_of(request, SCOPE))
    await exports.change(database, row["id"], now_ms(), status=exports.STOPPED)
    return {"message": "The export was stopped; links to it lead nowhere now.", "object": "export"}


async def _direct(database: Database, request: Request) -> Told:
    operator = operator_of(request, SCOPE)
    given = request.query_params
    check_names(given, "format", "requested_data")
    names = [word.strip() for word in given.get("requested_data", "").split(",") if word.strip()]
    format_ = one_of(given, "format", _FORMATS, "ndjson")
    return await _streamed(database, filters_of(given, operator), _requested(names or None), format_, "logs")


async def _streamed(
    database: Database, filters: Filters, names: Sequence[str], format_: str, name: str
) -> StreamingResponse:
    coming = records.pages(database, filters)
    # The first page is read before the answer begins: a database that is away is still told by a status.
    first: Sequence[records.Row] = await anext(coming, [])

    async def content() -> AsyncIterator[bytes]:
        is_csv = format_ == "csv"
        written = shown.comma_separated if is_csv else shown.ndjson
        if is_csv:
            yield shown.header(names)
        yield written(first, names)
        async for rows in coming:
            yield written(rows, names)

    headers = {"content-disposition": f'attachment; filename="{name}.{format_}"', "x-content-type-options": "nosniff"}
    return StreamingResponse(content(), media_type=_FORMATS[format_], headers=headers)


async def _known(database: Database, request: Request, operator: Operator) -> exports.Row:
    row = await exports.get(database, request.path_params["id"], operator.sees(None))
    if row is None:
        raise not_found("export", "/v1/logs/exports")
    return row


async def _change(database: Database, row: exports.Row, **values: Any) -> None:  # noqa: ANN401 - any column's
    if not await exports.change(database, row["id"], now_ms(), **values):
        raise Conflict("This export was cancelled: make another one.", code="export_stopped")


async def _body(request: Request, *known: str) -> dict[str, Any]:
    body = await body_of(request)
    if not isinstance(body, dict):
        raise InvalidJSON("The body has to be a JSON object.")
    for name in body:
        if name not in known:
            raise GatewayError(f"Unknown field `{printable(name)}`{did_you_mean(name, known)}", param=name[:100])
    return body


def _workspace(body: Mapping[str, Any]) -> str | None:
    value = body.get("workspace_id")
    if value is not None and not (isinstance(value, str) and value):
        raise wrong("workspace_id", "expected the name of a workspace")
    return value


def _filters(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters that are read without fault whenever the file is made."""
    filters = {} if body.get("filters") is None else body["filters"]
    if not isinstance(filters, dict):
        raise wrong("filters", "expected an object")
    check_names(filters, *_PAGING)
    filters_of(filters, Operator(""))
    return filters


def _requested(names: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    if names is None:
        return [*shown.FIELDS]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise wrong("requested_data", f"expected a list of {', '.join(shown.EXPORTED)}")
    for name in names:
        if name not in shown.EXPORTED:
            raise GatewayError(
                f"requested_data: unknown `{printable(name)}`{did_you_mean(name, shown.EXPORTED)}",
                param="requested_data",
            )
    return [*dict.fromkeys(names)]


def _meant(row: Mapping[str, Any]) -> Filters:
    return filters_of(row["filters"], Operator("", workspace=row["workspace"]))


def _described(row: exports.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "organisation_id": None,
        "workspace_id": row["workspace"],
        "description": row["description"],
        "filters": row["filters"],
        "requested_data": row["requested"],
        "status": row["status"],
        "total_records": row["total"],
        "created_at": shown.iso(row["created_ms"]),
        "last_updated_at": shown.iso(row["updated_ms"]),
        "created_by": row["created_by"],
        "object": "export",
    }
