"""What is kept of a request: who asked, where it went, what it cost, and what was tried on the way; no picture."""

import hashlib
import time
import uuid
from typing import Any, Protocol

from gateway.compile import Route
from gateway.config.api_key import ApiKey
from gateway.config.spec import TargetSpec
from gateway.http import told
from gateway.images import ImageReply, ImageRequest, Picture
from gateway.ledger import MICROS
from gateway.wire import Outcome
from strategies import Failure, Journey, Success

Row = dict[str, Any]

_LONGEST = 8192
_FILES = "/images/files/"


class Journal(Protocol):
    """What keeps records."""

    def write(self, row: Row, /) -> None:
        """Keep one; never fails, never waits."""
        ...


class Records:
    """Keeps records, where there is a place for them."""

    def __init__(self, prompts: str = "store", journal: Journal | None = None) -> None:
        """Say what is kept of prompts: store, hash or drop."""
        self.prompts = prompts
        self.journal = journal

    def keep(self, row: Row) -> None:
        """Keep a record."""
        if self.journal is not None:
            self.journal.write(row)


class Record:
    """One request in the making of its record."""

    __slots__ = ("began", "caller", "created_ms", "prompts", "trace_id")

    def __init__(self, caller: ApiKey | None, trace_id: str, prompts: str) -> None:
        """Note when it came; `prompts` says what is kept of its words: store, hash or drop."""
        self.caller = caller
        self.trace_id = trace_id
        self.prompts = prompts
        self.began = time.perf_counter()
        self.created_ms = time.time_ns() // MICROS

    def refused(self, path: str, status: int, code: str) -> Row:
        """Return the record of a request that was refused before it went anywhere."""
        row = self._row(path)
        row["status"], row["code"] = status, code
        return row

    def answered(
        self, request: ImageRequest, route: Route, journey: Journey, outcome: Outcome, status: int, queued: float
    ) -> Row:
        """Return the record of a request that has its answer."""
        row = self._row(request.path)
        params, attempts = request.params, journey.attempts
        upstream = sum(attempt.ended - attempt.started for attempt in attempts if attempt.ended is not None)
        where = told.told_of(outcome, journey) or route.spec.root.path
        target = route.targets.get(where)
        prompt = params.get("prompt")
        row.update(
            user=_text(request.metadata.get("_user") or params.get("user")),
            config=_text(route.spec.id),
            config_version=route.spec.version,
            operation=request.operation,
            asked_model=_text(request.model),
            target=None if target is None else where,
            status=status,
            upstream_ms=round(upstream * 1000),
            queued_ms=round(queued * 1000),
            attempts=len(attempts),
            maybe_billed=journey.maybe_billed,
            size=_text(params.get("size")),
            prompt=kept_prompt(prompt, self.prompts) if isinstance(prompt, str) else None,
            metadata=dict(request.metadata),
        )
        more: dict[str, Any] = {"attempts": told.rows(journey, route)}
        if isinstance(outcome, Success):
            reply = outcome.reply
            tries = [attempt for attempt in attempts if isinstance(attempt.outcome, Failure)]
            row.update(_delivered(reply), rescued=int(bool(tries)))
            if reply.adaptations:
                more["adaptations"] = [str(adaptation) for adaptation in reply.adaptations]
            more["pictures"] = _references(reply)
        else:
            row.update(cause=outcome.cause.value, code=outcome.code, cache=told.cache_status(outcome, target).decode())
            if not journey.maybe_billed:
                row["cost_micros"] = 0
        if target is not None:
            _name(row, target)
        if journey.passed_over:
            more["passed_over"] = {path: why.cause.value for path, why in journey.passed_over.items()}
        row["more"] = more
        return row

    def _row(self, path: str) -> Row:
        caller = self.caller
        return {
            "id": uuid.uuid4().hex,
            "workspace": "default" if caller is None else caller.workspace,
            "created_ms": self.created_ms,
            "trace_id": self.trace_id,
            "api_key": None if caller is None else caller.known_as,
            "user": None,
            "config": None,
            "config_version": None,
            "operation": _OPERATIONS.get(path.rpartition("/")[2], "generate"),
            "asked_model": None,
            "target": None,
            "provider": None,
            "virtual_key": None,
            "model": None,
            "status": 0,
            "cause": None,
            "code": None,
            "ms": round((time.perf_counter() - self.began) * 1000),
            "upstream_ms": 0,
            "queued_ms": 0,
            "cost_micros": None,
            "saved_micros": None,
            "images": 0,
            "attempts": 0,
            "maybe_billed": 0,
            "rescued": 0,
            "cache": "DISABLED",
            "size": None,
            "prompt": None,
            "metadata": {},
            "more": {},
        }


def kept_prompt(prompt: str, how: str) -> str | None:
    """Return what is kept of a prompt: store, hash or drop."""
    match how:
        case "store":
            return prompt[:_LONGEST]
        case "hash":
            return f"sha256:{hashlib.sha256(prompt.encode('utf-8', 'surrogatepass')).hexdigest()}"
        case _:
            return None


_OPERATIONS = {"generations": "generate", "edits": "edit", "variations": "vary"}


def _name(row: Row, target: TargetSpec) -> None:
    row["provider"], row["virtual_key"] = target.provider, target.virtual_key


def _delivered(reply: ImageReply) -> Row:
    return {
        "model": _text(reply.model),
        "cost_micros": _micros(reply.cost_usd),
        "saved_micros": _micros(reply.spared_usd),
        "images": len(reply.pictures),
        "cache": reply.cache,
    }


def _references(reply: ImageReply) -> list[dict[str, Any]]:
    """Return what is kept of pictures: the name where the gateway hosts one, the shape where it is known, no bytes."""
    shapes = reply.shapes or ((None, None, None),) * len(reply.pictures)
    return [_reference(picture, *shape) for picture, shape in zip(reply.pictures, shapes, strict=False)]


def _reference(picture: Picture, format_: str | None, width: int | None, height: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"format": format_, "width": width, "height": height}
    if picture.url is not None:
        plain = picture.url.partition("?")[0]
        found["url"] = plain.rpartition("/")[2] if _FILES in plain else plain[:1024]
    if picture.b64 is not None:
        found["bytes"] = len(picture.b64) * 3 // 4
    elif picture.data is not None:
        found["bytes"] = len(picture.data)
    return found


def _micros(usd: float | None) -> int | None:
    return None if usd is None else round(usd * MICROS)


def _text(value: object) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) else None
