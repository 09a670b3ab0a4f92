"""Every metric there is: its name, what it says, its labels, and how those of several workers become one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Labels = tuple[str, ...]
Rows = dict[str, dict[Labels, list[float]]]
"""Family → labels → its value; of a histogram, what fell into each bucket, and the sum."""

SECONDS = (0.01, 0.05, 0.25, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""A kept picture is there in milliseconds, a painted one in seconds, and nothing waits longer than ten minutes."""
OVERHEAD = (0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()
    merge: Literal["sum", "max", "min"] = "sum"
    """What the whole gateway's value is, where each worker has one."""
    bounds: tuple[float, ...] = ()
    """Of a histogram: where its buckets end."""

    @property
    def size(self) -> int:
        """How many numbers a value is."""
        return len(self.bounds) + 2 if self.bounds else 1

    @property
    def lasts(self) -> bool:
        """Whether what a worker counted is to be told after its end."""
        return self.kind != "gauge"


_WHERE = ("provider", "model", "config")

FAMILIES: Mapping[str, Family] = {
    "beamsplitter_requests_total": Family(
        "counter",
        "Image requests that were answered, refused or left, but for those without a seat or a key.",
        ("config", "provider", "model", "operation", "status_class", "cause"),
    ),
    "beamsplitter_request_duration_seconds": Family(
        "histogram",
        "Seconds from a request's arrival to its answer, with waiting and all attempts.",
        ("config", "operation"),
        bounds=SECONDS,
    ),
    "beamsplitter_overhead_seconds": Family(
        "histogram",
        "Seconds that the gateway itself took: from a read request to its first attempt, and from the last to the "
        "answer.",
        bounds=OVERHEAD,
    ),
    "beamsplitter_attempts_total": Family(
        "counter", "Attempts at providers, by what came of them: `ok`, a cause, or `cancelled`.", ("provider", "cause")
    ),
    "beamsplitter_attempt_duration_seconds": Family(
        "histogram", "Seconds that attempts at a provider took, whatever came of them.", ("provider",), bounds=SECONDS
    ),
    "beamsplitter_passed_over_total": Family(
        "counter", "Targets that were left alone without an attempt, by why.", ("provider", "cause")
    ),
    "beamsplitter_rescued_total": Family(
        "counter",
        "Requests that were answered with a picture although an attempt of theirs had failed.",
        ("config",),
    ),
    "beamsplitter_rescued_saved_usd_total": Family(
        "counter",
        "What the pictures of rescued requests cost, in USD: their callers would have gone without.",
        ("config",),
    ),
    "beamsplitter_maybe_billed_total": Family(
        "counter", "Attempts that failed and may be billed all the same.", ("config",)
    ),
    "beamsplitter_cost_usd_total": Family("counter", "What pictures cost, in USD, where the price is known.", _WHERE),
    "beamsplitter_unpriced_total": Family("counter", "Answered requests whose price nobody knows.", _WHERE),
    "beamsplitter_images_total": Family("counter", "Pictures that were answered with.", _WHERE),
    "beamsplitter_cache_total": Family("counter", "Requests, by what the cache had to do with them.", ("verdict",)),
    "beamsplitter_cache_saved_usd_total": Family(
        "counter", "What pictures out of the cache would have cost to paint again, in USD."
    ),
    "beamsplitter_no_seat_total": Family("counter", "Requests that were refused because the gateway had no seat free."),
    "beamsplitter_in_flight": Family("gauge", "Requests that are being answered now."),
    "beamsplitter_queued": Family("gauge", "Requests that wait for a seat now."),
    "beamsplitter_large_bodies_bytes": Family("gauge", "Memory held by large answers and uploads now."),
    "beamsplitter_large_bodies_limit_bytes": Family("gauge", "Memory that they may take together: byte_budget."),
    "beamsplitter_breaker_state": Family(
        "gauge",
        "Circuit breaker of a target: 0 it is well, 1 it is being tried again, 2 it is sick and left alone.",
        ("provider", "model"),
        "max",
    ),
    "beamsplitter_throttled_seconds": Family(
        "gauge", "Seconds for which a target still asks to be left alone.", ("provider", "model"), "max"
    ),
    "beamsplitter_upstream_p95_seconds": Family(
        "gauge", "Seconds within which 95 % of a target's last 128 answers came.", ("provider", "model"), "max"
    ),
    "beamsplitter_config_reloads_total": Family("counter", "Changes of the files that were read.", merge="max"),
    "beamsplitter_config_failed_reloads_total": Family(
        "counter", "Those of them that left something wrong; what was good before goes on serving.", merge="max"
    ),
    "beamsplitter_config_problems": Family("gauge", "What is wrong with a file now.", ("file",), "max"),
    "beamsplitter_configs": Family("gauge", "Configs of the files that are served.", merge="max"),
    "beamsplitter_journal_waiting": Family("gauge", "Records of requests that are not in the database yet."),
    "beamsplitter_journal_lost_total": Family("counter", "Records of requests that could not be kept."),
    "beamsplitter_store_up": Family("gauge", "Whether the database answers; 0, too, where there is none.", merge="min"),
    "beamsplitter_spans_total": Family("counter", "Spans of traces, by what became of them.", ("end",)),
    "beamsplitter_workers": Family("gauge", "Worker processes that this tells of."),
    "beamsplitter_build_info": Family("gauge", "1; says which version this is.", ("version",), "max"),
    "process_cpu_seconds_total": Family("counter", "Processor time that all workers took, in seconds."),
    "process_resident_memory_bytes": Family("gauge", "Resident memory of all workers."),
    "process_virtual_memory_bytes": Family("gauge", "Virtual memory of all workers."),
    "process_open_fds": Family("gauge", "Open files of all workers."),
    "process_max_fds": Family("gauge", "Open files that a worker may have.", merge="min"),
    "process_start_time_seconds": Family("gauge", "When the first of the workers began, since 1970.", merge="min"),
    "python_gc_collections_total": Family("counter", "Looks for circles that the collector took.", ("generation",)),
    "python_gc_objects_collected_total": Family("counter", "Objects that it found in them.", ("generation",)),
    "python_info": Family(
        "gauge", "1; says which Python this is.", ("version", "implementation", "major", "minor", "patchlevel"), "max"
    ),
}


def empty() -> Rows:
    """Return no values yet; what has no labels is there from the start, so that rates of it have a beginning."""
    return {name: {} if family.labels else {(): [0.0] * family.size} for name, family in FAMILIES.items()}


def add(rows: Rows, name: str, labels: Labels, values: list[float]) -> None:
    """Add to what there is under some labels."""
    family = rows[name]
    found = family.get(labels)
    family[labels] = list(values) if found is None else [one + other for one, other in zip(found, values, strict=True)]


def merged(parts: Iterator[tuple[Rows, bool]]) -> Rows:
    """Return the values of the whole gateway; of a worker that has ended, given as `False`, what lasts."""
    whole: Rows = {name: {} for name in FAMILIES}
    for rows, lives in parts:
        for name, family in FAMILIES.items():
            if not (lives or family.lasts):
                continue
            choose = _MERGES[family.merge]
            for labels, values in rows.get(name, {}).items():
                if len(labels) != len(family.labels) or len(values) != family.size:
                    continue  # written by another version
                found = whole[name].get(labels)
                if found is None:
                    whole[name][labels] = values
                else:
                    whole[name][labels] = [choose((one, other)) for one, other in zip(found, values, strict=True)]
    return whole


_MERGES: Mapping[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}
