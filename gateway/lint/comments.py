"""Comments that silence rules: found where YAML has comments, never inside of a value."""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MARK = "beamsplitter:"
_IGNORE = re.compile(r"#\s*beamsplitter:\s*ignore\b(?P<rest>.*)")
_RULES = re.compile(r"\s*=\s*(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*)(?P<reason>.*)")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment that says `beamsplitter: ignore`."""

    line: int
    """From 1, as `column`."""
    column: int
    rules: tuple[str, ...]
    """None where it names none."""
    reason: str
    about: int | None
    """The line that it is about: its own, or the one below if it stands alone; `None`: the whole file."""


def comments(text: str) -> Iterator[Comment]:
    """Yield the comments of a YAML file that silence rules."""
    if _MARK not in text:
        return
    lines = _LINE_END.split(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))
    values = _Values(text)
    for index, line in enumerate(lines):
        column = _start(line, index, values) if _MARK in line else None
        found = None if column is None else _IGNORE.match(line, column)
        if found is None or column is None:
            continue
        named = _RULES.match(found["rest"])
        yield Comment(
            line=index + 1,
            column=column + 1,
            rules=() if named is None else tuple(each.strip() for each in named["rules"].split(",")),
            reason="" if named is None else named["reason"].strip(" \t-–:;,."),
            about=_about(lines, index, column, values),
        )


def _about(lines: list[str], index: int, column: int, values: "_Values") -> int | None:
    if lines[index][:column].strip():
        return index + 1
    if index < values.first:
        return None
    while index + 1 < len(lines) and lines[index + 1].lstrip().startswith("#"):
        index += 1
    return index + 2


def _start(line: str, index: int, values: "_Values") -> int | None:
    """Return where the comment of a line begins, if it has one."""
    for found in re.finditer("#", line):
        column = found.start()
        if (column == 0 or line[column - 1] in " \t") and not values.hold(index, column):
            return column
    return None


class _Values:
    """Where the values and keys of a text are, which may hold any characters."""

    def __init__(self, text: str) -> None:
        self._starts: list[tuple[int, int]] = []
        self._ends: list[tuple[int, int]] = []
        self.first = 1 << 31
        try:
            for token in yaml.scan(text, Loader=_PARSER):
                if isinstance(token, yaml.ScalarToken):
                    self._add(token)
        except yaml.YAMLError:
            self.first = 0  # the file has changed since it was read: what it says now is read the next time

    def _add(self, token: yaml.ScalarToken) -> None:
        start, end = token.start_mark, token.end_mark
        self.first = min(self.first, start.line)
        # Behind the mark of a block there may be a comment; the block is what follows.
        is_block = token.style in ("|", ">")
        self._starts.append((start.line + 1, 0) if is_block else (start.line, start.column))
        self._ends.append((end.line, end.column))

    def hold(self, line: int, column: int) -> bool:
        """Whether a character is part of a value."""
        index = bisect.bisect_right(self._starts, (line, column)) - 1
        return index >= 0 and (line, column) < self._ends[index]
