"""Reads what somebody wrote about traffic."""

from collections.abc import Mapping

from gateway.config.document import Document
from gateway.config.plain import read_plain
from gateway.config.reading import FAULTY, Path, Reading
from gateway.config.suggest import did_you_mean, listed, shown
from gateway.images import Operation
from gateway.simulate.fields import fields, number, number_in, texts
from gateway.simulate.traffic import PATHS, Kind, Written
from gateway.simulate.unusable import Unusable

_RATE = (0.0, 100_000.0)
_TIME = (0.0, 31_622_400.0)
_SHARE = (0.0, 1_000_000.0)
_DISTINCT = (1.0, 1_000_000_000.0)
_MOST_KINDS = _MOST_STRETCHES = 1000
_DEADLINE = "x-gateway-deadline"
_DEADLINE_MS = range(1000, 600_001)
_PICTURES = ("image", "mask")


def read_written(document: Document) -> Written:
    """Return the traffic that a document describes; raises `Unusable`."""
    reading = Reading(document)
    root = fields(document.data, (), reading, ("rate", "mix", "arrivals"), "rate", "mix")
    arrivals = root.get("arrivals", "poisson")
    if arrivals not in ("poisson", "even"):
        reading.report(("arrivals",), f"`arrivals` must be `poisson` or `even`, not {shown(arrivals)}.")
    rate = _rate(root.get("rate"), reading) if "rate" in root else []
    mix = _mix(root.get("mix"), reading) if "mix" in root else []
    if reading.problems:
        raise Unusable.by(reading.problems)
    return Written(rate=rate, mix=mix, even=arrivals == "even")


def _rate(written: object, reading: Reading) -> list[tuple[float, float]]:
    """Return from when on how many requests come; the last of it has no end."""
    path: Path = ("rate",)
    if not isinstance(written, list):
        rate = number_in(written, path, reading, _RATE)
        if not rate:
            reading.report(path, "With a `rate` of 0 no request would ever come; give it requests per second.")
        return [(0.0, rate)]
    if not 0 < len(written) <= _MOST_STRETCHES:
        reading.report(path, f"`rate` must have 1 to {_MOST_STRETCHES} entries, each with `from_s` and `rate`.")
        return []
    stretches: list[tuple[float, float]] = []
    for index, row in enumerate(written):
        node = fields(row, (*path, index), reading, ("from_s", "rate"), "from_s", "rate")
        begins = number(node, "from_s", (*path, index), reading, _TIME)
        if stretches and begins <= stretches[-1][0]:
            reading.report((*path, index, "from_s"), "Each `from_s` must be later than the one before it.")
        stretches.append((begins, number(node, "rate", (*path, index), reading, _RATE)))
    if stretches[0][0]:
        stretches.insert(0, (0.0, 0.0))
    if not stretches[-1][1]:
        message = "After the last `from_s` no request would ever come; end with a `rate` above 0."
        reading.report((*path, len(written) - 1, "rate"), message)
    return stretches


def _mix(written: object, reading: Reading) -> list[Kind]:
    path: Path = ("mix",)
    if not isinstance(written, list) or not 0 < len(written) <= _MOST_KINDS:
        reading.report(path, f"`mix` must be a list of 1 to {_MOST_KINDS} kinds of requests, each with its `request`.")
        return []
    kinds = [_kind(row, (*path, index), reading) for index, row in enumerate(written)]
    if not any(kind.share for kind in kinds):
        reading.report(path, "Every `share` is 0, so no request would ever come; give one of them more.")
    return kinds


def _kind(written: object, path: Path, reading: Reading) -> Kind:
    known = ("share", "request", "metadata", "headers", "operation", "distinct")
    node = fields(written, path, reading, known, "request")
    operation = _operation(node.get("operation", "generate"), (*path, "operation"), reading)
    headers = {name.lower(): text for name, text in texts(node.get("headers", {}), (*path, "headers"), reading).items()}
    distinct = number(node, "distinct", path, reading, _DISTINCT) if "distinct" in node else None
    if distinct is not None and distinct != int(distinct):
        reading.report((*path, "distinct"), "`distinct` must be a whole number of different requests.")
    return Kind(
        request=_request(node.get("request", {}), (*path, "request"), reading),
        share=number(node, "share", path, reading, _SHARE) if "share" in node else 1.0,
        metadata=texts(node.get("metadata", {}), (*path, "metadata"), reading),
        headers=headers,
        operation=operation,
        distinct=None if distinct is None else int(distinct),
        seconds=_seconds(headers, (*path, "headers"), reading),
    )


def _request(written: object, path: Path, reading: Reading) -> Mapping[str, object]:
    if not isinstance(written, dict):
        reading.report(path, f"`request` must be the request's body, an object, not {shown(written)}.")
        return {}
    for name in _PICTURES:
        if name in written:
            reading.report((*path, name), f"Leave out `{name}`, and write `operation: edit` beside `request`.")
    if read_plain(written, path, reading) is FAULTY:
        return {}
    return {name: item for name, item in written.items() if item is not None}


def _operation(written: object, path: Path, reading: Reading) -> Operation:
    for name in PATHS:
        if written == name:
            return name
    guess = did_you_mean(written, PATHS) if isinstance(written, str) else "."
    reading.report(path, f"`operation` must be one of {listed(PATHS)}, not {shown(written)}{guess}")
    return "generate"


def _seconds(headers: Mapping[str, str], path: Path, reading: Reading) -> float | None:
    text = headers.get(_DEADLINE)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 7 and int(text) in _DEADLINE_MS:  # noqa: PLR2004
        return int(text) / 1000
    reading.report(path, f"`{_DEADLINE}` must be milliseconds from {_DEADLINE_MS[0]} to {_DEADLINE_MS[-1]}.")
    return None
