"""The cache of one target, around everything else of it: a hit makes no attempt, waits for nobody, costs nothing."""

import asyncio
import functools
import logging
import zlib
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gateway.config.spec import CacheSpec
from gateway.images import CacheStatus, ImageReply, ImageRequest, Picture
from gateway.seldom import SELDOM
from gateway.state import State, StateLost
from gateway.state.flights import Verdict
from gateway.target.cache_key import caller_of, key_of
from gateway.target.kept_reply import packed, unpacked
from gateway.target.leaf import ImageTarget
from gateway.target.prepare import Prepared
from gateway.transport import UNCOUNTED
from gateway.wire import Outcome
from strategies import Cause, Context, Failure, Node, Success

REFRESH = "x-portkey-cache-force-refresh"

_log = logging.getLogger("gateway.target")

_TRUE = frozenset({"true", "1"})
_FOREIGN_LINK_SECONDS = 300.0
"""Links of providers die, and none says when."""


@dataclass(frozen=True, slots=True, eq=False)
class Cached:
    """Answers a request from what was painted for the same one before, or has it painted once for all who wait."""

    inner: Node[ImageRequest, ImageReply]
    target: ImageTarget
    spec: CacheSpec
    version: str
    """Of the config."""

    async def __call__(self, request: ImageRequest, context: Context, /) -> Outcome:
        """Answer the request."""
        prepared = self.target.prepare(request)
        if isinstance(prepared, Failure) or _has_events(prepared):
            return await self.inner(request, context)
        shelf = await self._shelf(request, prepared)
        slot, kept = await shelf.look(counted=True)
        status: CacheStatus = "REFRESH" if _refreshes(request) else "MISS"
        if kept is not None and status == "MISS":
            return await self._given_again(kept, request, context)
        paint = functools.partial(self._paint, request, context, prepared, shelf, slot)
        judge = functools.partial(_judge, asked=prepared.asked)
        look = functools.partial(self._look_again, request, context, shelf, slot)
        flight = b"%b:%d:%b" % (shelf.key, slot, status.encode())
        try:
            outcome, own = await self.target.outside.flights.join(
                flight, paint, judge, until=context.deadline, look=look, anew=status == "REFRESH"
            )
        except TimeoutError:
            return _too_late()
        if isinstance(outcome, Failure):
            return outcome
        if own:
            return Success(replace(outcome.reply, cache=status))
        return self._free(outcome.reply, context, "HIT" if status == "MISS" else status)

    async def verdict(self, request: ImageRequest) -> CacheStatus:
        """Return what the cache would have to do with a request that came now; nothing is counted."""
        prepared = self.target.prepare(request)
        if isinstance(prepared, Failure):
            return "MISS"
        if _has_events(prepared):
            return "DISABLED"
        shelf = await self._shelf(request, prepared)
        _, kept = await shelf.look(counted=False)
        if _refreshes(request):
            return "REFRESH"
        return "MISS" if kept is None else "HIT"

    async def _shelf(self, request: ImageRequest, prepared: Prepared) -> "_Shelf":
        seeded = "seed" in request.params or "seed" in prepared.request.params
        variants = 1 if seeded else self.spec.variants
        key = await key_of(request, prepared, self.target, self.version, variants)
        return _Shelf(self.target.outside.state, key, variants, self.spec.max_age, caller_of(request))

    async def _paint(
        self, request: ImageRequest, context: Context, prepared: Prepared, shelf: "_Shelf", slot: int
    ) -> Outcome:
        outcome = await self.inner(request, context)
        if isinstance(outcome, Success) and _judge(outcome, asked=prepared.asked) == "for all":
            await shelf.put(slot, outcome.reply, self._seconds(outcome.reply))
        return outcome

    async def _given_again(self, kept: ImageReply, request: ImageRequest, context: Context) -> Outcome:
        if not await _has_room(kept, request, context):
            return _too_late()
        return self._free(kept, context, "HIT")

    async def _look_again(
        self, request: ImageRequest, context: Context, shelf: "_Shelf", slot: int
    ) -> Success[ImageReply] | None:
        """Return what another gateway painted meanwhile."""
        kept = await shelf.take(slot)
        if kept is None:
            return None
        if not await _has_room(kept, request, context):
            raise TimeoutError
        return Success(kept)

    def _free(self, reply: ImageReply, context: Context, status: CacheStatus) -> Outcome:
        """Return a reply that cost this request nothing."""
        context.journey.retries = 0
        path, spared = self.target.spec.path, reply.cost_usd
        return Success(replace(reply, cache=status, kept_by=path, cost_usd=0.0, spared_usd=spared))

    def _seconds(self, reply: ImageReply) -> float:
        """Return how long a reply may be given again: links have to be good when they are."""
        seconds = self.spec.max_age
        for picture in reply.pictures:
            if picture.url is not None:
                limit = self.target.spec.url_ttl / 2 if self._is_own(picture) else _FOREIGN_LINK_SECONDS
                seconds = min(seconds, limit)
        return seconds

    def _is_own(self, picture: Picture) -> bool:
        links, parts = self.target.outside.delivery.links, urlsplit(picture.url or "")
        return links is not None and links.judge(parts.path.rpartition("/")[2], parts.query, 0) == "good"


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Where one answer is kept, or its variants; what the store cannot do is never the request's failure."""

    state: State
    key: bytes
    variants: int
    max_age: float
    caller: str

    async def look(self, *, counted: bool) -> tuple[int, ImageReply | None]:
        """Return whose turn it is among the variants, and what is kept of it; while one is missing, it is its turn."""
        try:
            slot, missing = await self._turn(counted=counted)
        except StateLost as lost:
            _log.warning("the cache cannot be read: %s", lost, extra=SELDOM)
            return 0, None
        return slot, None if missing else await self.take(slot)

    async def take(self, slot: int) -> ImageReply | None:
        """Return what is kept."""
        try:
            value = await self.state.get(self._name(slot))
        except StateLost as lost:
            _log.warning("the cache cannot be read: %s", lost, extra=SELDOM)
            return None
        return None if value is None else unpacked(value)

    async def put(self, slot: int, reply: ImageReply, seconds: float) -> None:
        """Keep a reply."""
        try:
            await self.state.put(self._name(slot), packed(reply), seconds)
            if self.variants > 1:
                await self.state.put(self._mark(slot), b"", seconds)
        except StateLost as lost:
            _log.warning("the cache cannot be written to: %s", lost, extra=SELDOM)

    async def _turn(self, *, counted: bool) -> tuple[int, bool]:
        if self.variants == 1:
            return 0, False
        asked = await self.state.count(self.key + b":by:" + self.caller.encode(), self.max_age) if counted else 0
        first = zlib.crc32(self.caller.encode()) + asked
        slots = [(first + number) % self.variants for number in range(self.variants)]
        for slot in slots:
            # The marks are small, so that looking at all of them moves no pictures.
            if await self.state.get(self._mark(slot)) is None:
                return slot, True
        return slots[0], False

    def _name(self, slot: int) -> bytes:
        return b"%b:%d" % (self.key, slot)

    def _mark(self, slot: int) -> bytes:
        return b"%b:%d:kept" % (self.key, slot)


async def _has_room(kept: ImageReply, request: ImageRequest, context: Context) -> bool:
    """Wait until a kept reply may be held; return whether there was room in time."""
    size = len(kept.canonical or b"") or sum(len(picture.b64 or picture.data or b"") for picture in kept.pictures)
    if request.room is not None and size > UNCOUNTED:
        try:
            async with asyncio.timeout_at(context.deadline):
                await request.room.take(size)
        except TimeoutError:
            return False
    return True


def _refreshes(request: ImageRequest) -> bool:
    return request.headers.get(REFRESH, "").strip().lower() in _TRUE


def _has_events(prepared: Prepared) -> bool:
    """Whether the provider's own events are what comes: they are passed on while they come, and kept by nobody."""
    return prepared.request.params.get("stream") is True and prepared.row is not None and prepared.row.stream


def _judge(outcome: Outcome, *, asked: int) -> Verdict:
    if isinstance(outcome, Failure):
        return "next"
    if outcome.reply.events is not None:
        return "each"
    return "for all" if len(outcome.reply.pictures) >= asked else "next"


def _too_late() -> Failure:
    return Failure(
        cause=Cause.DEADLINE,
        message="the request's deadline passed while it waited for another one that paints the same picture",
        reached=False,
    )
