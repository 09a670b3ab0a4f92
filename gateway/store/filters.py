"""Which requests are meant: the filters that the log, its exports and every chart share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from gateway.store.tables import feedback, requests

_Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Requests are meant that pass all of these; an empty filter passes everything."""

    workspace: str | None = None
    """`None`: all of them, as the admin sees."""
    since_ms: int | None = None
    until_ms: int | None = None
    """The first moment that is not meant any more."""
    statuses: tuple[int, ...] = ()
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    """Providers with a model of theirs."""
    virtual_keys: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    cost_min: int | None = None
    cost_max: int | None = None
    """Millionths of a dollar; a request whose cost is not known passes neither."""
    images_min: int | None = None
    images_max: int | None = None

    def of_requests(self) -> list[_Condition]:
        """Return the conditions on rows of `requests`."""
        return [*_when(requests, self), *self._which()]

    def of_feedback(self, *, joined: bool = False) -> list[_Condition]:
        """Return the conditions on rows of `feedback`, maybe joined with `requests` by `of_one_trace`.

        The time is that of the feedback, everything else that of any request of its trace.
        """
        conditions, which = [*_when(feedback, self)], [*self._which()]
        if joined or not which:
            return [*conditions, *which]
        return [*conditions, sa.exists().where(*of_one_trace(), *which)]

    def _which(self) -> Iterator[_Condition]:
        table = requests.c
        for column, values in (
            (table.status, self.statuses),
            (table.provider, self.providers),
            (table.model, self.models),
            (table.virtual_key, self.virtual_keys),
            (table.config, self.configs),
            (table.api_key, self.api_keys),
            (table.trace_id, self.traces),
            (table.cache, self.caches),
        ):
            if values:
                yield column.in_(values)
        if self.pairs:
            yield sa.or_(*(sa.and_(table.provider == provider, table.model == model) for provider, model in self.pairs))
        for column, least, most in (
            (table.cost_micros, self.cost_min, self.cost_max),
            (table.images, self.images_min, self.images_max),
        ):
            if least is not None:
                yield column >= least
            if most is not None:
                yield column <= most
        for name, value in self.metadata.items():
            yield of_metadata(name) == value


def of_metadata(name: str) -> sa.ColumnElement[str]:
    """Return the value that a request's metadata have under a name; one with quotes in it cannot be asked for."""
    value: sa.ColumnElement[str] = requests.c.metadata[name].as_string()
    return value


def of_one_trace() -> tuple[_Condition, _Condition]:
    """Return what holds between a request and the feedback on it."""
    return requests.c.trace_id == feedback.c.trace_id, requests.c.workspace == feedback.c.workspace


def _when(table: sa.Table, filters: Filters) -> Iterator[_Condition]:
    if filters.workspace is not None:
        yield table.c.workspace == filters.workspace
    if filters.since_ms is not None:
        yield table.c.created_ms >= filters.since_ms
    if filters.until_ms is not None:
        yield table.c.created_ms < filters.until_ms
