"""`beamsplitter version`: what is installed."""

import platform
from importlib import metadata

import click


@click.command()
def version() -> None:
    """Print the version, and those of what the gateway stands on."""
    click.echo(f"beamsplitter {metadata.version('beamsplitter')}")
    click.echo(f"python {platform.python_version()}")
    for name in ("starlette", "hypercorn", "aiohttp"):
        click.echo(f"{name} {metadata.version(name)}")
