"""Reads a log that was exported: requests as they came once, to be made again."""

import csv
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

from gateway.config.suggest import printable, shown
from gateway.images import Operation
from gateway.simulate.traffic import PATHS, Recorded, Row
from gateway.simulate.unusable import Unusable

MOST_ROWS = 1_000_000
_MOST_PICTURES = 128
_NEEDED = "created_at"
_LONGEST_LINE = 1 << 22
_FEW_DIGITS = 4
_MOST_SHARED = 10_000


def read_ndjson(content: BinaryIO, file: str) -> Recorded:
    """Return what an export of lines of JSON holds; raises `Unusable`."""

    def rows() -> Iterator[tuple[str, object]]:
        for line, text in enumerate(iter(lambda: content.readline(_LONGEST_LINE), b""), 1):
            if text.strip():
                try:
                    row = orjson.loads(text)
                except orjson.JSONDecodeError as error:
                    column = error.colno if len(text) < _LONGEST_LINE else _LONGEST_LINE
                    raise Unusable(f"{file}:{line}:{column}: this line is not valid JSON: {error.msg}.") from None
                yield f"{file}:{line}:1", row

    return _read(rows(), file)


def read_csv(content: BinaryIO, file: str) -> Recorded:
    """Return what an export of cells holds; raises `Unusable`."""
    # Line by line: a decoder that reads ahead would not know in which one it stumbled.
    lines = (line.decode() for line in iter(lambda: content.readline(_LONGEST_LINE), b""))
    reader = csv.DictReader((line.removeprefix("\N{BYTE ORDER MARK}") for line in lines), strict=True)

    def rows() -> Iterator[tuple[str, object]]:
        try:
            for row in reader:
                cells = {name: _without_quote(cell) for name, cell in row.items() if isinstance(cell, str) and cell}
                yield f"{file}:{reader.line_num}:1", cells
        except csv.Error as error:
            raise Unusable(f"{file}:{reader.line_num + 1}:1: this is not valid CSV: {error}.") from None
        except UnicodeDecodeError:
            raise Unusable(f"{file}:{reader.line_num + 1}:1: the file is not UTF-8 text; save it as UTF-8.") from None

    return _read(rows(), file)


def read_rows(rows: list[Any], what: str) -> Recorded:
    """Return what a list of records holds; raises `Unusable`."""
    return _read(((f"{what}[{index}]", row) for index, row in enumerate(rows)), what)


def _read(rows: Iterator[tuple[str, object]], file: str) -> Recorded:
    found: list[Row] = []
    seen: dict[Any, Any] = {}
    for number, (place, row) in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise Unusable(f"{file}: the log has more than {MOST_ROWS:,} requests; export a part of it.")
        if not isinstance(row, dict):
            raise Unusable(f"{place}: each line has to be an object, a record of one request.")
        at = _moment(row.get(_NEEDED), place)
        try:
            found.append(_row(at, number, row, seen))
        except ValueError as fault:
            raise Unusable(f"{place}: {fault}") from None
    if not found:
        raise Unusable(f"{file}: the log holds no request; export one that does.")
    found.sort(key=lambda row: row.at)
    return Recorded(found, found[0].at)


def _row(at: float, number: int, row: Mapping[str, Any], seen: dict[Any, Any]) -> Row:
    """Return a row; what many have in common is there only once, as far as that is not too much."""
    metadata = _metadata(row)
    known = tuple(metadata.items())
    shared = seen.get(known, metadata)
    if len(seen) < _MOST_SHARED:
        seen[known] = shared
    prompt = row.get("prompt")
    return Row(
        at=at,
        number=number,
        prompt=prompt if isinstance(prompt, str) and prompt else None,
        model=_word(row.get("asked_model")),
        size=_word(row.get("size")),
        pictures=_pictures(row.get("total_units")),
        operation=_operation(row.get("operation")),
        metadata=shared,
    )


def _word(written: object) -> str | None:
    return sys.intern(written) if isinstance(written, str) else None


def _pictures(written: object) -> int:
    text = str(written)
    return min(int(text), _MOST_PICTURES) if text.isascii() and text.isdigit() and len(text) < _FEW_DIGITS else 0


def _moment(written: object, place: str) -> float:
    try:
        if isinstance(written, str):
            moment = datetime.fromisoformat(written)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    was = "there is none" if written is None else f"this is {shown(written)}"
    raise Unusable(f"{place}: `{_NEEDED}` has to be a time such as 2026-03-01T12:00:00.000Z, and {was}; export it too.")


def _operation(written: object) -> Operation:
    for name in PATHS:
        if written == name:
            return name
    if written is None:
        return "generate"
    raise ValueError(f"`operation` has to be one of {', '.join(PATHS)}, not {shown(written)}.")


def _metadata(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata, which is text in a cell."""
    written = row.get("metadata") or {}
    if isinstance(written, str):
        try:
            written = orjson.loads(written)
        except orjson.JSONDecodeError:
            raise ValueError(f"`metadata` has to be an object in JSON, not {printable(written)}.") from None
    if not isinstance(written, dict):
        raise ValueError(f"`metadata` has to be an object, not {shown(written)}.")  # noqa: TRY004 - a wrong row
    return {str(name): item for name, item in written.items() if isinstance(item, str)}


def _without_quote(cell: str) -> str:
    """Return a cell without the quote that keeps a spreadsheet from reading it as a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@", "\t", "\r") else cell
