"""What providers do while a simulation lasts: the same to the same request, whichever config asks them."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from gateway.config.answers import UnknownAnswer, answer_of
from gateway.config.document import Document
from gateway.config.reading import Path, Reading
from gateway.config.spec import ConfigSpec, leaves
from gateway.config.suggest import did_you_mean, listed, printable
from gateway.rehearsal import Act
from gateway.simulate.fields import fields, number
from gateway.simulate.latency import USUAL, Latency, read_latency
from gateway.simulate.unusable import Unusable
from strategies import Cause

_TIME = (0.0, 31_622_400.0)
_RATIO = (0.0, 1.0)
_WAIT = (0.0, 86_400.0)
_MOST_FAULTS = 1000
_SHOWN_NAMES = 12
_REFUSAL_SECONDS = 0.2
"""A provider that paints nothing says so soon."""

# What comes in the place of a picture, after as long as one takes; everything else is said at once.
_LATE = frozenset({Cause.INCOMPLETE, Cause.EMPTY, Cause.POLICY})
_FIRST_ERROR = 400
_PART = 1 << 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is different for a while."""

    begins: float = 0.0
    ends: float = math.inf
    answer: int | Cause = 200
    ratio: float = 1.0
    """Share of the calls that it happens to."""
    retry_after: float | None = None
    latency: Latency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What one provider does."""

    latency: Latency = USUAL
    refusal_ratio: float = 0.0
    """Share of the requests that its content policy refuses, each time they are sent."""
    faults: tuple[Fault, ...] = ()

    def act(self, now: float, name: bytes, request: int, call: int) -> Act:
        """Return what becomes of a call that is made now; nothing but the arguments decides about it."""
        happens, lasts = _draws(b"%d/%d/%b" % (request, call, name))
        for fault in self.faults:
            if fault.begins <= now < fault.ends and happens < fault.ratio:
                return self._fault(fault, lasts)
        seconds = self.latency.seconds(lasts)
        if self.refusal_ratio and _draws(b"%d/%b" % (request, name))[0] < self.refusal_ratio:
            return Act(answer=Cause.POLICY, seconds=seconds)
        return Act(seconds=seconds)

    def _fault(self, fault: Fault, draw: float) -> Act:
        seconds = (fault.latency or self.latency).seconds(draw)
        answer = fault.answer
        refuses = answer >= _FIRST_ERROR if isinstance(answer, int) else answer not in _LATE
        if fault.latency is None and refuses:
            seconds = min(seconds, _REFUSAL_SECONDS)
        return Act(answer=answer, seconds=seconds, retry_after=fault.retry_after)


_USUAL_MANNERS = Manners()


@dataclass(frozen=True, slots=True)
class Faults:
    """What each provider does."""

    targets: Mapping[str, Manners] = field(default_factory=dict)
    """By the name or the path of a target."""

    def of(self, name: str | None, path: str) -> Manners:
        """Return what the provider of a target does: the path says it more exactly than the name."""
        return self.targets.get(path) or self.targets.get(name or path) or _USUAL_MANNERS


def names_of(*specs: ConfigSpec) -> set[str]:
    """Return what the targets of configs may be called."""
    return {name for spec in specs for leaf in leaves(spec.root) for name in (leaf.name, leaf.path) if name}


def read_faults(document: Document, known: Collection[str]) -> Faults:
    """Return what a document says of targets that are known by these names and paths; raises `Unusable`."""
    reading = Reading(document)
    root = fields(document.data, (), reading, ("targets",), "targets")
    written = root.get("targets", {})
    targets = {}
    for name in fields(written, ("targets",), reading, list(written) if isinstance(written, dict) else ["NAME"]):
        path: Path = ("targets", name)
        if name in known:
            targets[name] = _manners(written[name], path, reading)
            continue
        guess = did_you_mean(name, known)
        few = len(known) <= _SHOWN_NAMES
        those = f" Its targets: {listed(sorted(known), 'and')}." if guess == "." and few else ""
        reading.report(path, f"No target is called `{printable(name)}`{guess}{those}")
    if reading.problems:
        raise Unusable.by(reading.problems)
    return Faults(targets)


def _manners(written: object, path: Path, reading: Reading) -> Manners:
    node = fields(written, path, reading, ("latency_ms", "refusal_ratio", "faults"))
    rows = node.get("faults", [])
    if not isinstance(rows, list) or len(rows) > _MOST_FAULTS:
        reading.report((*path, "faults"), f"`faults` must be a list of at most {_MOST_FAULTS} entries.")
        rows = []
    return Manners(
        latency=read_latency(node["latency_ms"], (*path, "latency_ms"), reading) if "latency_ms" in node else USUAL,
        refusal_ratio=number(node, "refusal_ratio", path, reading, _RATIO),
        faults=tuple(_fault(row, (*path, "faults", index), reading) for index, row in enumerate(rows)),
    )


def _fault(written: object, path: Path, reading: Reading) -> Fault:
    node = fields(
        written, path, reading, ("from_s", "to_s", "status", "answer", "ratio", "retry_after_s", "latency_ms")
    )
    begins = number(node, "from_s", path, reading, _TIME)
    ends = number(node, "to_s", path, reading, _TIME) if "to_s" in node else math.inf
    if ends <= begins:
        reading.report((*path, "to_s"), "`to_s` must be later than `from_s`.")
    return Fault(
        begins=begins,
        ends=ends,
        answer=_answer(node, path, reading),
        ratio=number(node, "ratio", path, reading, _RATIO) if "ratio" in node else 1.0,
        retry_after=number(node, "retry_after_s", path, reading, _WAIT) if "retry_after_s" in node else None,
        latency=read_latency(node["latency_ms"], (*path, "latency_ms"), reading) if "latency_ms" in node else None,
    )


def _answer(node: Mapping[str, object], path: Path, reading: Reading) -> int | Cause:
    key = "answer" if "answer" in node else "status"
    if "status" in node and "answer" in node:
        reading.report((*path, "answer"), "Keep one of `status` and `answer`: both say what is answered.")
    if key not in node and "latency_ms" not in node and node:
        reading.report(path, "This entry changes nothing: give it a `status`, an `answer`, or a `latency_ms`.")
    try:
        return answer_of(node.get(key, 200))
    except UnknownAnswer as unknown:
        reading.report((*path, key), f"{str(unknown).rstrip('.?')}{'?' if str(unknown).endswith('?') else '.'}")
        return 200


def _draws(what: bytes) -> tuple[float, float]:
    """Return two numbers between 0 and 1, which look like chance and are always the same for the same words."""
    digest = blake2b(what, digest_size=16).digest()
    first, second = int.from_bytes(digest[:8]) >> 11, int.from_bytes(digest[8:]) >> 11
    return (first + 0.5) / _PART, (second + 0.5) / _PART
