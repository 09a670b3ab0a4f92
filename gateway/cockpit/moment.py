"""How the gateway is at this moment: what each of its workers knows of targets and has under way."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Protocol

import msgspec
import orjson

from gateway.http.control.shown import described
from gateway.http.record import Records
from gateway.http.seats import Seats
from gateway.http.told import UNFINISHED
from gateway.siblings import Siblings
from gateway.store.request_row import RequestRow
from gateway.target import Pools
from strategies import Health
from strategies.health import State

_KIND = "moment"
_MOST_TARGETS = 1000
_MOST_REQUESTS = 100
_LONGEST_PROMPT = 300
_LONGEST_METADATA = 1000


class Known(msgspec.Struct, array_like=True):
    """What a worker knows of a target."""

    identity: bytes
    model: str
    state: State
    left: float
    """Seconds for which it is left alone."""
    in_flight: int
    latency: float | None
    p95: float | None


class Moment(msgspec.Struct, array_like=True):
    """What one worker knows."""

    in_flight: int
    waiting: int
    targets: list[Known]
    requests: list[RequestRow]
    """Those under way, the oldest first, as their records stand."""


class Running(Protocol):
    """A worker, as far as it is looked at."""

    records: Records
    seats: Seats | None

    @property
    def pools(self) -> Pools:
        """What is known of targets."""
        ...


class Moments:
    """Looks at this worker, and hears of the others."""

    def __init__(self, running: Running) -> None:
        """Look at one worker alone, until it joins the others."""
        self._running = running
        self._siblings: Siblings | None = None
        self._task: asyncio.Task[None] | None = None
        self._number = 0

    def join(self, siblings: Siblings) -> None:
        """Tell the other workers once a second what goes on here, and hear of them."""
        self._siblings = siblings
        self._task = asyncio.create_task(siblings.tell(lambda: self._look(siblings)))

    async def leave(self) -> None:
        """Tell nobody any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def all(self, *, targets: bool = True) -> list[Moment]:
        """Return what goes on in each worker, with its targets or without: here now, elsewhere a second ago at most."""
        here, siblings = self._glance(targets=targets), self._siblings
        return await asyncio.to_thread(lambda: [here(), *([] if siblings is None else _others(siblings))])

    def _glance(self, *, targets: bool = True) -> Callable[[], Moment]:
        """Look at this worker on its loop; what is made of that is for a thread, as there may be many targets."""
        running, now = self._running, asyncio.get_running_loop().time()
        seats = running.seats
        in_flight, waiting = (0, 0) if seats is None else (seats.taken, seats.waiting)
        requests = [_brief(each.so_far()) for each in islice(running.records.under_way.values(), _MOST_REQUESTS)]
        seen = list(islice(running.pools.each(), _MOST_TARGETS)) if targets else []
        return lambda: Moment(in_flight, waiting, [_known(*each, now) for each in seen], requests)

    def _look(self, siblings: Siblings) -> Callable[[], None]:
        here = self._glance()
        self._number += 1
        number = self._number
        return lambda: siblings.write(_KIND, msgspec.msgpack.encode(here()), number)


def under_way(moments: Iterable[Moment], workspace: str | None) -> list[dict[str, Any]]:
    """Return the requests of a workspace, or of all, that have no answer yet, as the log will list them."""
    rows = sorted((row for moment in moments for row in moment.requests), key=lambda row: row.id)
    return [_shown(row) for row in rows if workspace in (None, row.workspace)]


def _shown(row: RequestRow) -> dict[str, Any]:
    details = orjson.loads(row.more)
    for attempt in details["attempts"]:
        if attempt["cause"] == UNFINISHED and attempt["ms"] is None:
            attempt["cause"] = "under_way"
    columns = msgspec.structs.asdict(row) | {"metadata": orjson.loads(row.metadata)}
    unknown = {"response_status_code": None, "is_success": None, "object": "log.under_way", "details": details}
    return described(columns) | unknown


def _brief(row: RequestRow) -> RequestRow:
    """Return a record, cut to what there is room for every second; once it is kept, it is whole."""
    if row.prompt is not None and len(row.prompt) > _LONGEST_PROMPT:
        row.prompt = f"{row.prompt[:_LONGEST_PROMPT]}…"
    if len(row.metadata) > _LONGEST_METADATA:
        row.metadata = "{}"
    return row


def _known(identity: bytes, model: str, health: Health, now: float) -> Known:
    state, left = health.told(now)
    return Known(identity, model, state, left, health.in_flight, health.latency, health.p95)


def _others(siblings: Siblings) -> list[Moment]:
    found = []
    for content, lives in siblings.others(_KIND):
        if lives:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # somebody else put it there
                found.append(_decode(content))
    return found


_decode = msgspec.msgpack.Decoder(Moment).decode
