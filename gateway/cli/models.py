"""`beamsplitter models`: what the catalogue knows."""

import dataclasses

import click
import orjson
from rich.table import Table

from gateway.catalogue import BUILT_IN, ModelRow, price_range
from gateway.cli.console import console


@click.command(short_help="List the image models that are known.")
@click.option("--json", "as_json", is_flag=True, help="All that is known, as JSON.")
def models(*, as_json: bool) -> None:
    """List the image models whose limits and prices the gateway knows.

    Other models work too: they are passed through, and their providers judge the request. Prices are those of one
    picture, from the smallest and plainest to the largest and finest; a dash means that no such price is published.
    What else a model takes, such as qualities and formats, is in --json.

    Exits with 0.
    """
    rows = BUILT_IN.all_rows()
    if as_json:
        click.echo(orjson.dumps([dataclasses.asdict(row) for row in rows], default=_plain, option=orjson.OPT_INDENT_2))
        return
    table = Table(box=None, pad_edge=False)
    for heading, whole in _COLUMNS.items():
        table.add_column(heading, no_wrap=whole, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    console().print(table)


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)


_COLUMNS = {"provider": True, "model": True, "n": True, "price": True, "sizes": False}
"""Heading → whether its cells stay on one line, however narrow the terminal is."""


def _cells(row: ModelRow) -> tuple[str, ...]:
    return (
        row.provider,
        row.id,
        str(row.n_max),
        _price(row),
        "any" if row.sizes is None else row.sizes.described(),
    )


def _price(row: ModelRow) -> str:
    found = price_range(row, {"size": "auto", "quality": "auto"})
    if found is None:
        return "-"
    low, high = (f"${usd:g}" for usd in found)
    return low if low == high else f"{low} to {high}"
