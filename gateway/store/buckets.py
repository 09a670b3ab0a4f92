"""The stretches of time that a chart has a point for each."""

from dataclasses import dataclass

import sqlalchemy as sa

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_WIDTHS = (
    *(_MINUTE * number for number in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * number for number in (1, 2, 3, 6, 12)),
    *(_DAY * number for number in (1, 2)),
)
MOST_POINTS = 200
LONGEST_MS = 400 * _DAY


@dataclass(frozen=True, slots=True)
class Buckets:
    """All buckets of a chart, each so many milliseconds wide; days begin at 0:00 UTC."""

    first: int
    last: int
    width_ms: int

    def of(self, table: sa.Table) -> sa.ColumnElement[int]:
        """Return the number of the bucket that a row belongs to."""
        # Written out: as a parameter, PostgreSQL would not take it for the one that is grouped by.
        return sa.literal_column(f"{table.name}.created_ms / {self.width_ms}", sa.BigInteger)

    def starts(self) -> dict[int, int]:
        """Return the time at which each bucket begins, by its number."""
        return {number: number * self.width_ms for number in range(self.first, self.last + 1)}


def buckets(since_ms: int, until_ms: int) -> Buckets:
    """Return the narrowest buckets of which a span has 200 at most, apart from the one it may begin within."""
    width = next(width for width in _WIDTHS if until_ms - since_ms <= width * MOST_POINTS)
    return Buckets(since_ms // width, (until_ms - 1) // width, width)
