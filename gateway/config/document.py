"""An untrusted config as it was written, and where each of its values stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A decoded JSON or YAML value."""

    data: Any
    file: str | None = None
    """The file it came from; `None` for configs sent inline or stored by API."""
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """JSON path → (line, column), both from 1; only files have it. Paths look like `$.targets[0].retry`."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with single values although the rest can be read; whoever judges the rest tells them as well."""

    @property
    def from_file(self) -> bool:
        """Whether an operator wrote it to a file: such configs are trusted more than a caller's."""
        return self.file is not None

    def problem(self, path: str, message: str, *, code: str = "invalid_config") -> Problem:
        """Return a problem with the value at that path, placed on its line or on its nearest parent's."""
        line, column = self._place(path)
        return Problem(message=message, path=path, code=code, file=self.file, line=line, column=column)

    def _place(self, path: str) -> tuple[int | None, int | None]:
        while path:
            if path in self.places:
                return self.places[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return None, None
