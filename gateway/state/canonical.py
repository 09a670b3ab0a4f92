"""One spelling for a request's parameters, so that the same request has the same digest."""

import asyncio
import hashlib
import json
from typing import Any

import orjson

from gateway.images import Bytes, Upload

_AT_ONCE = 1 << 18
"""Bytes that are hashed on the event loop, and in one go off it."""


async def canonical(value: Any) -> bytes:  # noqa: ANN401 - JSON, with uploads in it
    """Return JSON with sorted keys, in which uploads are the digests of their bytes."""
    digests = {upload: await _digest(upload.content) for upload in _uploads(value)}
    try:
        return orjson.dumps(value, default=digests.__getitem__, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a number of a form may have more digits than it takes
        return json.dumps(value, default=digests.__getitem__, sort_keys=True).encode()


def _uploads(value: Any) -> list[Upload]:  # noqa: ANN401
    if isinstance(value, Upload):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [upload for item in value for upload in _uploads(item)] if isinstance(value, list | tuple) else []


async def _digest(content: Bytes) -> str:
    return _hashed(content) if content.size <= _AT_ONCE else await asyncio.to_thread(_hashed, content)


def _hashed(content: Bytes) -> str:
    digest = hashlib.sha256()
    for start in range(0, content.size, _AT_ONCE):
        digest.update(content.at(start, _AT_ONCE))
    return digest.hexdigest()
