"""`beamsplitter init`: a folder of configs to begin with."""

import shlex
from importlib import resources
from pathlib import Path

import click


@click.command(short_help="Write a small set of configs to begin with.")
@click.argument("folder", default="configs", metavar="[DIR]", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a small set of configs to DIR (default: configs).

    They serve as they are, without any key. Files that are there already stay as they are.

    Exits with 0, or 2 when DIR cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"{folder} is a file; name a folder, which may be new.")
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
    name = shlex.quote(str(folder))
    click.echo(f"\nNext: beamsplitter check {name} && beamsplitter serve --configs {name}")
