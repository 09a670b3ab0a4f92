"""Pictures that say for whom, by which target and model they were painted: what is mixed up, or not whole, shows."""

import base64
import binascii
import functools
import io
import json
import random
from typing import NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

_EDGE = 64


class Painter(NamedTuple):
    """Who painted a picture, and for whom."""

    tenant: str
    target: str
    model: str


@functools.lru_cache(maxsize=1024)
def painted(painter):
    """Return the one picture of a painter: noise, so that it has some thousand bytes, and no two are alike."""
    about = PngInfo()
    for name, value in painter._asdict().items():
        about.add_text(name, value)
    noise = random.Random(" ".join(painter)).randbytes(_EDGE * _EDGE * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", (_EDGE, _EDGE), noise).save(buffer, "PNG", pnginfo=about)
    return buffer.getvalue()


def painter_of(data):
    """Return who painted a picture, or `None` where it is not whole to the last bit."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            painter = Painter(*(image.text[name] for name in Painter._fields))
    except (OSError, SyntaxError, ValueError, KeyError):
        return None
    return painter if painted(painter) == data else None


def answer(painter, data=None, **more):
    """Return the body of an answer with one picture."""
    item = {"b64_json": base64.b64encode(painted(painter) if data is None else data).decode()}
    return json.dumps({"created": 1763600000, "data": [item], **more}).encode()


def painters_in(body):
    """Return who painted each picture of an answer, `None` for one that is not whole; nothing for what is no answer."""
    try:
        items = json.loads(body)["data"]
        return [_painter_in(item) for item in items]
    except (ValueError, KeyError, TypeError):
        return []


def _painter_in(item):
    try:
        return painter_of(base64.b64decode(item["b64_json"], validate=True))
    except (binascii.Error, KeyError, TypeError):
        return None


def event(kind, painter, **more):
    """Return one event with a picture."""
    text = base64.b64encode(painted(painter)).decode()
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'b64_json': text, **more})}\n\n".encode()


def events_in(body):
    """Return the data of each event, and `None` for a last one that is not whole."""
    *whole, rest = body.split(b"\n\n")
    found = [json.loads(each.partition(b"data: ")[2]) for each in whole]
    return [*found, None] if rest else found


def painter_in_event(data):
    """Return who painted the picture of an event."""
    return _painter_in(data)
