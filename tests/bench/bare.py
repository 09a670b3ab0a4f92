"""The yardstick: an ordinary pass-through, Starlette under Hypercorn with uvloop, aiohttp to the provider."""

import sys
from contextlib import asynccontextmanager

import aiohttp
import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route


def app(fast, slow):
    """Return the application; `fast` and `slow` are the provider's two addresses."""

    @asynccontextmanager
    async def lifespan(application):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            application.state.session = session
            yield

    async def generate(request):
        base = slow if request.path_params["kind"] == "held" else fast
        body = await request.body()
        headers = {"content-type": "application/json", "authorization": request.headers["authorization"]}
        async with request.app.state.session.post(base + request.url.path, data=body, headers=headers) as reply:
            return Response(await reply.read(), status_code=reply.status, media_type="application/json")

    return Starlette(routes=[Route("/{kind}/v1/images/generations", generate, methods=["POST"])], lifespan=lifespan)


def main(port, fast, slow):
    """Serve on a port of 127.0.0.1."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    uvloop.run(serve(app(fast, slow), config))


if __name__ == "__main__":
    main(*sys.argv[1:])
