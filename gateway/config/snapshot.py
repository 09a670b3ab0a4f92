"""All configs at one moment, and the files that they come from."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.document import Document
from gateway.config.gateway_file import GatewayFile
from gateway.config.load import MAX_BYTES
from gateway.config.spec import ConfigSpec, SettingsSpec
from gateway.errors import InvalidConfig, Problem

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All configs at one moment, with the gateway file they were read with; replaced whole, never changed."""

    configs: Mapping[str, ConfigSpec | SettingsSpec] = field(default_factory=dict)
    gateway: GatewayFile = field(default_factory=GatewayFile)
    problems: tuple[Problem, ...] = ()
    """What is wrong with the files; configs with problems are absent, or kept as they were in the snapshot before."""
    documents: Mapping[str, Document] = field(default_factory=dict)
    """Id → what is written, with its references unfilled and so without secrets."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File → id of the config it holds."""
    gateway_file: str | None = None
    fatal: bool = False
    """Whether a server must not start like this: nothing is good, or the gateway file or its default config is not."""


def files_in(path: Path) -> tuple[Path, ...]:
    """Return the files that count, in order; raises `OSError` where there are none to list."""
    if not path.is_dir():
        path.stat()
        return (path,)
    # A link that leads nowhere counts as well: its config is broken, not gone.
    return tuple(
        sorted(
            entry
            for entry in path.iterdir()
            if entry.suffix.lower() in _SUFFIXES and not entry.name.startswith(".") and not entry.is_dir()
        )
    )


def is_gateway_file(file: Path) -> bool:
    """Whether this is the file that all configs of a folder share."""
    return file.stem == "gateway"


def content(file: Path) -> bytes:
    """Return what is in a file, as far as it may be read; raises `InvalidConfig` where it cannot be."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise InvalidConfig([Problem(message="this is not a regular file.", file=str(file))])
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidConfig([Problem(message=f"cannot be read: {error.strerror}.", file=str(file))]) from None
