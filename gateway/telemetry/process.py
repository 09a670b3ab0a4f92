"""What the system and Python say of this process."""

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.telemetry.families import FAMILIES, Rows

_NOWHERE = CollectorRegistry()
_COLLECTORS: tuple[Collector, ...] = (
    ProcessCollector(registry=_NOWHERE),
    PlatformCollector(registry=_NOWHERE),
    GCCollector(registry=_NOWHERE),
)


def read_process(rows: Rows) -> None:
    """Put it into the rows; reads files, so not on the event loop."""
    for collector in _COLLECTORS:
        for metric in collector.collect():
            for sample in metric.samples:
                family = FAMILIES.get(sample.name)
                if family is not None:
                    labels = tuple(sample.labels[name] for name in family.labels)
                    rows[sample.name][labels] = [float(sample.value)]
