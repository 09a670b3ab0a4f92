"""Values as Prometheus reads them: its text format, and OpenMetrics for whoever asks for it."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

from gateway.telemetry.families import FAMILIES, Family, Labels, Rows

_OPENMETRICS = "application/openmetrics-text"


def exposed(rows: Rows, accept: str) -> tuple[bytes, str]:
    """Return what a scrape is answered with, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Values(rows))
    if _OPENMETRICS in accept:
        content: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return content, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _Values(Collector):
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def collect(self) -> Iterator[Metric]:
        for name, family in FAMILIES.items():
            yield _metric(name, family, self._rows.get(name, {}))

    def describe(self) -> Iterator[Metric]:
        return iter(())


def _metric(name: str, family: Family, rows: dict[Labels, list[float]]) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(name, family.help, labels=family.labels)
        for labels, values in sorted(rows.items()):
            *counts, total = values
            histogram.add_metric(labels, _cumulated(family.bounds, counts), total)
        return histogram
    metric: CounterMetricFamily | GaugeMetricFamily
    if family.kind == "counter":
        metric = CounterMetricFamily(name, family.help, labels=family.labels)
    else:
        metric = GaugeMetricFamily(name, family.help, labels=family.labels)
    for labels, values in sorted(rows.items()):
        metric.add_metric(labels, values[0])
    return metric


def _cumulated(bounds: tuple[float, ...], counts: list[float]) -> list[tuple[str, float]]:
    found, so_far = [], 0.0
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        so_far += count
        found.append((floatToGoString(bound), so_far))  # type: ignore[no-untyped-call]
    return found
