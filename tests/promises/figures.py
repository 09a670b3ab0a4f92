"""What was measured, beside what was promised: one line for each figure."""

import os
from dataclasses import dataclass, field

LONG = os.environ.get("PROMISES") == "long"
"""Whether as much is measured as the promises are about, instead of what fits a change's checks."""


def size(short, long):
    return long if LONG else short


@dataclass(frozen=True)
class Figure:
    """One promise, and what came of it."""

    promise: str
    what: str
    got: str
    kept: bool
    load: float
    """What else the machine had to do: its load in the minute before."""

    def __str__(self):
        return f"{self.promise}: {self.what}: {self.got}{'' if self.kept else ' BROKEN'}"


@dataclass
class Figures:
    """The figures of one promise."""

    promise: str
    told: list[Figure] = field(default_factory=list)

    def all_of(self, what, rows):
        """Note for how many rows of `(what it is, whether it holds)` something holds; none may be an exception."""
        rows = list(rows)
        broken = [row for row, holds in rows if not holds]
        examples = f": {broken[:3]}" if broken else ""
        self.tell(what, f"{len(rows) - len(broken)}/{len(rows)}{examples}", kept=bool(rows) and not broken)

    def tell(self, what, got, *, kept=True):
        self.told.append(Figure(self.promise, what, got, kept, os.getloadavg()[0]))

    @property
    def broken(self):
        return [str(figure) for figure in self.told if not figure.kept]


def share(values, part):
    """Return the value below which a part of all values lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
