"""`beamsplitter models`: what the catalogue knows."""

import dataclasses

import click
import orjson
from rich.console import Console
from rich.table import Table

from gateway.catalogue import ModelRow, all_rows


@click.command()
@click.option("--json", "as_json", is_flag=True, help="All that is known, as JSON.")
def models(*, as_json: bool) -> None:
    """List the image models that the gateway knows the limits and prices of.

    Other models work too: they are passed through, and their providers judge the request.
    """
    rows = all_rows()
    if as_json:
        click.echo(orjson.dumps([dataclasses.asdict(row) for row in rows], default=str, option=orjson.OPT_INDENT_2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("provider", "model", "n", "sizes", "qualities", "answers"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.provider, row.id, *_cells(row))
    Console(soft_wrap=True, highlight=False).print(table)


def _cells(row: ModelRow) -> tuple[str, ...]:
    return (
        str(row.n_max),
        "any" if row.sizes is None else row.sizes.described(),
        ", ".join(row.choices.get("quality", ())),
        ", ".join(row.responses),
    )
