"""`beamsplitter models`: what the catalogue knows."""

import dataclasses
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
from rich.table import Table

from gateway.catalogue import BUILT_IN, Catalogue, ModelRow, price_range
from gateway.cli.console import console
from gateway.cli.files import look
from gateway.config.not_yet import ALIASES
from gateway.config.provider_fields import FIELDS
from gateway.config.snapshot import is_gateway_file
from gateway.config.suggest import did_you_mean

_ABLE = ("edit", "mask", "variation", "stream")


@click.command(short_help="List the image models that are known.")
@click.option("--provider", metavar="SLUG", help="Only the models of this provider.")
@click.option(
    "--can",
    multiple=True,
    type=click.Choice(_ABLE),
    help="Only models that can do this. Given twice: both.",
)
@click.option(
    "--configs",
    type=click.Path(path_type=Path),
    help="Folder of gateway configs, or one file: what its gateway.yaml says under `catalogue:` is listed too.",
)
@click.option("--json", "as_json", is_flag=True, help="All that is known, as JSON.")
def models(*, provider: str | None, can: tuple[str, ...], configs: Path | None, as_json: bool) -> None:
    """List the image models whose limits and prices the gateway knows.

    Other models work too: they are passed through, and their providers judge the request. Prices are those of one
    picture, from the smallest and plainest to the largest and finest. A dash means that no such price is published, or
    that the size is not for the caller to choose. `n` is how many pictures come of one call; for more, a target says
    `fan_out: true`. What else a model takes, such as qualities and formats, is in --json.

    \b
    For example, which models of Google's edit pictures:
      beamsplitter models --provider google --can edit

    Exits with 0, with 1 when gateway.yaml has problems, with 2 when the arguments cannot be used.
    """  # noqa: D301 - click keeps the lines below a \b as they are
    slug = None if provider is None else _provider(provider)
    rows = [
        row
        for row in _catalogue(configs).all_rows()
        if slug in (None, row.provider) and all(getattr(row, ability) for ability in can)
    ]
    if as_json:
        click.echo(orjson.dumps([dataclasses.asdict(row) for row in rows], default=_plain, option=orjson.OPT_INDENT_2))
        return
    if not rows:
        click.echo("The catalogue knows no such model. Others work too: they are passed through.", err=True)
        return
    table = Table(box=None, pad_edge=False)
    for heading, whole in _COLUMNS.items():
        table.add_column(heading, no_wrap=whole, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    console().print(table)


def _provider(written: str) -> str:
    slug = ALIASES.get(written, written)
    if slug not in FIELDS:
        raise click.UsageError(f"--provider: no provider is called {written!r}{did_you_mean(written, FIELDS)}")
    return slug


def _catalogue(configs: Path | None) -> Catalogue:
    """Return the built-in rows, and before them those of the operator."""
    if configs is None:
        return BUILT_IN
    snapshot = look(configs).snapshot
    if snapshot.fatal and snapshot.gateway.catalogue is BUILT_IN:
        # The gateway file could not be read: its rows would be missing from the list without a word.
        for problem in snapshot.problems:
            if problem.file and is_gateway_file(Path(problem.file)):
                click.echo(str(problem), err=True)
        sys.exit(1)
    return snapshot.gateway.catalogue


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
        ("-" if row.sizes is None else row.sizes.described()) + _end(row),
    )


def _end(row: ModelRow) -> str:
    if row.retires is None:
        return ""
    return f" ({'retired' if row.retires <= datetime.now(UTC).date() else 'until'} {row.retires})"


def _price(row: ModelRow) -> str:
    found = price_range(row, {"size": "auto", "quality": "auto"})
    if found is None:
        return "-"
    low, high = (f"${usd:g}" for usd in found)
    return low if low == high else f"{low} to {high}"
