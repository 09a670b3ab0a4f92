"""`GET /docs` and `GET /llms.txt`: both made once, when first asked for, off the event loop."""

import asyncio
import functools

from starlette.requests import Request
from starlette.responses import Response

from gateway.http.described import llms as words
from gateway.http.described.page import page, policy
from gateway.http.openapi import document


async def docs(_: Request) -> Response:
    """Answer with the page."""
    content, headers = await asyncio.to_thread(_page)
    return Response(content, headers=headers, media_type="text/html")


async def llms(_: Request) -> Response:
    """Answer with the text."""
    return Response(await asyncio.to_thread(_text), media_type="text/plain")


@functools.cache
def _page() -> tuple[bytes, dict[str, str]]:
    headers = {
        "content-security-policy": policy(),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return page(document()).encode(), headers


@functools.cache
def _text() -> bytes:
    return words.text(document()).encode()
