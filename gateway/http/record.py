"""What is kept of a request: who asked, where it went, what it cost, and what was tried on the way; no picture."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any, Protocol

from gateway.compile import Route
from gateway.config.api_key import DEFAULT_WORKSPACE, ApiKey
from gateway.http import told
from gateway.http.assumed import ASSUME
from gateway.images import ImageReply, ImageRequest, Picture
from gateway.ledger import MICROS
from gateway.store.records import document_text
from gateway.store.request_row import RequestRow, plain
from gateway.telemetry.current import TRACE_ID
from gateway.telemetry.tallies import Tallies
from gateway.wire import Outcome
from strategies import Failure, Journey, Success

_LONGEST_PROMPT = 16_384
_LONGEST_WORD = 256
"""Bytes of what is looked for by an index."""
_LONGEST_TRACE = 1024
_LONGEST_LINK = 1024
_FILES = "/images/files/"
_OPERATIONS = {"generations": "generate", "edits": "edit", "variations": "vary"}


class Journal(Protocol):
    """What keeps records."""

    def write(self, row: RequestRow, /) -> None:
        """Keep one; never fails, never waits."""
        ...


class Traces(Protocol):
    """What tells of requests as spans."""

    def begin(self, id_: str, headers: Mapping[str, str], /) -> None:
        """Begin the span of a request."""
        ...

    def end(self, row: RequestRow, journey: Journey | None, route: Route | None, /) -> None:
        """End it."""
        ...


class UnderWay(Protocol):
    """A request that is being worked on."""

    def so_far(self) -> RequestRow:
        """Return its record as it stands, with a status of 0."""
        ...


class Records:
    """Keeps records, where there is a place for them, and counts them wherever that is."""

    def __init__(
        self,
        prompts: str = "store",
        journal: Journal | None = None,
        *,
        tallies: Tallies | None = None,
        traces: Traces | None = None,
    ) -> None:
        """Say what is kept of prompts: store, hash or drop."""
        self.prompts = prompts
        self.journal = journal
        self.tallies = tallies
        self.traces = traces
        self.under_way: dict[str, UnderWay] = {}
        """Those that went on their way through a tree and have no answer yet, the oldest first, by their ids."""

    def begin(self, record: "Record", headers: Mapping[str, str]) -> None:
        """Note which request is worked on from here."""
        TRACE_ID.set(record.trace_id)
        if self.traces is not None:
            self.traces.begin(record.id, headers)

    def keep(
        self, row: RequestRow, journey: Journey | None = None, route: Route | None = None, started: float = 0.0
    ) -> None:
        """Keep a record; of a request that went on its way with it, which way that was, and when it began."""
        if self.journal is not None:
            self.journal.write(row)
        if self.tallies is not None:
            self.tallies.count(row, journey, route, started)
        if self.traces is not None:
            self.traces.end(row, journey, route)

    def turn_away(self) -> None:
        """Count a request that found no seat."""
        if self.tallies is not None:
            self.tallies.turned_away += 1


class Record:
    """One request in the making of its record."""

    __slots__ = ("began", "caller", "created_ms", "id", "prompts", "trace_id")

    def __init__(self, caller: ApiKey | None, chance: int, prompts: str) -> None:
        """Note when it came; `chance` is of 80 bits, `prompts` says what is kept of its words: store, hash or drop."""
        self.caller = caller
        self.prompts = prompts
        self.began = time.perf_counter()
        self.created_ms = time.time_ns() // MICROS
        # What is made at one time lies together in the indexes: with ids of chance alone a row costs twice as much.
        self.id = f"{self.created_ms:011x}{chance:020x}"
        self.trace_id = f"0{self.id}"
        """The caller's own, where there is one."""

    def refused(self, path: str, status: int, code: str) -> RequestRow:
        """Return the record of a request that was refused before it went anywhere."""
        return RequestRow(
            **self._about(),
            operation=_OPERATIONS.get(path.rpartition("/")[2], "generate"),
            status=status,
            code=code,
            cost_micros=0,
        )

    def answered(
        self,
        request: ImageRequest,
        route: Route,
        journey: Journey,
        outcome: Outcome | None,
        status: int,
        queued: float,
        story: told.Story,
    ) -> RequestRow:
        """Return the record of a request that has its answer, or none yet."""
        attempts, target = journey.attempts, story.target
        more: dict[str, Any] = {"attempts": told.rows(journey, route)}
        assumed = request.headers.get(ASSUME)
        if assumed is not None:
            more["assumed"] = assumed
        if journey.passed_over:
            more["passed_over"] = {path: why.cause.value for path, why in journey.passed_over.items()}
        row = RequestRow(
            **self._about(),
            **_asked(request, route),
            target=None if target is None else story.where,
            provider=None if target is None else target.provider,
            virtual_key=None if target is None else target.virtual_key,
            status=status,
            upstream_ms=round(story.upstream * 1000),
            queued_ms=round(queued * 1000),
            attempts=len(attempts),
            maybe_billed=journey.maybe_billed,
            prompt=kept_prompt(request.params.get("prompt"), self.prompts),
        )
        if isinstance(outcome, Success):
            _deliver(row, more, outcome.reply)
            # Not by which outcome it is: the cache, and whatever puts shares together, make one of their own.
            row.rescued = int(any(isinstance(each.outcome, Failure) for each in attempts))
        elif outcome is not None:
            row.cause, row.code = outcome.cause.value, outcome.code
            row.cache = told.cache_status(outcome, target).decode()
            row.cost_micros = None if journey.maybe_billed else 0
        row.more = document_text(more)
        return row

    def replayed(self, request: ImageRequest, route: Route, status: int, queued: float) -> RequestRow:
        """Return the record of a request that got the answer of another one, by its idempotency key."""
        return RequestRow(
            **self._about(),
            **_asked(request, route),
            status=status,
            queued_ms=round(queued * 1000),
            cost_micros=0,
            prompt=kept_prompt(request.params.get("prompt"), self.prompts),
            more=document_text({"replayed": True}),
        )

    def _about(self) -> dict[str, Any]:
        caller = self.caller
        return {
            "id": self.id,
            "workspace": DEFAULT_WORKSPACE if caller is None else caller.workspace,
            "created_ms": self.created_ms,
            "trace_id": plain(self.trace_id, _LONGEST_TRACE),
            "api_key": None if caller is None else caller.known_as,
            "ms": round((time.perf_counter() - self.began) * 1000),
        }


def _asked(request: ImageRequest, route: Route) -> dict[str, Any]:
    params, metadata, spec = request.params, request.metadata, route.spec
    return {
        "user": _word((metadata.get("_user") if metadata else None) or params.get("user")),
        "config": _word(spec.id),
        "config_version": spec.version,
        "operation": request.operation,
        "asked_model": _word(params.get("model")),
        "size": _word(params.get("size")),
        "metadata": document_text(metadata) if metadata else "{}",
    }


def kept_prompt(prompt: object, how: str) -> str | None:
    """Return what is kept of a prompt: store, hash or drop."""
    if not isinstance(prompt, str) or how == "drop":
        return None
    if how == "hash":
        return f"sha256:{hashlib.sha256(prompt.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return plain(prompt, _LONGEST_PROMPT)


def _deliver(row: RequestRow, more: dict[str, Any], reply: ImageReply) -> None:
    row.model = _word(reply.model)
    row.cost_micros, row.saved_micros = _micros(reply.cost_usd), _micros(reply.spared_usd)
    row.images, row.cache = len(reply.pictures), reply.cache
    if reply.adaptations:
        more["adaptations"] = [str(adaptation) for adaptation in reply.adaptations]
    shapes = reply.shapes or ((None, None, None),) * len(reply.pictures)
    # A picture by reference: its name where the gateway hosts it, its shape where that is known, no bytes.
    more["pictures"] = [_reference(picture, *shape) for picture, shape in zip(reply.pictures, shapes, strict=False)]


def _reference(picture: Picture, format_: str | None, width: int | None, height: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"format": format_, "width": width, "height": height}
    if picture.url is not None:
        address = picture.url.partition("?")[0]
        found["url"] = address.rpartition("/")[2] if _FILES in address else address[:_LONGEST_LINK]
    if picture.b64 is not None:
        found["bytes"] = len(picture.b64) * 3 // 4
    elif picture.data is not None:
        found["bytes"] = len(picture.data)
    return found


def _micros(usd: float | None) -> int | None:
    return None if usd is None else round(usd * MICROS)


def _word(value: object) -> str | None:
    return plain(value, _LONGEST_WORD) if isinstance(value, str) else None
