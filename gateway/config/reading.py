"""One reading of a document: where its problems are gathered, and under which keys they were written."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from gateway.config.document import Document
from gateway.errors import Problem

_MOST_PROBLEMS = 100
_LONGEST_STEP = 200

Path = tuple[str | int, ...]
"""Canonical (snake_case) keys and indexes, from the root of what is read."""


class Faulty(Enum):
    """Type of `FAULTY`."""

    FAULTY = "faulty"


FAULTY: Final = Faulty.FAULTY
"""Stands for a value that was reported already, so that nothing else complains about it."""


@dataclass(slots=True)
class Reading:
    """Gathers problems; paths become text in the document's own spelling."""

    document: Document
    root: str = "$"
    problems: list[Problem] = field(default_factory=list)
    written: dict[Path, str] = field(default_factory=dict)
    """Canonical path of a key → the key as it was written, where that differs."""
    depth: int = 0
    """Config nodes around the value that is being read."""
    nodes: int = 0
    """Config nodes read so far."""

    @property
    def is_full(self) -> bool:
        """Whether nobody would read what is reported from now on."""
        return len(self.problems) >= _MOST_PROBLEMS

    def report(self, path: Path, message: str, *, code: str = "invalid_config") -> None:
        """Note a problem with a value, unless it could not even be read; past a hundred, nobody reads on."""
        place = self.place(path)
        if any(place == told.path for told in self.document.problems):
            return
        if not self.is_full:
            self.problems.append(self.document.problem(place, message, code=code))

    def place(self, path: Path) -> str:
        """Return the JSON path of a value, spelled as its document spells it."""
        parts = [self.root]
        for index, step in enumerate(path):
            if isinstance(step, int):
                parts.append(f"[{step}]")
            else:
                name = self.written.get(path[: index + 1], step) if self.written else step
                parts.append(f".{name[:_LONGEST_STEP]}")
        return "".join(parts)

    def spelling(self, path: Path) -> str:
        """Return the last key of a path as it was written."""
        return self.written.get(path, str(path[-1]))


def given(node: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value that is there and was not reported, else `None`."""
    value = node.get(key)
    return None if value is FAULTY else value
