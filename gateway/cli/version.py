"""`beamsplitter version`: what is installed."""

import platform
from importlib import metadata

import click


@click.command(short_help="Print the versions of what is installed.")
def version() -> None:
    """Print the version, and those of what the gateway stands on. Exits with 0."""
    click.echo(f"beamsplitter {installed('beamsplitter')}")
    click.echo(f"python {platform.python_version()}")
    for name in ("starlette", "hypercorn", "aiohttp"):
        click.echo(f"{name} {installed(name)}")


def installed(name: str) -> str:
    """Return the version of an installed package; a checkout runs without being installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed: run from its source)"
