"""A strict stand-in for OpenAI's image API on a real socket: refuses what OpenAI refuses, fails by model name.

What its models take is in `fake_openai/rules.py`, its forms in `uploads.py`, its answers and events in `answers.py`.
"""

import asyncio
import json
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fake_openai import answers
from tests.fake_openai.rules import Params, check
from tests.fake_openai.uploads import check_files, read_form
from tests.fake_openai.wrong import Wrong
from tests.own_thread import OwnThread

KEY = "test-provider-key-not-real"

_BODY_BYTES = 1 << 28


@dataclass
class FakeOpenAI(OwnThread):
    """Runs in a thread of its own; `seen` holds every request that arrived, of a picture its hash."""

    key: str = KEY
    seen: list[dict[str, Any]] = field(default_factory=list)
    failures: list[tuple[int, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    """Scripted answers, used up before the API answers properly: status, body, headers."""
    tls: ssl.SSLContext | None = None
    store_port: int = field(init=False)
    """Where the pictures are that answers link to: on a host of its own, as the API's are."""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was asked for; of a form, its texts."""
        return [request["json"] for request in self.seen]

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        application = web.Application(client_max_size=_BODY_BYTES)
        for root in ("/v1", "/openai/v1"):
            application.router.add_post(f"{root}/images/{{endpoint:generations|edits|variations}}", self._images)
        application.router.add_get(r"/pictures/{width:\d+}x{height:\d+}.png", _picture)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        sites = [web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.tls) for _ in range(2)]
        for site in sites:
            await site.start()
        self.port, self.store_port = (site._server.sockets[0].getsockname()[1] for site in sites)
        ready.set()
        await stop.wait()
        await runner.cleanup()

    async def _images(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request, request.match_info["endpoint"])
        except Wrong as wrong:
            return web.json_response(wrong.body, status=wrong.status)

    async def _answer(self, request: web.Request, endpoint: str) -> web.StreamResponse:
        expected = "application/json" if endpoint == "generations" else "multipart/form-data"
        seen: dict[str, Any] = {
            "path": request.path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "json": {},
            "files": [],
            "connection": request.transport.get_extra_info("peername"),
        }
        self.seen.append(seen)
        if request.content_type == "multipart/form-data":
            form = await read_form(request)
            seen.update(json=form.texts, files=form.files)
            params: Params = form.params
        else:
            seen["json"] = params = json.loads(await request.read())
        if request.headers.get("Authorization") != f"Bearer {self.key}" and request.headers.get("api-key") != self.key:
            raise Wrong("Incorrect API key provided", None, "invalid_api_key", status=401)
        if request.content_type != expected:
            raise Wrong(f"send {expected}", None, None)
        if self.failures:
            status, answer, headers = self.failures.pop(0)
            return web.json_response(answer, status=status, headers=headers)
        model = params.get("model", "dall-e-2")
        failed = await self._failed(request, model.split(":"))
        if failed is not None:
            return failed
        check(endpoint, params)
        if endpoint != "generations":
            check_files(endpoint, model, seen["files"])
        if params.get("stream") is True:
            return await _streamed(request, endpoint, model.split(":"), params)
        return web.json_response(answers.body(endpoint, model, params, f"http://127.0.0.1:{self.store_port}/pictures"))

    async def _failed(self, request: web.Request, model: list[str]) -> web.StreamResponse | None:
        """Fail as the model's name says, if it says so."""
        match model:
            case ["slow", seconds]:
                await asyncio.sleep(float(seconds))
            case ["status", status]:
                raise Wrong(f"scripted {status}", None, None, status=int(status), type_="server_error")
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
                raise Wrong("refused", None, "moderation_blocked", type_="image_generation_user_error")
        return None


async def _streamed(request: web.Request, endpoint: str, model: list[str], params: Params) -> web.StreamResponse:
    """Send the events; `stream-cut` hangs up after the first, `stream-refused` follows it with an error."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    for event in answers.events(endpoint, params):
        await response.write(event)
        match model:
            case ["stream-cut"]:
                request.transport.close()
                return response
            case ["stream-refused"]:
                wrong = Wrong("refused", None, "moderation_blocked", type_="image_generation_user_error")
                await response.write(answers.event("error", wrong.body))
                break
    await response.write_eof()
    return response


async def _picture(request: web.Request) -> web.Response:
    """Serve a linked picture as a store with signed links does: to whoever has the link, and to no credential."""
    if "Authorization" in request.headers or "api-key" in request.headers:
        return web.Response(status=403)
    size = int(request.match_info["width"]), int(request.match_info["height"])
    return web.Response(body=answers.painted(*size), content_type="image/png")
