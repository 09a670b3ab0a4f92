"""The application: what lives as long as the process, with the routes to it."""

from collections.abc import Awaitable, Callable, Mapping

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cockpit.routes import cockpit_routes
from gateway.config.watch import Configs
from gateway.console import console_routes
from gateway.http.described.routes import docs, llms
from gateway.http.door import IMAGES, Door
from gateway.http.envelope import envelope
from gateway.http.files import Files
from gateway.http.guard import Guard
from gateway.http.images import Images
from gateway.http.incoming import JSON_EDIT_BYTES, Incoming
from gateway.http.models import Models
from gateway.http.openapi import described
from gateway.http.seats import Seats
from gateway.planes import routes_of
from gateway.running import Gateway
from gateway.settings import Settings

_GENERATIONS = "/v1/images/generations"


def build(settings: Settings, live: Configs) -> tuple[ASGIApp, Gateway]:
    """Return the application, and what it holds."""
    gateway = Gateway(settings, live)
    incoming = Incoming(
        max_json_bytes=settings.max_json_bytes, max_upload_bytes=settings.max_upload_bytes, fetch=gateway.fetch
    )
    seats = Seats(settings.max_in_flight, most_each=settings.max_in_flight_per_key, most_waiting=settings.max_queued)
    gateway.seats = seats
    images = Images(
        gateway.chooser,
        gateway,
        incoming=incoming,
        budget=gateway.budget,
        once=gateway.once,
        seats=seats,
        till=gateway.till,
        records=gateway.records,
    )
    models, files = Models(gateway.chooser), Files(gateway.delivery)
    slow = Starlette(
        routes=[
            HttpRoute("/livez", _livez),
            HttpRoute("/readyz", _readyz(gateway)),
            HttpRoute("/metrics", gateway.telemetry.metrics.__call__),
            HttpRoute("/openapi.json", described),
            HttpRoute("/docs", docs),
            HttpRoute("/llms.txt", llms),
            *(HttpRoute(path, images, methods=["POST"]) for path in IMAGES),
            *(HttpRoute(root + "/images/files/{name}", files.__call__) for root in ("/v1", "")),
            *(HttpRoute(root + "/models", models.__call__) for root in ("/v1", "")),
            *(HttpRoute(root + "/models/{id:path}", models.__call__) for root in ("/v1", "")),
            *cockpit_routes(gateway),
            *routes_of(gateway),
            *console_routes(),
        ],
        exception_handlers={HTTPException: _refused},
        lifespan=gateway.lifespan,
    )
    slow.router.redirect_slashes = False  # a redirect would be built from the caller's Host, and has no envelope
    hot = {("POST", path): images for path in IMAGES}
    caps = {path: settings.max_json_bytes for path in IMAGES if path.endswith("generations")}
    uploads = max(settings.max_upload_bytes, JSON_EDIT_BYTES)
    caps |= {path: uploads for path in IMAGES if path not in caps}
    door = Door(_shortcut(hot, slow), gateway.callers)
    return Guard(door, cap=lambda path: caps.get(path, settings.max_json_bytes)), gateway


def _shortcut(hot: Mapping[tuple[str, str], ASGIApp], otherwise: ASGIApp) -> ASGIApp:
    """Spare the routes that carry the load the search through all routes."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        application = otherwise
        if scope["type"] == "http":
            application = hot.get((scope["method"], scope["path"]), otherwise)
        await application(scope, receive, send)

    return dispatch


async def _livez(_: Request) -> Response:
    return Response(b'{"status":"alive"}', media_type="application/json")


def _readyz(gateway: Gateway) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_: Request) -> Response:
        stopping = gateway.stopping.is_set()
        body = {
            "status": "stopping" if stopping else "ready",
            "configs": sorted(gateway.live.snapshot.configs),
            "problems": [str(problem) for problem in gateway.live.problems],
            "reloads": gateway.live.reloads,
            "failed_reloads": gateway.live.failed_reloads,
            **({"store": "none"} if gateway.stores is None else gateway.stores.told()),
        }
        return Response(orjson.dumps(body), status_code=503 if stopping else 200, media_type="application/json")

    return readyz


async def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, HTTPException)  # it is registered for these alone  # noqa: S101
    status, headers = refused.status_code, refused.headers
    method, path = request.method, request.scope["path"][:200]
    if status == 405:  # noqa: PLR2004
        allowed = (headers or {}).get("Allow", "POST")
        message, code = f"{method} is not answered at {path}; send {allowed}.", "method_not_allowed"
    else:
        message = (
            f"{path} is nothing that is served here. Pictures are made by POST {_GENERATIONS}, /v1/images/edits and "
            "/v1/images/variations; GET /v1/models lists the models; how the gateway is, is said at /livez and /readyz."
        )
        code = "unknown_url"
    body = envelope(message, type_="invalid_request_error", code=code)
    return Response(body, status_code=status, headers=headers, media_type="application/json")
