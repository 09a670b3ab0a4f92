"""Reading configs for commands that look at files without serving them."""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from gateway.config.folder import read
from gateway.config.snapshot import Snapshot, files_in, is_gateway_file
from gateway.errors import Problem


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found where a command was told to look."""

    snapshot: Snapshot
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def look(path: Path) -> Looked:
    """Return what a folder holds; a file is read among its neighbours, whose virtual keys it may name."""
    if not path.exists():
        raise click.UsageError(f"{path} does not exist; name a folder of configs, or one config file.")
    return _folder(path) if path.is_dir() else _file(path)


def _folder(path: Path) -> Looked:
    snapshot = read(path, os.environ)
    files = _files_in(path)
    if not files and not snapshot.problems:
        raise click.UsageError(
            f"{path} holds no configs, files whose names end in .yaml, .yml or .json; "
            f"`beamsplitter init` writes some to begin with."
        )
    return Looked(snapshot, files, snapshot.problems)


def _file(path: Path) -> Looked:
    # A file that its folder would not serve, such as a draft called resilient.yaml.new, stands for itself.
    alone = path not in _files_in(path.parent)
    snapshot = read(path if alone else path.parent, os.environ)
    problems = tuple(problem for problem in snapshot.problems if problem.file and Path(problem.file) == path)
    if not problems and id_of(snapshot, path) is None and not is_gateway_file(path):
        # The gateway file is so bad that no config beside it could be judged.
        problems = tuple(
            problem for problem in snapshot.problems if problem.file and is_gateway_file(Path(problem.file))
        )
    return Looked(snapshot, (path,), problems)


def _files_in(folder: Path) -> tuple[Path, ...]:
    try:
        return files_in(folder)
    except OSError:
        return ()


def id_of(snapshot: Snapshot, path: Path) -> str | None:
    """Return the id of the config that a file holds, or `None` where it has problems."""
    return next((id_ for file, id_ in snapshot.files.items() if Path(file) == path), None)
