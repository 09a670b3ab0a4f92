"""A stand-in for providers with formats of their own, as far as the examples speak to them."""

import asyncio
import base64
import io
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from PIL import Image

from tests.fake_provider import KEY
from tests.own_thread import OwnThread

_BODY_BYTES = 1 << 26
_LONGEST_WORD = 100
_BEDROCK = re.compile(r"/model/(?P<model>[^/]+)/invoke")
_VERTEX = re.compile(r"/v1/projects/[^/]+/locations/[^/]+/publishers/google/models/(?P<model>[^/]+):generateContent")
_AUTOMATIC1111 = re.compile(r"/sdapi/v1/(?P<model>txt2img|img2img)")
_FLUX = re.compile(r"/v1/(?P<model>flux-[^/]+)")


@dataclass
class FakeOthers(OwnThread):
    """Runs in a thread of its own, and tells by the path whom it is taken for."""

    key: str | None = KEY
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """What each request for pictures said in plain words, and its model."""
    failures: list[tuple[int, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    """Scripted answers, used up before the API answers properly: status, body, headers."""

    @property
    def seen(self) -> list[dict[str, Any]]:
        """What arrived."""
        return self.bodies

    @property
    def origin(self) -> str:
        """Its address without a path."""
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        application = web.Application(client_max_size=_BODY_BYTES)
        application.router.add_get("/jobs/{size}", self._job)
        application.router.add_get("/pictures/{size}", self._picture)
        application.router.add_post("/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        if self.key is not None and self.key not in (_bearer(request), request.headers.get("x-key")):
            return web.json_response({"detail": "no such key"}, status=403)
        found = next(filter(None, (path.fullmatch(request.path) for path in _ANSWERS)), None)
        if found is None:
            return web.json_response({"detail": "not found"}, status=404)
        body = await request.json()
        self.bodies.append({"model": found["model"], **_plain(body)})
        if self.failures:
            status, failure, headers = self.failures.pop(0)
            return web.json_response(failure, status=status, headers=headers)
        size = f"{body.get('width', 1024)}x{body.get('height', 1024)}"
        return web.json_response(_ANSWERS[found.re](size, self.origin))

    async def _job(self, request: web.Request) -> web.Response:
        link = f"{self.origin}/pictures/{request.match_info['size']}"
        return web.json_response({"status": "Ready", "result": {"sample": link}})

    async def _picture(self, request: web.Request) -> web.Response:
        return web.Response(body=_painted(request.match_info["size"]), content_type="image/png")


def _bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """Return what can be read at a glance; a picture only says that it is there."""
    found = {key: value for key, value in body.items() if isinstance(value, str | int)}
    return {key: "a picture" if len(str(value)) > _LONGEST_WORD else value for key, value in found.items()}


def _painted(size: str) -> bytes:
    width, height = map(int, size.split("x"))
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (30, 120, 90)).save(buffer, "PNG")
    return buffer.getvalue()


def _b64(size: str) -> str:
    return base64.b64encode(_painted(size)).decode()


_ANSWERS = {
    _FLUX: lambda size, origin: {"id": "1", "polling_url": f"{origin}/jobs/{size}"},
    _BEDROCK: lambda size, _: {"images": [_b64(size)], "seeds": [1], "finish_reasons": [None]},
    _AUTOMATIC1111: lambda size, _: {"images": [_b64(size)], "info": "{}"},
    _VERTEX: lambda size, _: {
        "candidates": [
            {
                "content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": _b64(size)}}]},
                "finishReason": "STOP",
            }
        ]
    },
}
"""Path → the answer to a request that came there."""
