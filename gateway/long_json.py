"""JSON with pictures in it: what is long stays where it is, and only the rest is read.

To make a text of forty megabytes holds everything up for fifty milliseconds; to find its ends, and that it is base64,
takes three.
"""

import binascii
import secrets
from typing import Any

import orjson
import pybase64

LONG = 1 << 18
"""Bytes from which a text is left where it is."""

_REST = 1 << 18
"""What is beside the long texts may be this large: it is looked through for them, one value after the other."""
_CHUNK = 1 << 18
_SAID = 128
_QUOTE, _ESCAPE = b'"', ord("\\")
_SCHEME, _BASE64 = b"data:", b";base64,"
_MARK = secrets.token_hex(16)
"""What stands for a long text until it is put in its place; nobody outside can write it."""


class LongText(str):
    """A long text in base64, maybe as a data URL: as a string it is its beginning, all of it is the view."""

    __slots__ = ("view",)

    view: memoryview

    @classmethod
    def of(cls, view: memoryview) -> "LongText":
        """Return the text that lies there."""
        text = cls(bytes(view[:_SAID]).decode("ascii"))
        text.view = view
        return text


def loads(body: bytes | bytearray) -> Any:  # noqa: ANN401 - the JSON boundary
    """Return the decoded body; raises `orjson.JSONDecodeError` where it is no JSON."""
    found = _long_texts(body) if len(body) > LONG else []
    if not found or len(body) - sum(end - start for start, end in found) > _REST:
        return orjson.loads(body)
    pieces, done = [], 0
    for number, (start, end) in enumerate(found):
        pieces += [body[done:start], b"%s%d" % (_MARK.encode(), number)]
        done = end
    whole = memoryview(body)
    texts = {f"{_MARK}{number}": LongText.of(whole[start:end]) for number, (start, end) in enumerate(found)}
    return _put_back(orjson.loads(b"".join((*pieces, body[done:]))), texts)


def _long_texts(body: bytes | bytearray) -> list[tuple[int, int]]:
    """Return where they are, each without its quotes; whatever is longer than the steps is stepped on."""
    found = []
    at = done = 0
    while at < len(body):
        start = body.rfind(_QUOTE, done, at) + 1
        end = body.find(_QUOTE, at)
        if end < 0:
            break
        if start > 1 and end - start >= LONG and _is_held(body, start, end):
            found.append((start, end))
        done = end
        at = max(at, end) + LONG // 2
    return found


def _is_held(body: bytes | bytearray, start: int, end: int) -> bool:
    """Whether what stands between two quotes is a whole text, a value, and in base64."""
    # Behind a quote that ends a text no base64 can follow, and none can precede one that is escaped.
    if body[start - 2] == _ESCAPE or body[end + 1 : end + _SAID].lstrip().startswith(b":"):
        return False
    return _is_base64(memoryview(body)[start:end])


def _is_base64(text: memoryview) -> bool:
    """Whether it is base64 to its last character: what is not may hold what would end a text elsewhere."""
    said = bytes(text[:_SAID])
    if said.startswith(_SCHEME):
        head, found, _ = said.partition(_BASE64)
        if not found or not head.isascii() or not head.decode().isprintable() or b"\\" in head:
            return False
        text = text[len(head) + len(_BASE64) :]
    try:
        for start in range(0, len(text), _CHUNK):
            pybase64.b64decode(text[start : start + _CHUNK], validate=True)
    except binascii.Error:
        return False
    return True


def _put_back(value: Any, texts: dict[str, LongText]) -> Any:  # noqa: ANN401 - any JSON value
    root = [value]
    waiting: list[Any] = [root]
    while waiting:
        holder = waiting.pop()
        for key, each in holder.items() if isinstance(holder, dict) else enumerate(holder):
            if isinstance(each, str):
                if each in texts:
                    holder[key] = texts[each]
            elif isinstance(each, dict | list):
                waiting.append(each)
    return root[0]
