"""`beamsplitter check`: everything that is wrong with configs, before they serve."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from gateway.cli.files import folder_of
from gateway.errors import Problem


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="json: one list of rows; github: annotations for a pull request.",
)
def check(paths: Sequence[Path], style: str) -> None:
    """Validate gateway configs: folders, or single files.

    Exits with 0 when all is well, 1 when there are problems, 2 when the arguments cannot be used.
    """
    problems: list[Problem] = []
    checked = 0
    for path in paths:
        snapshot = folder_of(path)
        if path.is_dir():
            found = list(snapshot.problems)
            checked += len(set(snapshot.files) | {problem.file for problem in found})
        else:
            found = [problem for problem in snapshot.problems if problem.file and Path(problem.file) == path]
            checked += 1
        problems.extend(problem for problem in found if problem not in problems)
    click.echo(_STYLES[style](problems, checked))
    sys.exit(1 if problems else 0)


def _text(problems: Sequence[Problem], checked: int) -> str:
    files = f"{checked} file{'' if checked == 1 else 's'}"
    if not problems:
        return f"{files}: no problems."
    count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    return "\n".join([*map(str, problems), f"{files}: {count}."])


def _json(problems: Sequence[Problem], _: int) -> str:
    rows = [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "path": problem.path,
            "severity": problem.severity,
            "code": problem.code,
            "message": problem.message,
        }
        for problem in problems
    ]
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode()


def _github(problems: Sequence[Problem], _: int) -> str:
    return "\n".join(
        f"::{problem.severity} file={problem.file},line={problem.line or 1},col={problem.column or 1},"
        f"title={problem.code}::{_escaped(f'{problem.path}: {problem.message}')}"
        for problem in problems
    )


def _escaped(message: str) -> str:
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


_STYLES = {"text": _text, "json": _json, "github": _github}
