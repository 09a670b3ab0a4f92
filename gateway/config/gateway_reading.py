"""Reads the gateway file as one of its folder: what stays as it was before, and which virtual keys there are not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.config.document import Document
from gateway.config.gateway_file import GatewayFile, read_gateway_file
from gateway.config.interpolate import ReadFile, interpolate, redact
from gateway.config.load import load
from gateway.config.provider_fields import FIELDS
from gateway.config.snapshot import Snapshot, content
from gateway.config.virtual_key import VirtualKey
from gateway.errors import InvalidConfig, Problem


@dataclass(slots=True, kw_only=True)
class GatewayReading:
    """One reading of the gateway file."""

    gateway: GatewayFile | None = None
    """`None`: it is bad, or gone; the one before has to stay."""
    document: Document | None = None
    """As it is written; `None` where there is none, or it cannot be read at all."""
    unavailable: dict[str, VirtualKey] = field(default_factory=dict)
    """Stand-ins for the virtual keys that are written and cannot be used: configs are read with them, not run."""
    problems: list[Problem] = field(default_factory=list)


def read_gateway(
    files: list[str],
    environ: Mapping[str, str],
    read_file: ReadFile,
    keep: Snapshot,
) -> GatewayReading:
    """Read the gateway file, if there is one.

    A virtual key whose variable or secret file is missing is left out and told: no edit can bring it back, so it does
    not hold up the rest. Unless it was there before; then, as with every other problem, the whole file waits.
    """
    reading = GatewayReading()
    if not files:
        if keep.gateway_file is None:
            reading.gateway = GatewayFile()
        else:
            # Without its API keys the gateway would be open to everyone: deleting the file must not do that.
            message = "the gateway file is gone; its keys stay in force until the server starts again."
            reading.problems.append(Problem(message=message, file=keep.gateway_file))
        return reading
    if len(files) > 1:
        message = f"there is more than one gateway file ({', '.join(files)}); keep one."
        reading.problems.extend(Problem(message=message, file=file) for file in files)
        return reading
    filled = None
    try:
        written = reading.document = load(content(Path(files[0])), files[0])
        written = _without_unfilled(written, environ, read_file, keep.gateway.virtual_keys, reading)
        filled = interpolate(written, environ, read_file)
        reading.gateway = read_gateway_file(filled)
    except InvalidConfig as invalid:
        told = redact(invalid.problems, written, filled) if filled else invalid.problems
        reading.problems.extend(told)
        if reading.document is not None:
            reading.unavailable = _stand_ins(_rows(reading.document), ())
    return reading


def _without_unfilled(
    document: Document,
    environ: Mapping[str, str],
    read_file: ReadFile,
    good_before: Collection[str],
    reading: GatewayReading,
) -> Document:
    """Return the document without the virtual keys that cannot be filled in, after telling of them."""
    rows = _rows(document)
    unfilled: list[str] = []
    for slug, row in rows.items():
        if slug in good_before:
            continue
        try:
            interpolate(replace(document, data={"virtual_keys": {slug: row}}), environ, read_file)
        except InvalidConfig as invalid:
            unfilled.append(slug)
            reading.problems.extend(invalid.problems)
    if not unfilled:
        return document
    reading.unavailable = _stand_ins(rows, set(rows) - set(unfilled))
    rest = {slug: row for slug, row in rows.items() if slug not in unfilled}
    return replace(document, data=document.data | {"virtual_keys": rest})


def _rows(document: Document) -> Mapping[str, Any]:
    rows = document.data.get("virtual_keys")
    return rows if isinstance(rows, dict) else {}


def _stand_ins(rows: Mapping[str, Any], usable: Collection[str]) -> dict[str, VirtualKey]:
    found: dict[str, VirtualKey] = {}
    for slug, row in rows.items():
        provider = row.get("provider") if isinstance(row, dict) else None
        if slug not in usable:
            known = isinstance(provider, str) and provider in FIELDS
            found[slug] = VirtualKey(slug=slug, provider=str(provider) if known else "sandbox")
    return found
