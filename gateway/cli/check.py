"""`beamsplitter check`: everything that is wrong with configs, and all that can be said of them before they serve."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.cli.console import console
from gateway.cli.files import Looked, look
from gateway.cli.findings import as_annotation, as_json, as_text
from gateway.cli.walked import walked
from gateway.cockpit.verdict import Verdict, folder_problems, verdicts_on
from gateway.errors import Problem

_STOPS = frozenset({"error", "warning"})
"""What is a problem; a notice is worth knowing."""


@click.command(short_help="Say everything that is wrong with configs, and run their tests.")
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
    """Say everything that is wrong with configs, and run the tests written in them: each PATH is a folder, or a file.

    A file is read together with the gateway.yaml beside it, so that it may use its virtual keys. Nothing is sent
    anywhere; variables that the files name, such as ${OPENAI_API_KEY}, have to be set. What each rule means, and how
    one is silenced where it does not fit, is in docs/lints.md.

    Exits with 0 when all is well (notices are no problems), 1 when there are problems, 2 when the arguments cannot be
    used.
    """
    problems: dict[Problem, None] = {}
    verdicts: dict[str, Verdict] = {}
    files: set[Path] = set()
    for path in paths:
        looked = look(path)
        files.update(looked.files)
        mine = _own(looked)
        verdicts |= mine
        problems.update(dict.fromkeys(looked.problems))
        problems.update(dict.fromkeys(_of_gateway_file(looked)))
        problems.update(dict.fromkeys(problem for verdict in mine.values() for problem in verdict.problems))
    rows = sorted(problems, key=lambda each: (each.file or "", each.line or 0, each.column or 0))
    if style == "json":
        click.echo(as_json(rows))
    elif style == "github":
        click.echo("\n".join([*map(as_annotation, rows), _summary(rows, verdicts, len(files))]))
    else:
        _print(rows, verdicts, len(files))
    sys.exit(1 if any(problem.severity in _STOPS for problem in rows) else 0)


def _own(looked: Looked) -> Mapping[str, Verdict]:
    """Return the verdicts on the files that were asked for, whose neighbours were only read with them."""
    asked = {str(file) for file in looked.files}
    return verdicts_on(looked.snapshot, asked)


def _of_gateway_file(looked: Looked) -> Sequence[Problem]:
    file = looked.snapshot.gateway_file
    return folder_problems(looked.snapshot) if file is not None and Path(file) in looked.files else ()


def _print(problems: Sequence[Problem], verdicts: Mapping[str, Verdict], files: int) -> None:
    out = console()
    told = as_text(problems)
    for problem in problems:
        click.echo(told[problem])
    for file, verdict in sorted(verdicts.items()):
        for ran in verdict.ran:
            if not ran.passed:
                click.echo(f"\n{file}: this is what the test did:")
                out.print(walked(verdict.spec, ran))
    if problems:
        click.echo()
    for file, verdict in sorted(verdicts.items()):
        click.echo(f"{file}: {_at_worst(verdict.worst)}{_tests(verdict)}")
    click.echo(_summary(problems, verdicts, files))


def _at_worst(worst: Mapping[str, Any]) -> str:
    cost = "cost unknown" if worst["cost_usd"] is None else f"${worst['cost_usd']:.4g}"
    return f"at worst {_counted(worst['attempts'], 'attempt')}, {worst['seconds']:g} s, {cost}"


def _tests(verdict: Verdict) -> str:
    if not verdict.ran:
        return "."
    passed = sum(ran.passed for ran in verdict.ran)
    return f"; {passed} of {_counted(len(verdict.ran), 'test')} passed."


def _summary(problems: Sequence[Problem], verdicts: Mapping[str, Verdict], files: int) -> str:
    by_severity = Counter(problem.severity for problem in problems)
    found = [_counted(by_severity[name], name) for name in ("error", "warning", "notice") if by_severity[name]]
    tests = sum(len(verdict.ran) for verdict in verdicts.values())
    more = f"; {_counted(tests, 'test')} run" if tests else ""
    return f"{_counted(files, 'file')}: {', '.join(found) or 'no problems'}{more}."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
