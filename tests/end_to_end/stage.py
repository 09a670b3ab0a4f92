"""A server that plays recorded conversations, and takes nothing but what they say: to the byte of each form."""

import asyncio
import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field

from aiohttp import web

from tests.own_thread import OwnThread
from tests.providers.conversations import Played, uploads


@dataclass
class Scene:
    """One conversation, as far as it has come."""

    played: Played
    strict: bool = True
    echoes: bool = False
    """Whether what was sent by chance is told back."""
    names: dict[str, str] = field(default_factory=dict)
    """Digest of each picture of the request → what the conversation calls it."""
    heard: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass
class Stage(OwnThread):
    """Plays any number of conversations at a time, each below `/c/<number>`."""

    scenes: dict[str, Scene] = field(default_factory=dict)

    def add(self, number, cassette, *, strict=True, echoes=False):
        """Have a conversation played, and return the base address that stands for its provider's."""
        base = f"http://127.0.0.1:{self.port}/c/{number}"
        names = {_digest(data): name for name, data in uploads(cassette.request).items()}
        scene = self.scenes[str(number)] = Scene(Played(cassette, base), strict, echoes, names)
        return scene

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/c/{number}{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        scene = self.scenes[request.match_info["number"]]
        played = scene.played
        path = request.rel_url.raw_path_qs.partition(f"/c/{request.match_info['number']}")[2]
        picture = played.pictures.get(path)
        if picture is not None and not _is_next(scene, request.method, path):
            if request.headers.get("authorization") or request.headers.get("x-key"):
                scene.faults.append(f"a credential was sent for the picture at {path}")
            return web.Response(body=picture, content_type="image/png")
        if scene.heard >= len(played.steps):
            scene.faults.append(f"one request too many: {request.method} {path}")
            return web.Response(status=500, text="one request too many")
        number, scene.heard = scene.heard, scene.heard + 1
        await _compare(scene, number, request, path)
        status, headers, body = played.answer(number)
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        headers.setdefault("content-type", "application/json")
        return web.Response(status=status, headers=headers, body=body)


def _is_next(scene, method, path):
    if scene.heard >= len(scene.played.steps):
        return False
    step = scene.played.steps[scene.heard].send
    return method == step.method and _path(scene, step) == path


def _path(scene, step):
    return scene.played.path(scene.played.local(step.url))


async def _compare(scene, number, request, path):
    """Note what is not as the conversation has it."""
    step = scene.played.steps[number].send
    expected = _path(scene, step)
    if (request.method, path) != (step.method, expected):
        scene.faults.append(f"request {number + 1}: {request.method} {path}, not {step.method} {expected}")
        return
    body = await request.read()
    if not scene.strict:
        if scene.echoes and step.json is not None:
            scene.played.echo(json.loads(body), step.json)
        return
    for name, value in step.headers.items():
        if request.headers.get(name) != value:
            scene.faults.append(f"request {number + 1}: {name} is {request.headers.get(name)!r}, not {value!r}")
    if step.json is not None:
        given = _readable(_local(json.loads(body), scene), scene)
        wanted = _settled(_local(step.json, scene))
        if given != wanted:
            scene.faults.append(f"request {number + 1}: {given} is not {wanted}")
    if step.form is not None:
        given = _form(request.headers["content-type"], body, scene)
        wanted = [[part.name, _settled(part.value)] for part in step.form]
        if given != wanted:
            scene.faults.append(f"request {number + 1}: {given} is not {wanted}")


def _local(value, scene):
    return json.loads(scene.played.local(json.dumps(value)))


def _form(kind, body, scene):
    """Return names and values of a form, taken apart by hand: aiohttp's own reader warns of itself, now and then."""
    delimiter = b"\r\n--" + kind.partition("boundary=")[2].encode()
    _, *parts, _ = (b"\r\n" + body).split(delimiter)
    fields = []
    for part in parts:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'\bname="([^"]*)"', head)[1].decode()
        fields.append([name, _picture(value, scene) if b"content-type: image" in head.lower() else value.decode()])
    return fields


def _readable(value, scene):
    """Return JSON with a word in the place of each picture that was sent."""
    if isinstance(value, dict):
        return {name: _readable(item, scene) for name, item in value.items()}
    if isinstance(value, list):
        return [_readable(item, scene) for item in value]
    if isinstance(value, str) and len(value) > 60:
        try:
            data = base64.b64decode(value.partition(",")[2] if value.startswith("data:") else value, validate=True)
        except ValueError:
            return value
        return _picture(data, scene) if data.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF")) else value
    return value


def _picture(data, scene):
    """Return which picture of the request these bytes are; a mask that was turned is none of them."""
    return f"<{scene.names.get(_digest(data), 'turned mask')}>"


def _digest(data):
    return hashlib.sha256(data).hexdigest()


def _settled(value):
    """Return what a conversation says of pictures in the same words."""
    if isinstance(value, dict):
        return {name: _settled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_settled(item) for item in value]
    found = _EMBEDDED.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else "<turned mask>" if found[2] else f"<{found[1]}>"


_EMBEDDED = re.compile(r"<(?:base64|data_url|bytes) \w+ \d+x\d+ (image \d+|mask)( \w+(?: binary)?)?>")
