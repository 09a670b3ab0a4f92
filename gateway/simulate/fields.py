"""The fields of what a person wrote for a simulation: known keys, numbers within bounds, each fault in its place."""

from collections.abc import Collection, Mapping
from typing import Any

from gateway.config.document import Document
from gateway.config.load import load
from gateway.config.reading import Path, Reading
from gateway.config.suggest import did_you_mean, listed, printable, shown
from gateway.errors import InvalidConfig
from gateway.simulate.unusable import Unusable

_FEW = 8


def document_of(text: bytes, file: str, what: str) -> Document:
    """Return what a file holds, with the place of each value; raises `Unusable`."""
    if not text.strip():
        raise Unusable(f"{file}:1:1: the file is empty; write {what}.")
    try:
        document = load(text, file)
    except InvalidConfig as invalid:
        raise Unusable.by(invalid.problems) from None
    if document.problems:
        raise Unusable.by(document.problems)
    return document


def fields(value: object, path: Path, reading: Reading, known: Collection[str], *needed: str) -> Mapping[str, Any]:
    """Return the fields of an object, after reporting those that nobody knows, and those that are missing."""
    if not isinstance(value, dict):
        reading.report(path, f"{_name(path)} must be an object with {listed(known, 'and')}, not {shown(value)}.")
        return {}
    for key in value:
        if key not in known:
            guess = did_you_mean(str(key), known)
            those = f" The keys here are {listed(known, 'and')}." if guess == "." and len(known) <= _FEW else ""
            reading.report((*path, str(key)), f"Unknown key `{printable(str(key))}`{guess}{those}")
    for key in needed:
        if key not in value:
            reading.report(path, f"{_name(path)} needs `{key}`.")
    return value


def number(node: Mapping[str, Any], key: str, path: Path, reading: Reading, bounds: tuple[float, float]) -> float:
    """Return a number of a node, after reporting one that is out of its bounds; the lowest where there is none."""
    return number_in(node[key], (*path, key), reading, bounds) if key in node else bounds[0]


def number_in(value: object, path: Path, reading: Reading, bounds: tuple[float, float]) -> float:
    """Return a value as a number, after reporting one that is none, or out of its bounds."""
    least, most = bounds
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    reading.report(path, f"{_name(path)} must be a number from {least:,.15g} to {most:,.15g}, not {shown(value)}.")
    return least


def texts(value: object, path: Path, reading: Reading) -> dict[str, str]:
    """Return an object of strings, after reporting what in it is none."""
    if not isinstance(value, dict):
        reading.report(path, f"{_name(path)} must be an object of strings, not {shown(value)}.")
        return {}
    for key, item in value.items():
        if not isinstance(item, str):
            reading.report((*path, key), f"The value of `{printable(str(key))}` must be a string; put it in quotes.")
    return {key: item for key, item in value.items() if isinstance(item, str)}


def _name(path: Path) -> str:
    named = [step for step in path if isinstance(step, str)]
    if not named:
        return "This file"
    return f"`{printable(named[-1])}`" if isinstance(path[-1], str) else f"Each entry of `{printable(named[-1])}`"
