"""Reading configs for commands that look at files without serving them."""

import os
from pathlib import Path

import click

from gateway.config.folder import Snapshot, read

UNUSABLE = 2
"""The exit code for arguments that cannot be used."""


def folder_of(path: Path) -> Snapshot:
    """Return what a folder holds; a file is read among its neighbours, whose virtual keys it may name."""
    if not path.exists():
        raise click.UsageError(f"{path} does not exist; name a folder of configs, or one config file.")
    return read(path if path.is_dir() else path.parent, os.environ)


def id_of(snapshot: Snapshot, path: Path) -> str | None:
    """Return the id of the config that a file holds, or `None` where it has problems."""
    return next((id_ for file, id_ in snapshot.files.items() if Path(file) == path), None)
