"""How `beamsplitter check` tells what it found: for people, for programs, for pull requests."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from gateway.cockpit.verdict import text_of
from gateway.errors import Problem
from gateway.http.control.secrets import SPELLINGS

_LONGEST_LINE = 160
_SECRET = re.compile(rf"\b(?:{'|'.join(sorted(SPELLINGS))}|key|headers)\b[\"']?\s*:")
_STEP = re.compile(r"[.\[\]]+")


def row_of(problem: Problem) -> dict[str, Any]:
    """Return a problem as one row."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
    }


def as_json(problems: Iterable[Problem]) -> str:
    """Return one list of rows."""
    return orjson.dumps([row_of(problem) for problem in problems], option=orjson.OPT_INDENT_2).decode()


def as_text(problems: Iterable[Problem]) -> Mapping[Problem, str]:
    """Return what is printed for each problem: where it is, what it is, and the line that it is about."""
    lines: dict[str, Sequence[str]] = {}
    told = {}
    problems = [*problems]
    unshown = {(problem.file, problem.line) for problem in problems if _is_secret(problem)}
    for problem in problems:
        found = f"{problem.severity}: {problem} [{problem.code}]"
        file = problem.file
        if file is not None and problem.line is not None and (file, problem.line) not in unshown:
            if file not in lines:
                lines[file] = (text_of(Path(file)) or "").splitlines()
            found = "\n".join([found, *_excerpt(problem, lines[file])])
        told[problem] = found
    return told


def _is_secret(problem: Problem) -> bool:
    """Whether the line may hold what nobody should read in the log of a build."""
    return any(step in SPELLINGS or step in {"key", "headers"} for step in _STEP.split(problem.path)) or (
        problem.code == "literal-secret"
    )


def _excerpt(problem: Problem, lines: Sequence[str]) -> list[str]:
    number, column = problem.line or 1, problem.column or 1
    if number > len(lines) or _SECRET.search(lines[number - 1]):
        return []
    line = "".join(each if each.isprintable() else " " for each in lines[number - 1].rstrip())
    cut = max(0, column - _LONGEST_LINE // 2) if len(line) > _LONGEST_LINE else 0
    margin = f"{number:>6} | "
    return [f"{margin}{line[cut : cut + _LONGEST_LINE]}", f"{'':>6} | {'':>{column - 1 - cut}}^"]


def as_annotation(problem: Problem) -> str:
    """Return a problem as an annotation of a pull request on GitHub."""
    place = {"file": problem.file, "line": problem.line or 1, "col": problem.column or 1, "title": problem.code}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in place.items() if value is not None)
    return f"::{problem.severity} {properties}::{_data(f'{problem.path}: {problem.message}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
