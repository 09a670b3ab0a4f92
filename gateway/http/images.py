"""`POST /v1/images/…`: from the request's bytes to the answer's, on the shortest way there is."""

import logging
import math
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from gateway.admission import objection
from gateway.choose import Choice, Chooser
from gateway.choose.payers import payers_of
from gateway.compile import Route
from gateway.errors import GatewayError, TooOften
from gateway.http import reply, told
from gateway.http.assumed import ASSUME, acts_in
from gateway.http.body import Ahead, ClientGone, unless_gone
from gateway.http.decode import (
    flag_of,
    headers_of,
    metadata_of,
    seconds_allowed,
    trace_id_of,
)
from gateway.http.door import CALLER
from gateway.http.idempotency import Once
from gateway.http.incoming import Incoming
from gateway.http.keyed import key_of
from gateway.http.painting import Painting
from gateway.http.record import Record, Records
from gateway.http.seats import SHARE_OF_DEADLINE, WAIT_SECONDS, FullHouse, Seats
from gateway.http.spool import Closing
from gateway.images import ImageRequest
from gateway.rehearsal import Act
from gateway.target import REFRESH, Till
from gateway.transport import ByteBudget, Room
from strategies import Cause, Context, Failure, Journey

_EXPLAIN = "x-gateway-explain"


class Ways(Protocol):
    """What can be said of a route, and done with one, for a single request."""

    async def explained(self, choice: Choice, request: ImageRequest, seconds: float, /) -> bytes:
        """Return the story of the route, for a request that has so many seconds."""
        ...

    def assuming(self, route: Route, acts: Mapping[str, Act], /) -> Route:
        """Return the same route, in which some targets are taken to fail."""
        ...


_DEADLINE_SECONDS = 180.0
"""Of a request whose caller names none, as long as nobody knows which config is meant."""

_LEFT = 499
"""The status of records of requests whose callers left; nobody is answered with it."""
_GONE = Failure(cause=Cause.DEADLINE, message="the caller left", code="caller_left", reached=False)

_log = logging.getLogger("gateway.http")


class Images:
    """The endpoint, as a bare ASGI application."""

    def __init__(
        self,
        chooser: Callable[[], Chooser],
        ways: Ways,
        *,
        incoming: Incoming,
        budget: ByteBudget,
        once: Once,
        seats: Seats,
        till: Callable[[], Till],
        records: Records,
    ) -> None:
        """Take what it needs to find the route, which may change while it serves."""
        self._chooser = chooser
        self._ways = ways
        self._incoming = incoming
        self._budget = budget
        self._once = once
        self._seats = seats
        self._till = till
        self._records = records
        self._rng = random.Random()  # noqa: S311 - spreads load and waits, guards nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = headers_of(scope)
        room = self._budget.room()
        closing: Closing = [room.leave]
        record = Record(scope[CALLER], self._rng.getrandbits(80), self._records.prompts)
        trace_id = record.trace_id
        try:
            record.trace_id = trace_id = trace_id_of(headers) or trace_id
            self._records.begin(record, headers)
            call = _Call(scope["path"], headers, receive, room, closing, record)
            tenant = "" if record.caller is None else record.caller.known_as
            leave = self._seats.take(tenant)
            closing.append(leave or await self._seated(tenant, call))
            answer = await self._answer(call, trace_id)
            if answer is not None:
                await _write(send, receive, answer, trace_id)
        except FullHouse as caught:
            self._records.turn_away()
            answer = reply.error(caught)
            answer[1].append((b"x-portkey-trace-id", trace_id.encode("latin-1")))
            await reply.write(send, *answer)
        except GatewayError as caught:
            caught.__traceback__ = (
                None  # a frame that holds what it raised is a circle, which only the collector breaks
            )
            answer = reply.error(caught)
            self._records.keep(record.refused(scope["path"], caught.status, caught.code))
            told_ = {"event": "request_refused", "status": caught.status, "code": caught.code, "trace_id": trace_id}
            _log.info("refused: %d %s trace=%s", caught.status, caught.code, trace_id, extra=told_)
            answer[1].append((b"x-portkey-trace-id", trace_id.encode("latin-1")))
            await reply.write(send, *answer)
        except ClientGone:
            pass
        finally:
            for close in closing:
                close()

    async def _seated(self, tenant: str, call: "_Call") -> Callable[[], None]:
        """Wait for a seat, unless the client leaves."""
        patience = min(WAIT_SECONDS, seconds_allowed(call.headers, _DEADLINE_SECONDS) * SHARE_OF_DEADLINE)
        began, ahead = time.perf_counter(), Ahead(call.receive)
        call.receive = ahead.receive
        leave = await unless_gone(self._seats.wait(tenant, patience), ahead.listen)
        call.queued = time.perf_counter() - began
        return leave

    def _assuming(self, route: Route, headers: Mapping[str, str]) -> Route:
        """Return the route as the caller wants it played; a story is told of the real one."""
        if flag_of(headers, _EXPLAIN):
            return route
        return self._ways.assuming(route, acts_in(headers, route, only_failures=True))

    async def _answer(self, call: "_Call", trace_id: str) -> reply.Answer | None:
        headers, chooser = call.headers, self._chooser()
        params = await self._incoming.params(call.path, headers, call.receive, call.room, call.closing)
        started = time.perf_counter()
        key = key_of(headers)
        caller = call.record.caller
        choice = chooser.choose(headers, _model_in(params), caller)
        if choice.model is not None:
            params["model"] = choice.model
        metadata = metadata_of(headers)
        if caller is not None and caller.default_metadata:
            metadata = {**caller.default_metadata, **metadata}
        payers = payers_of(caller, metadata, chooser.budgets)
        request = ImageRequest(
            params=params,
            path=call.path,
            metadata=metadata,
            headers=headers,
            credential=choice.credential,
            tenant="" if caller is None else caller.workspace,
            payers=tuple(account for account in payers if account.limit is not None) if payers else (),
            room=call.room,
        )
        route = choice.route if ASSUME not in headers else self._assuming(choice.route, headers)
        objected = objection(request, route, chooser.catalogue)
        if objected is not None:
            raise objected
        seconds = seconds_allowed(headers, route.deadline) - call.queued
        flag_of(headers, REFRESH)
        if flag_of(headers, _EXPLAIN):
            return 200, [reply.JSON], await self._ways.explained(choice, request, seconds)
        for account in payers:
            refused = account.rates and await self._till().admit(account, _count(params))
            if refused:
                raise _too_often(refused)
        journey = Journey(rng=self._rng, max_attempts=route.spec.max_attempts)
        context = Context(journey, journey.loop.time() + seconds)
        painting = Painting(request, route, context, call.record, started, call.queued, self._records)
        try:
            if key is None:
                answer, _ = await unless_gone(painting(), call.receive)
                return answer
            version, until = route.spec.version, context.deadline
            once = self._once.answer(key, request, version, painting, call.closing, until=until)
            return painting.once(await unless_gone(once, call.receive))
        except ClientGone:
            words = "its request was cancelled" if key is None else "its request goes on, as it has an idempotency key"
            event = {"event": "request_left", "trace_id": trace_id}
            _log.info("the caller left; %s: %s trace=%s", words, told.brief(journey, route), trace_id, extra=event)
            if key is None:
                painting.keep(_GONE, _LEFT, told.story(_GONE, journey, route))
            return None


async def _write(send: Send, receive: Receive, answer: reply.Answer, trace_id: str) -> None:
    """Send an answer; events, for as long as there is somebody to take them."""
    content = answer[2]
    if type(content) is bytes or not isinstance(content, AsyncGenerator):
        await reply.write(send, *answer)
        return
    try:
        await unless_gone(reply.write(send, *answer), receive)
    except ClientGone:
        event = {"event": "events_cut", "trace_id": trace_id}
        _log.info("the caller left in the middle of its events trace=%s", trace_id, extra=event)


@dataclass(slots=True)
class _Call:
    """One request on its way in."""

    path: str
    headers: dict[str, str]
    receive: Receive
    room: Room
    closing: Closing
    record: Record
    queued: float = 0.0
    """Seconds that it waited for its turn."""


def _count(params: dict[str, Any]) -> int:
    count = params.get("n")
    return count if type(count) is int and count > 0 else 1


def _too_often(refused: Failure) -> GatewayError:
    wait = {} if refused.retry_after is None else {"retry-after": str(max(1, math.ceil(refused.retry_after)))}
    return TooOften(reply.sentence(refused.message), headers=wait)


def _model_in(params: dict[str, Any]) -> str | None:
    model = params.get("model")
    return model if isinstance(model, str) else None
