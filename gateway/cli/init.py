"""`beamsplitter init`: a folder of configs to begin with."""

from importlib import resources
from pathlib import Path

import click


@click.command()
@click.argument("folder", default="configs", metavar="[DIR]", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a small set of configs to DIR (default: configs). Files that are there already stay as they are."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted((resources.files("gateway.cli") / "starter").iterdir(), key=lambda entry: entry.name):
            target = folder / file.name
            if target.exists():
                click.echo(f"{target} is there already; left as it is")
                continue
            target.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
            click.echo(f"{target} written")
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    click.echo(f"\nNext: beamsplitter check {folder} && beamsplitter serve --configs {folder}")
