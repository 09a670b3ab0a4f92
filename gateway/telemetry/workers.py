"""What several workers counted, as one: each tells its values to the others, and whoever is asked adds them up.

A worker that has ended leaves what it counted, so no counter of the run goes backwards.
"""

from collections.abc import Iterator

import msgspec

from gateway.siblings import Siblings
from gateway.telemetry.families import Rows, merged

_KIND = "values"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, list[tuple[tuple[str, ...], list[float]]]]).decode


def tell(siblings: Siblings, rows: Rows, number: int) -> None:
    """Tell the others what this worker counted so far, for which time."""
    siblings.write(_KIND, _encode({name: list(values.items()) for name, values in rows.items()}), number)


def whole(siblings: Siblings, rows: Rows) -> Rows:
    """Return this worker's values together with what the others told last."""
    return merged(_parts(siblings, rows))


def _parts(siblings: Siblings, rows: Rows) -> Iterator[tuple[Rows, bool]]:
    yield rows, True
    for content, lives in siblings.others(_KIND):
        try:
            found = _decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # somebody else put it there
        yield {name: dict(values) for name, values in found.items()}, lives
