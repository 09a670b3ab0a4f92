"""`beamsplitter check`: everything that is wrong with configs, before they serve."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from gateway.cli.files import look
from gateway.errors import Problem


@click.command(short_help="Say everything that is wrong with configs.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="json: one list of rows; github: annotations for a pull request.",
)
def check(paths: Sequence[Path], style: str) -> None:
    """Say everything that is wrong with configs: each PATH is a folder, or a single file.

    A file is read together with the gateway.yaml beside it, so that it may use its virtual keys. Nothing is sent
    anywhere; variables that the files name, such as ${OPENAI_API_KEY}, have to be set.

    Exits with 0 when all is well, 1 when there are problems, 2 when the arguments cannot be used.
    """
    problems: dict[Problem, None] = {}
    files: set[Path] = set()
    for path in paths:
        looked = look(path)
        files.update(looked.files)
        problems.update(dict.fromkeys(looked.problems))
    told = _STYLES[style](list(problems), _summary(len(problems), len(files)))
    click.echo(told)
    sys.exit(1 if problems else 0)


def _summary(problems: int, files: int) -> str:
    return f"{_counted(files, 'file')}: {_counted(problems, 'problem') if problems else 'no problems'}."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _text(problems: Sequence[Problem], summary: str) -> str:
    return "\n".join([*map(str, problems), summary])


def _json(problems: Sequence[Problem], _: str) -> str:
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


def _github(problems: Sequence[Problem], summary: str) -> str:
    return "\n".join([*map(_annotation, problems), summary])


def _annotation(problem: Problem) -> str:
    place = {"file": problem.file, "line": problem.line or 1, "col": problem.column or 1, "title": problem.code}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in place.items() if value is not None)
    return f"::{problem.severity} {properties}::{_data(f'{problem.path}: {problem.message}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_STYLES = {"text": _text, "json": _json, "github": _github}
