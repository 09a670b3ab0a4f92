"""What a running process looks like at one moment, beside what it counted."""

from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from gateway.config.watch import Configs
from gateway.settings import Settings
from gateway.store.journal import Journal
from gateway.telemetry.families import Labels, Rows
from gateway.telemetry.targets import Targets
from gateway.telemetry.traces import Ends
from gateway.transport import ByteBudget

_MOST_FILES = 50


class Seats(Protocol):
    """The requests in flight."""

    @property
    def taken(self) -> int:
        """How many are being answered."""
        ...

    @property
    def waiting(self) -> int:
        """How many wait."""
        ...


class Store(Protocol):
    """The database, and what is on the way to it."""

    @property
    def lost(self) -> bool:
        """Whether it does not answer."""
        ...

    @property
    def journal(self) -> Journal | None:
        """The records that are on the way."""
        ...


class Running(Protocol):
    """A gateway, as far as it is looked at."""

    @property
    def settings(self) -> Settings:
        """What it was told at its start."""
        ...

    @property
    def live(self) -> Configs:
        """The files of its configs."""
        ...

    @property
    def budget(self) -> ByteBudget:
        """The memory for large bodies."""
        ...

    @property
    def seats(self) -> Seats | None:
        """Who is being answered; they are made after the gateway that they stand before."""
        ...

    @property
    def stores(self) -> Store | None:
        """Its database."""
        ...


class Gauges:
    """Reads them off a gateway."""

    def __init__(self, running: Running, targets: Targets, spans: Ends) -> None:
        """Take what is looked at."""
        self._running = running
        self._targets = targets
        self._spans = spans

    def read(self, rows: Rows) -> None:
        """Put what is so now into the rows; on the event loop, as that is where it changes."""

        def put(name: str, value: float, labels: Labels = ()) -> None:
            rows[f"beamsplitter_{name}"][labels] = [float(value)]

        running, spans = self._running, self._spans
        seats = running.seats
        live, store = running.live, running.stores
        journal = None if store is None else store.journal
        put("in_flight", 0 if seats is None else seats.taken)
        put("queued", 0 if seats is None else seats.waiting)
        put("large_bodies_bytes", running.budget.used)
        put("large_bodies_limit_bytes", running.settings.byte_budget)
        put("config_reloads_total", live.reloads)
        put("config_failed_reloads_total", live.failed_reloads)
        put("configs", len(live.snapshot.configs))
        for file, count in _by_file(problem.file for problem in live.problems):
            put("config_problems", count, (file,))
        put("store_up", store is not None and not store.lost)
        put("journal_waiting", 0 if journal is None else journal.waiting)
        put("journal_lost_total", 0 if journal is None else journal.dropped)
        put("spans_total", spans.sent, ("sent",))
        put("spans_total", spans.dropped, ("dropped",))
        put("workers", 1)
        put("build_info", 1, (_version(),))
        for labels, state, throttled, p95 in self._targets.seen():
            put("breaker_state", state, labels)
            put("throttled_seconds", throttled, labels)
            if p95 is not None:
                put("upstream_p95_seconds", p95, labels)


def _by_file(files: Iterable[str | None]) -> list[tuple[str, int]]:
    counted = Counter("" if file is None else Path(file).name for file in files)
    return counted.most_common(_MOST_FILES)


def _version() -> str:
    try:
        return version("beamsplitter")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
