"""A strict stand-in for OpenAI's image API on a real socket: refuses what OpenAI refuses, fails by model name."""

import asyncio
import base64
import io
import json
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from PIL import Image

from tests.own_thread import OwnThread

KEY = "test-provider-key-not-real"

_COMMON = {"model", "prompt", "n", "size", "quality", "user"}
_GPT = _COMMON | {"background", "moderation", "output_format", "output_compression", "stream", "partial_images"}
_DALLE = {"dall-e-2": _COMMON | {"response_format"}, "dall-e-3": _COMMON | {"response_format", "style"}}


def png(width: int = 1024, height: int = 1024) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (90, 60, 160)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class FakeOpenAI(OwnThread):
    """Runs in a thread of its own; `seen` holds every request that arrived."""

    key: str = KEY
    seen: list[dict[str, Any]] = field(default_factory=list)
    failures: list[tuple[int, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    """Scripted answers, used up before the API answers properly: status, body, headers."""
    tls: ssl.SSLContext | None = None

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request["json"] for request in self.seen]

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        application = web.Application()
        application.router.add_post("/v1/images/generations", self._generations)
        application.router.add_post("/openai/v1/images/generations", self._generations)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    async def _generations(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        headers = {name.lower(): value for name, value in request.headers.items()}
        peer = request.transport.get_extra_info("peername")
        self.seen.append({"path": request.path, "headers": headers, "json": body, "connection": peer})
        if request.headers.get("Authorization") != f"Bearer {self.key}" and request.headers.get("api-key") != self.key:
            return _error(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided")
        if request.content_type != "application/json":
            return _error(400, "invalid_request_error", None, "send application/json")
        if self.failures:
            status, answer, headers = self.failures.pop(0)
            return web.json_response(answer, status=status, headers=headers)
        return await self._pictures(request, body)

    async def _pictures(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:  # noqa: PLR0911 - one for each fault
        model = body.get("model", "dall-e-2")
        match model.split(":"):
            case ["slow", seconds]:
                await asyncio.sleep(float(seconds))
            case ["status", status]:
                return _error(int(status), "server_error", None, f"scripted {status}")
            case ["cut"]:
                response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
                await response.prepare(request)
                await response.write(b'{"created": 1, "data": [{"b64_json": "iVBOR')
                request.transport.close()
                return response
            case ["html"]:
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case ["empty"]:
                return web.json_response({"created": 1, "data": []})
            case ["redirect"]:
                return web.Response(status=307, headers={"Location": f"{self.url}/elsewhere"})
            case ["refused"]:
                return _error(400, "image_generation_user_error", "moderation_blocked", "refused")
        known = _DALLE.get(model, _GPT)
        if not isinstance(body.get("prompt"), str):
            return _error(400, "invalid_request_error", "missing_required_parameter", "no prompt", "prompt")
        for name in sorted(body.keys() - known):
            return _error(400, "invalid_request_error", "unknown_parameter", f"Unknown parameter: '{name}'.", name)
        return web.json_response(self._answer(model, body))

    def _answer(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        size = body.get("size", "1024x1024")
        width, height = map(int, (size if size != "auto" else "1024x1024").split("x"))
        item = {"b64_json": base64.b64encode(png(width, height)).decode()}
        if model in _DALLE and body.get("response_format", "url") == "url":
            item = {"url": f"http://127.0.0.1:{self.port}/pictures/1.png"}
        answer: dict[str, Any] = {"created": 1763600000, "data": [item] * body.get("n", 1)}
        if model not in _DALLE:
            answer["usage"] = {
                "input_tokens": 10,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
                "output_tokens": 272,
                "total_tokens": 282,
            }
        return answer


def _error(status: int, type_: str, code: str | None, message: str, param: str | None = None) -> web.Response:
    return web.json_response(
        {"error": {"message": message, "type": type_, "param": param, "code": code}}, status=status
    )
