"""`POST /v1/images/…`: from the request's bytes to the answer's, on the shortest way there is."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.admission import objection
from gateway.choose import Choice, Chooser
from gateway.compile import Route
from gateway.errors import GatewayError
from gateway.http import reply, told
from gateway.http.body import ClientGone, unless_gone
from gateway.http.decode import (
    flag_of,
    headers_of,
    metadata_of,
    refuse_idempotency,
    seconds_allowed,
    trace_id_of,
)
from gateway.http.incoming import Incoming
from gateway.http.spool import Closing
from gateway.images import ImageRequest
from gateway.transport import ByteBudget, Room
from strategies import Context, Failure, Journey, Success

Explain = Callable[[Choice, ImageRequest, float], bytes]
"""Given the seconds for the whole request as well."""

_log = logging.getLogger("gateway.http")


class Images:
    """The endpoint, as a bare ASGI application."""

    def __init__(
        self, chooser: Callable[[], Chooser], explain: Explain, *, incoming: Incoming, budget: ByteBudget
    ) -> None:
        """Take what it needs to find the route, which may change while it serves."""
        self._chooser = chooser
        self._explain = explain
        self._incoming = incoming
        self._budget = budget
        self._rng = random.Random()  # noqa: S311 - spreads load and waits, guards nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = headers_of(scope)
        trace_id = f"{self._rng.getrandbits(128):032x}"
        room = self._budget.room()
        closing: Closing = []
        try:
            trace_id = trace_id_of(headers) or trace_id
            answer = await self._answer(_Call(scope["path"], headers, receive, room, closing), trace_id)
            if answer is not None:
                await _write(send, receive, answer, trace_id)
        except GatewayError as caught:
            answer = reply.error(caught)
            told_ = {"event": "request_refused", "status": caught.status, "code": caught.code, "trace_id": trace_id}
            _log.info("refused: %d %s trace=%s", caught.status, caught.code, trace_id, extra=told_)
            answer[1].append((b"x-portkey-trace-id", trace_id.encode("latin-1")))
            await reply.write(send, *answer)
        except ClientGone:
            pass
        finally:
            for close in closing:
                close()
            room.leave()

    async def _answer(self, call: "_Call", trace_id: str) -> reply.Answer | None:
        headers, chooser = call.headers, self._chooser()
        if not call.path.endswith("/generations"):
            chooser.admit(headers)  # who may not come in need not send its pictures
        params = await self._incoming.params(call.path, headers, call.receive, call.room, call.closing)
        started = time.perf_counter()
        refuse_idempotency(headers)
        choice = chooser.choose(headers, _model_in(params))
        if choice.model is not None:
            params["model"] = choice.model
        request = ImageRequest(
            params=params,
            path=call.path,
            metadata=metadata_of(headers),
            headers=headers,
            credential=choice.credential,
            room=call.room,
        )
        route = choice.route
        objected = objection(request, route, chooser.catalogue)
        if objected is not None:
            raise objected
        seconds = seconds_allowed(headers, route.deadline)
        if flag_of(headers, "x-gateway-explain"):
            return 200, [reply.JSON], self._explain(choice, request, seconds)
        journey = Journey(rng=self._rng, max_attempts=route.spec.max_attempts)
        context = Context(journey, asyncio.get_running_loop().time() + seconds)
        try:
            outcome = await unless_gone(route.tree(request, context), call.receive)
        except ClientGone:
            _log.info("the caller left; its request was cancelled: %s trace=%s", told.brief(journey, route), trace_id)
            return None
        out: reply.Headers
        content: reply.Content
        if isinstance(outcome, Success):
            status = 200
            out, content = reply.success(outcome.reply, request)
            if _log.isEnabledFor(logging.DEBUG):
                _log.debug("answered: %s trace=%s", told.brief(journey, route), trace_id)
        else:
            status, out, content = reply.failure(outcome, journey, told.rows(journey, route))
            _log_failure(status, outcome, journey, route, trace_id, started)
        out.extend(told.headers(outcome, journey, route, trace_id, time.perf_counter() - started))
        return status, out, content


async def _write(send: Send, receive: Receive, answer: reply.Answer, trace_id: str) -> None:
    """Send an answer; events, for as long as there is somebody to take them."""
    content = answer[2]
    if type(content) is bytes or not isinstance(content, AsyncGenerator):
        await reply.write(send, *answer)
        return
    try:
        await unless_gone(reply.write(send, *answer), receive)
    except ClientGone:
        _log.info("the caller left in the middle of its events trace=%s", trace_id)


@dataclass(slots=True)
class _Call:
    """One request on its way in."""

    path: str
    headers: dict[str, str]
    receive: Receive
    room: Room
    closing: Closing


def _log_failure(status: int, failed: Failure, journey: Journey, route: Route, trace_id: str, started: float) -> None:
    """Write the one line that an operator finds by the trace id: no prompt, and no word of the provider's."""
    milliseconds = round((time.perf_counter() - started) * 1000)
    brief = told.brief(journey, route)
    _log.warning(
        "failed: %d %s %s ms=%d trace=%s",
        status,
        failed.cause.value,
        brief,
        milliseconds,
        trace_id,
        extra={
            "event": "request_failed",
            "status": status,
            "cause": failed.cause.value,
            "config": route.spec.id,
            "attempts": told.rows(journey, route),
            "maybe_billed": journey.maybe_billed,
            "ms": milliseconds,
            "trace_id": trace_id,
        },
    )


def _model_in(params: dict[str, Any]) -> str | None:
    model = params.get("model")
    return model if isinstance(model, str) else None
