"""A result as a table that is read in ten seconds."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.config.suggest import printable
from gateway.simulate.rows import SUMMARY, TARGET, notes
from gateway.simulate.words import causes, lasting, name_of

Result = Mapping[str, Any]


def report(result: Result) -> Iterator[RenderableType]:
    """Yield the parts of a report: of one result, or of two and their difference."""
    # Always `Text`: names are other people's words, never this console's markup.
    if "configs" in result:
        first, second = result["configs"]
        names = " and ".join(name_of(each["config"]) for each in result["configs"])
        yield Text.assemble((names, "bold"), f": {_of(first)}")
        yield _compared(first, second, result["difference"])
    else:
        first = second = result
        yield Text.assemble((name_of(first["config"]), "bold"), f": {_of(first)}")
        yield _summary(first)
    for each in (first,) if first is second else (first, second):
        yield Text(f"\nTargets of {name_of(each['config'])}" if first is not second else "", "bold")
        yield _targets(each)
        yield Text(f"Failures: {causes(each['failures'])}.")
        for note in notes(each):
            yield Text(note)


def _of(result: Result) -> str:
    return f"{result['requests']:,} requests, {lasting(result['seconds'])} of virtual time, seed {result['seed']}"


def _summary(result: Result) -> Table:
    table = _table()
    for row in SUMMARY:
        table.add_column(row.title, justify="right")
    table.add_row(*(row.told(result[row.name]) for row in SUMMARY))
    return table


def _compared(first: Result, second: Result, difference: Result) -> Table:
    table = _table()
    table.add_column("")
    for title in (name_of(first["config"]), name_of(second["config"]), "difference"):
        table.add_column(Text(title), justify="right")
    for row in SUMMARY:
        change = difference[row.name]
        style = {1: "green", -1: "red", 0: ""}[_sign(change) * row.good]
        values = row.told(first[row.name]), row.told(second[row.name])
        table.add_row(row.title, *values, Text(row.changed(change), style))
    return table


def _targets(result: Result) -> Table:
    table = _table()
    table.add_column("target")
    for title, _ in TARGET:
        table.add_column(title, justify="right")
    for name, target in result["targets"].items():
        table.add_row(Text(printable(name)), *(told(target) for _, told in TARGET))
    return table


def _table() -> Table:
    return Table(box=None, header_style="dim", pad_edge=False)


def _sign(value: float | None) -> int:
    return 0 if not value else 1 if value > 0 else -1
