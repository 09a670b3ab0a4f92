"""`POST /v1/images/generations`: from the request's bytes to the answer's, on the shortest way there is."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.catalogue import find, malformed, refusal
from gateway.choose import Choice, Chooser
from gateway.errors import GatewayError
from gateway.http import reply, told
from gateway.http.body import ClientGone, read_body, until_gone
from gateway.http.decode import (
    flag_of,
    headers_of,
    metadata_of,
    params_of,
    refuse_idempotency,
    seconds_allowed,
    trace_id_of,
)
from gateway.images import ImageReply, ImageRequest
from strategies import Context, Failure, Journey, Success

Receive = Callable[[], Awaitable[dict[str, Any]]]
Explain = Callable[[Choice, ImageRequest], bytes]

_log = logging.getLogger("gateway.http")

_WATCH_AFTER_SECONDS = 0.25
"""A caller that leaves is noticed after this long: short requests need no watcher, long ones cannot afford none."""


class Generations:
    """The endpoint, as a bare ASGI application."""

    def __init__(self, chooser: Callable[[], Chooser], explain: Explain, *, max_json_bytes: int) -> None:
        """Take what it needs to find the route, which may change while it serves."""
        self._chooser = chooser
        self._explain = explain
        self._max_json_bytes = max_json_bytes
        self._rng = random.Random()  # noqa: S311 - spreads load and waits, guards nothing

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: reply.Send) -> None:
        """Answer one request."""
        headers = headers_of(scope)
        trace_id = f"{self._rng.getrandbits(128):032x}"
        try:
            trace_id = trace_id_of(headers) or trace_id
            answer = await self._answer(scope["path"], headers, receive, trace_id)
        except GatewayError as caught:
            answer = reply.error(caught)
            answer[1].append((b"x-portkey-trace-id", trace_id.encode("latin-1")))
        except ClientGone:
            return
        if answer is not None:
            await reply.write(send, *answer)

    async def _answer(
        self, path: str, headers: dict[str, str], receive: Receive, trace_id: str
    ) -> tuple[int, reply.Headers, bytes] | None:
        declared = headers.get("content-length")
        body = await read_body(
            receive, limit=self._max_json_bytes, declared=None if declared is None else int(declared)
        )
        started = time.perf_counter()
        refuse_idempotency(headers)
        params = params_of(body, headers)
        choice = self._chooser().choose(headers, _model_in(params))
        if choice.model is not None:
            params["model"] = choice.model
        _check(params, choice)
        request = ImageRequest(
            params=params,
            path=path,
            metadata=metadata_of(headers),
            headers=headers,
            credential=choice.credential,
        )
        if flag_of(headers, "x-gateway-explain"):
            return 200, [(b"content-type", b"application/json")], self._explain(choice, request)
        route = choice.route
        journey = Journey(rng=self._rng, max_attempts=route.spec.max_attempts)
        context = Context(journey, asyncio.get_running_loop().time() + seconds_allowed(headers, route.deadline))
        outcome = await _unless_gone(route.tree(request, context), receive)
        if outcome is None:
            return None
        if isinstance(outcome, Success):
            status, out, content = 200, [(b"content-type", b"application/json")], reply.pictures(outcome.reply)
        else:
            status, out, content = reply.failure(outcome, journey, told.rows(journey, route))
        out.extend(told.headers(outcome, journey, route, trace_id, time.perf_counter() - started))
        return status, out, content


def _model_in(params: dict[str, Any]) -> str | None:
    model = params.get("model")
    return model if isinstance(model, str) else None


def _check(params: dict[str, Any], choice: Choice) -> None:
    """Refuse what no provider could do, and what the model its caller named does not take, before anything is sent."""
    problem = malformed(params)
    if problem is not None:
        raise problem
    route = choice.route
    if route.renames:
        return
    for target in route.targets.values():
        row = find(target.provider, params.get("model"), target.options)
        problem = None if row is None else refusal(row, params)
        if problem is not None:
            raise problem


async def _unless_gone(
    running: Awaitable[Success[ImageReply] | Failure], receive: Receive
) -> Success[ImageReply] | Failure | None:
    """Return the outcome, or nothing where the caller left first: then the work is cancelled."""
    task = asyncio.current_task()
    assert task is not None  # an ASGI server runs applications in tasks  # noqa: S101
    gone = False
    watcher: asyncio.Task[None] | None = None

    async def watch() -> None:
        nonlocal gone
        await until_gone(receive)
        gone = True
        task.cancel()

    def begin() -> None:
        nonlocal watcher
        watcher = asyncio.ensure_future(watch())

    timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_SECONDS, begin)
    try:
        return await running
    except asyncio.CancelledError:
        if not gone or task.uncancel():
            raise
        _log.info("the caller left; its request was cancelled")
        return None
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
