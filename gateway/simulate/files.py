"""Reads files about traffic and faults, of whichever kind."""

from collections.abc import Collection
from pathlib import Path

from gateway.config.load import MAX_BYTES
from gateway.simulate.faults import Faults, read_faults
from gateway.simulate.fields import document_of
from gateway.simulate.recorded import read_csv, read_ndjson
from gateway.simulate.traffic import Traffic
from gateway.simulate.traffic_file import read_written
from gateway.simulate.unusable import Unusable

_RECORDED = {".ndjson": read_ndjson, ".jsonl": read_ndjson, ".csv": read_csv}
_WRITTEN = {".yaml", ".yml", ".json"}


def traffic_in(path: Path) -> Traffic:
    """Return the traffic that a file describes, or recorded; raises `Unusable`."""
    suffix = path.suffix.lower()
    if suffix in _RECORDED:
        try:
            with path.open("rb") as file:
                return _RECORDED[suffix](file, str(path))
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {error.strerror}.") from None
    if suffix in _WRITTEN:
        what = "a `rate` and a `mix` of requests"
        return read_written(document_of(_content(path), str(path), what))
    raise Unusable(f"{path}: traffic is read from .yaml and .json, and recorded traffic from .ndjson and .csv.")


def faults_in(path: Path, known: Collection[str]) -> Faults:
    """Return what a file says of targets; raises `Unusable`."""
    if path.suffix.lower() not in _WRITTEN:
        raise Unusable(f"{path}: faults are read from .yaml and .json.")
    return read_faults(document_of(_content(path), str(path), "`targets`, with what each of them does"), known)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}.") from None
    return content
