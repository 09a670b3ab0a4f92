"""`/console`: its files, from the package, under a policy that lets nothing in from elsewhere."""

import functools
import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_STATIC = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",  # looked at again each time, by its tag
}
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_OTHER = "text/plain; charset=utf-8"
"""Licences, and what else lies beside."""
_MISSING = b"There is no such file in the console; it begins at /console/.\n"


def console_routes() -> list[Route]:
    """Return the routes."""
    return [Route("/console", _file), Route("/console/{path:path}", _file)]


async def _file(request: Request) -> Response:
    found = _files().get(request.path_params.get("path") or "index.html")
    if found is None:
        return Response(_MISSING, 404, headers=_HEADERS, media_type="text/plain")
    file, kind = found
    data, tag = _content(file)
    headers = {**_HEADERS, "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, headers={**headers, "content-type": kind})


@functools.cache
def _files() -> dict[str, tuple[Path, str]]:
    """Return all there are: what is asked for is looked up here, and never a path of the disk."""
    return {
        file.relative_to(_STATIC).as_posix(): (file, _KINDS.get(file.suffix, _OTHER))
        for file in _STATIC.rglob("*")
        if file.is_file()
    }


@functools.cache
def _content(file: Path) -> tuple[bytes, str]:
    data = file.read_bytes()
    return data, f'"{hashlib.sha256(data).hexdigest()[:20]}"'
