"""One attempt's talk with a provider: takes each step of the adapter's flow, and gives it what came of it."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.delivery.masks import NoTransparency
from gateway.dialect.encode import Bent
from gateway.images import ImageRequest
from gateway.secret import Secret
from gateway.target.bodies import body_of
from gateway.target.place import origin_of, place_of
from gateway.target.prepare import too_strict
from gateway.transport import UNCOUNTED
from gateway.wire import (
    Draw,
    Mint,
    Minted,
    Minting,
    Outcome,
    Outgoing,
    Paint,
    Received,
    Send,
    Target,
    Wait,
)
from strategies import Cause, Context, Failure, Try

if TYPE_CHECKING:
    from gateway.target.leaf import ImageTarget

_SUCCESS = range(200, 300)
_UNAUTHORIZED = 401
_QUESTIONS_AGAIN = 3
_PAUSE_SECONDS = 1.0
_FORMS_AT_ONCE = 3
"""An upload is its bytes, their base64, and the body that holds it."""
_LOST = frozenset({Cause.UNREACHABLE, Cause.INCOMPLETE})
_NOT_THERE_YET = frozenset({404, 408, 425, 429, *range(500, 600)})
"""What a link answers that may lead to its picture a moment later."""


class Conversation:
    """The state of one attempt."""

    __slots__ = (
        "_accepted",
        "_attempt",
        "_headers",
        "_heavy",
        "_minted",
        "_rng",
        "_taken",
        "_traced",
        "_wire",
        "request",
        "target",
        "until",
    )

    def __init__(
        self, target: "ImageTarget", request: ImageRequest, headers: Mapping[str, str], attempt: Try, context: Context
    ) -> None:
        """Begin with the headers that carry the target's own credential."""
        self.target = target
        self.request = request
        self._wire = target.wire_for(request)
        traced = target.outside.traced
        self._traced = None if traced is None else traced(context.journey, attempt)
        self._headers = headers
        self._attempt = attempt
        self._rng = context.journey.rng
        limit = target.spec.request_timeout
        self.until = context.deadline if limit is None else min(context.deadline, attempt.started + limit)
        """When the attempt ends, on the loop's clock, however much has come by then."""
        self._heavy = "image" in request.params
        self._taken = 0
        self._minted: Mapping[str, Secret] | None = None
        self._accepted = False
        """Whether the provider has taken anything on."""

    @property
    def credentials(self) -> Iterable[Secret]:
        """What is sent as a credential, a token that was minted among it."""
        return self._wire.credentials.values()

    async def run(self, request: ImageRequest) -> Outcome:
        """Take the flow to its end."""
        mint = self.target.adapter.mint
        failure = None if mint is None else await self._sign_in(mint)
        if failure is not None:
            return failure
        flow = self.target.adapter.flow(request, self._wire)
        given: Any = None
        while True:
            try:
                step = flow.send(given)
            except StopIteration as done:
                outcome: Outcome = done.value
                return outcome
            except Bent as bent:
                return too_strict(request.model or self._wire.provider, str(bent))
            match step:
                case Send():
                    given = await self._ask(step)
                    if isinstance(given, Failure):
                        flow.close()
                        return given
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                    given = None
                case Paint(work):
                    given = await asyncio.to_thread(work)
                case Draw():
                    given = self._rng.random()

    def leave(self) -> None:
        """Give back the memory that the pictures of the request took while they were sent."""
        if self._taken and self.request.room is not None:
            self.request.room.give(self._taken)
            self._taken = 0

    async def fetch(self, address: str) -> Received | Failure:
        """Download what a provider's answer links to; never with a credential, unless the host is the provider's."""
        # An asset is no business of the provider's other hosts: only where it came from may the credential go along.
        own = origin_of(address) == origin_of(self.target.base_url)
        asked = Send("GET", address, headers={"accept": "image/*"})
        received = await self._asked_again(asked, self._wire if own else None, _hiccup)
        if isinstance(received, Failure):
            # Whatever is wrong with the link is the provider's doing, and the picture is paid for.
            return replace(received, cause=Cause.INCOMPLETE, code=None, status=None, reached=True, may_be_billed=True)
        if received.status in _SUCCESS:
            return received
        return Failure(
            cause=Cause.INCOMPLETE,
            message=f"the link that {self._wire.provider} sent for its picture answered {received.status}",
        )

    async def _ask(self, step: Send) -> Received | Failure:
        """Send a request; a question about a job that was taken on is asked again, as asking costs nothing."""
        if self._accepted and (step.free or step.method == "GET"):
            received = await self._asked_again(step, self._wire, _lost)
        else:
            received = await self._exchange(step, self._wire)
        if isinstance(received, Failure):
            return replace(received, may_be_billed=True) if self._accepted else received
        if received.status in _SUCCESS and step.method != "GET" and not step.free:
            self._accepted = True
        if received.status == _UNAUTHORIZED and self._minted is not None:
            self.target.outside.tokens.drop(self.target.wire_for(self.request), self._minted)
        return received

    async def _asked_again(
        self, step: Send, wire: Target | None, fails: Callable[[Received | Failure], bool]
    ) -> Received | Failure:
        """Send what costs nothing, and again a few times where it fails."""
        received = await self._exchange(step, wire)
        for _ in range(_QUESTIONS_AGAIN):
            if not fails(received):
                break
            await asyncio.sleep(_PAUSE_SECONDS)
            received = await self._exchange(step, wire)
        return received

    async def _make_room(self) -> None:
        """Wait until there is memory for the pictures of the request, in the form in which they are sent."""
        room, request = self.request.room, self.request
        uploads = (*request.images, *([request.mask] if request.mask else []))
        size = _FORMS_AT_ONCE * sum(upload.content.size for upload in uploads)
        if room is not None and size > UNCOUNTED and not self._taken:
            await room.take(size, last=True)
            self._taken = size

    async def _sign_in(self, mint: Mint) -> Failure | None:
        """Trade the target's credential for a token, where the provider wants one."""
        adapter, wire = self.target.adapter, self._wire
        minting = mint(wire, time.time())  # noqa: TID251 - tokens bear wall-clock times
        if minting is None:
            return None
        found = await self.target.outside.tokens.token(wire, lambda: self._mint(minting))
        minting.close()
        if isinstance(found, Failure):
            return found
        self._minted = found
        self._wire = replace(wire, credentials={**wire.credentials, **found})
        self._headers = {**self._headers, **{k.lower(): v for k, v in adapter.authorize(self._wire).items()}}
        return None

    async def _mint(self, minting: Minting) -> Minted | Failure:
        # Signing in is no attempt at a picture: what becomes of it costs nothing.
        attempt = Try(target=self._attempt.target, started=self._attempt.started)
        given: Any = None
        while True:
            try:
                step = minting.send(given)
            except StopIteration as done:
                minted: Minted | Failure = done.value
                return minted
            received = await self._exchange(step, None, attempt=attempt)
            if isinstance(received, Failure):
                return replace(received, may_be_billed=False)
            given = received

    async def _exchange(self, step: Send, wire: Target | None, *, attempt: Try | None = None) -> Received | Failure:
        """Send one request; without a target it carries no credential of ours."""
        place = place_of(self.target, step.path)
        if isinstance(place, Failure):
            return place
        url, trusted, own = place
        headers = {name.lower(): value for name, value in step.headers.items()}
        if own and wire is not None:
            headers = {**self._headers, **headers}
            if self._traced is not None:
                headers |= self._traced
        if self._heavy and step.method != "GET":
            await self._make_room()
        try:
            # What holds pictures is written off the event loop.
            body, kind = await asyncio.to_thread(body_of, step) if self._heavy else body_of(step)
        except NoTransparency:
            return Failure(
                cause=Cause.UNSUPPORTED,
                message="the mask has no transparent part: save it as a PNG in which what is to change is transparent",
                reached=False,
                param="mask",
            )
        if kind is not None:
            headers.setdefault("content-type", kind)
        sign = self.target.adapter.sign
        if sign is not None and own and wire is not None:
            at = time.time()  # noqa: TID251 - signatures bear the wall clock
            outgoing = Outgoing(step.method, str(url), headers, body or b"", at)
            signed = await asyncio.to_thread(sign, wire, outgoing) if self._heavy else sign(wire, outgoing)
            headers.update({name.lower(): value for name, value in signed.items()})
        return await self.target.outside.transport.exchange(
            step.method,
            url,
            headers=headers,
            body=body,
            attempt=attempt or self._attempt,
            trusted=trusted,
            streams=step.streams,
            room=self.request.room,
        )


def _lost(received: Received | Failure) -> bool:
    # What has a code of its own, such as a link without encryption or an answer too large, is so the next time too.
    return isinstance(received, Failure) and received.cause in _LOST and received.code is None


def _hiccup(received: Received | Failure) -> bool:
    return _lost(received) if isinstance(received, Failure) else received.status in _NOT_THERE_YET
