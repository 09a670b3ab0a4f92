"""The composition root: the one place where the parts of the gateway meet."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.choose import Choice, Chooser
from gateway.config.spec import TargetSpec
from gateway.config.watch import Configs
from gateway.explain import explain
from gateway.http.envelope import envelope
from gateway.http.guard import Guard
from gateway.http.images import Generations
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.server import is_loopback
from gateway.settings import Settings
from gateway.target import ImageTarget
from gateway.transport import Transport

_log = logging.getLogger("gateway.app")

_GENERATIONS = ("/v1/images/generations", "/images/generations")
_NOT_YET = ("/images/edits", "/images/variations")


class Gateway:
    """What lives as long as the process: configs, the routes compiled from them, the way out."""

    def __init__(self, settings: Settings, live: Configs) -> None:
        """Compile what the files hold now."""
        self.settings = settings
        self.live = live
        self.stopping = asyncio.Event()
        self._transport = Transport(
            max_response_bytes=settings.max_response_bytes,
            trust_loopback=is_loopback(settings.host),
        )
        self._snapshot = live.snapshot
        self._chooser = self._new_chooser()

    def chooser(self) -> Chooser:
        """Return the chooser for the configs as they are now; a request keeps the one it began with."""
        if self.live.snapshot is not self._snapshot:
            self._snapshot = self.live.snapshot
            try:
                self._chooser = self._new_chooser()
            except Exception:  # noqa: BLE001 - what reading let through by a fault of ours must not reach traffic either
                _log.exception("the changed configs cannot be compiled; those before them go on serving")
        return self._chooser

    def explained(self, choice: Choice, request: ImageRequest, seconds: float) -> bytes:
        """Return the story of a route, as `x-gateway-explain` answers it."""
        return orjson.dumps(explain(choice.route, request, self.leaf, seconds=seconds), option=orjson.OPT_INDENT_2)

    def leaf(self, spec: TargetSpec, checks: bool) -> ImageTarget:  # noqa: FBT001 - called by position, from compile
        """Return the node that talks to one target."""
        return ImageTarget(spec, PROVIDERS[spec.provider], self._transport, checks)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Open what needs a running loop, and close it again."""
        await self._transport.open()
        watching = asyncio.create_task(self.live.watch(self.stopping))
        try:
            yield
        finally:
            self.stopping.set()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self._transport.close()

    def _new_chooser(self) -> Chooser:
        return Chooser(
            self._snapshot,
            default_config=self.settings.default_config or None,
            trusted_hosts=self.settings.trusted_hosts,
            make_leaf=self.leaf,
        )


def build(settings: Settings, live: Configs) -> tuple[ASGIApp, Gateway]:
    """Return the application, and what it holds."""
    gateway = Gateway(settings, live)
    generations = Generations(gateway.chooser, gateway.explained, max_json_bytes=settings.max_json_bytes)
    slow = Starlette(
        routes=[
            HttpRoute("/livez", _livez),
            HttpRoute("/readyz", _readyz(gateway)),
            *(HttpRoute(path, generations, methods=["POST"]) for path in _GENERATIONS),
        ],
        exception_handlers={HTTPException: _refused},
        lifespan=gateway.lifespan,
    )
    slow.router.redirect_slashes = False  # a redirect would be built from the caller's Host, and has no envelope
    hot = {("POST", path): generations for path in _GENERATIONS}
    return Guard(_shortcut(hot, slow), cap=lambda _: settings.max_json_bytes), gateway


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
        where = f"Pictures are made by POST {_GENERATIONS[0]}; how the gateway is, is said at /livez and /readyz."
        what = "is not part of this version yet" if path.endswith(_NOT_YET) else "is nothing that is served here"
        message = f"{path} {what}. {where}"
        code = "unknown_url"
    body = envelope(message, type_="invalid_request_error", code=code)
    return Response(body, status_code=status, headers=headers, media_type="application/json")
