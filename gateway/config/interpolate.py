"""Fills `${NAME}` and `${file:/path}` in the strings of a file: from the environment and from secret files."""

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.config.document import Document
from gateway.config.suggest import printable
from gateway.errors import InvalidConfig, Problem

MAX_SECRET_BYTES = 64 * 1024

ReadFile = Callable[[str], str]
"""Returns a file's text; raises `OSError` or `ValueError` where there is none."""

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = "file:"
_LONG_ENOUGH = 8


def interpolate(document: Document, environ: Mapping[str, str], read_file: ReadFile) -> Document:
    """Return the document with its references filled in; raises `InvalidConfig` with all that cannot be."""
    filling = _Filling(document, environ, read_file)
    data = filling.value(document.data, "$")
    if filling.problems:
        raise InvalidConfig([*document.problems, *filling.problems])
    return replace(document, data=data)


def read_secret(path: str) -> str:
    """Return the text of a secret file; a device or a pipe is none, since it may never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a null byte in the name is a ValueError only here
        raise OSError(0, "it is not a regular file")
    with open(path, "rb") as file:  # noqa: PTH123
        data = file.read(MAX_SECRET_BYTES + 1)
    if len(data) > MAX_SECRET_BYTES:
        raise OSError(0, f"it is larger than {MAX_SECRET_BYTES // 1024} KiB")
    return data.decode()


def redact(problems: Sequence[Problem], written: Document, filled: Document) -> list[Problem]:
    """Return the problems with each value that was filled in shown as its reference again."""
    values: dict[str, str] = {}
    _differences(written.data, filled.data, values)
    if not values:
        return list(problems)
    longest_first = sorted(values, key=len, reverse=True)
    quoted = {each: values[each] if len(each) >= _LONG_ENOUGH else None for each in longest_first}
    return [replace(problem, message=_without(problem.message, quoted, values)) for problem in problems]


def _without(message: str, quoted: Mapping[str, str | None], values: Mapping[str, str]) -> str:
    for value, plainly in quoted.items():
        if plainly is not None:
            message = message.replace(value, plainly)
        elif value:
            # A short value may be part of any word: only where it is quoted does it stand for itself.
            for mark in "`'\"":
                message = message.replace(f"{mark}{value}{mark}", f"{mark}{values[value]}{mark}")
    return message


def _differences(written: Any, filled: Any, found: dict[str, str]) -> None:  # noqa: ANN401 - any JSON value
    match written, filled:
        case str(), str():
            if written != filled:
                found[filled] = written
        case dict(), dict():
            for key in written:
                _differences(written[key], filled[key], found)
        case list(), list():
            for before, after in zip(written, filled, strict=True):
                _differences(before, after, found)


@dataclass(slots=True)
class _Filling:
    document: Document
    environ: Mapping[str, str]
    read_file: ReadFile
    problems: list[Problem] = field(default_factory=list)

    def value(self, value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a value with its strings filled in."""
        match value:
            case str() if "${" in value:
                return _REFERENCE.sub(lambda found: self._filled(found, path), value)
            case dict():
                return {key: self.value(item, f"{path}.{key}") for key, item in value.items()}
            case list():
                return [self.value(item, f"{path}[{index}]") for index, item in enumerate(value)]
            case _:
                return value

    def _filled(self, found: re.Match[str], path: str) -> str:
        if found[0] == "$${":
            return "${"
        name = found[1]
        if name is None:
            return self._complain(path, "`${` is not closed with `}`; write `$${` for a literal one.")
        if name.startswith(_FILE):
            return self._from_file(name.removeprefix(_FILE), path)
        if not _NAME.fullmatch(name):
            advice = "give the name of a variable, or `file:` and a path; write `$${` for a literal `${`."
            return self._complain(path, f"`${{{printable(name)}}}` cannot be filled in: {advice}")
        if not self.environ.get(name):
            state = "is set, but empty" if name in self.environ else "is not set"
            return self._complain(path, f"the environment variable `{name}` {state}; give it a value.")
        return self.environ[name]

    def _from_file(self, name: str, path: str) -> str:
        if not name.startswith("/"):
            return self._complain(path, f"`{printable(name)}` must be an absolute path, such as `/run/secrets/key`.")
        try:
            text = self.read_file(name).rstrip("\r\n")
        except OSError as error:
            return self._complain(path, f"the file `{name}` cannot be read: {error.strerror or 'it is not there'}.")
        except ValueError:
            return self._complain(path, f"the file `{printable(name)}` is not UTF-8 text.")
        return text or self._complain(path, f"the file `{name}` is empty.")

    def _complain(self, path: str, message: str) -> str:
        self.problems.append(self.document.problem(path, message))
        return ""
