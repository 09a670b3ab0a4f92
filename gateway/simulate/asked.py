"""A simulation that is asked for in one JSON document, as the console does."""

from collections.abc import Mapping
from typing import Any

from gateway.catalogue import BUILT_IN, Catalogue
from gateway.config.catalogue_rows import own_catalogue
from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.config.reading import Reading
from gateway.config.spec import ConfigSpec
from gateway.config.virtual_key import VirtualKey, parse_virtual_key
from gateway.errors import InvalidConfig
from gateway.simulate.beside import side_by_side
from gateway.simulate.difference import difference
from gateway.simulate.faults import Faults, names_of, read_faults
from gateway.simulate.fields import fields
from gateway.simulate.limits import count_of
from gateway.simulate.recorded import read_rows
from gateway.simulate.run import simulated
from gateway.simulate.traffic import Traffic
from gateway.simulate.traffic_file import read_written
from gateway.simulate.unusable import Unusable

_KEYS = ("config", "compare", "virtual_keys", "catalogue", "traffic", "faults", "requests", "seed")
_OTHER = "compare"


def answered(asked: object) -> dict[str, Any]:
    """Return the result, or two and their difference where `compare` is given; raises `Unusable`."""
    reading = Reading(Document(data=asked))
    given = fields(asked, (), reading, _KEYS, "config", "traffic")
    if reading.problems:
        raise Unusable.by(reading.problems)
    if given.get(_OTHER) is None:
        return _one(given, "config")
    both = side_by_side(_other, lambda: _one(given, "config"), given)
    return {"configs": list(both), "difference": difference(*both)}


def _other(given: Mapping[str, Any]) -> dict[str, Any]:
    return _one(given, _OTHER)


def _one(given: Mapping[str, Any], which: str) -> dict[str, Any]:
    keys = _virtual_keys(given.get("virtual_keys") or {})
    specs = {name: _spec(given[name], name, keys) for name in ("config", _OTHER) if given.get(name) is not None}
    traffic = _traffic(given["traffic"])
    faults = given.get("faults")
    return simulated(
        specs[which],
        _catalogue(given.get("catalogue") or []),
        traffic,
        Faults() if faults is None else read_faults(Document(data=faults), names_of(*specs.values())),
        requests=count_of(traffic, _whole(given, "requests")),
        seed=_whole(given, "seed") or 0,
    )


def _whole(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is None or type(value) is int:
        return value
    raise Unusable(f"`{name}` must be a whole number.")


def _spec(written: object, name: str, keys: Mapping[str, VirtualKey]) -> ConfigSpec:
    try:
        return parse(Document(data=written, file=name), virtual_keys=keys)
    except InvalidConfig as invalid:
        raise Unusable.by(invalid.problems) from None


def _virtual_keys(written: object) -> dict[str, VirtualKey]:
    keys: dict[str, VirtualKey] = {}
    for slug, entry in (written if isinstance(written, dict) else {}).items():
        found = parse_virtual_key(slug, Document(data=entry, file="virtual_keys"), f"$.{slug}")
        if isinstance(found, list):
            raise Unusable.by(found)
        keys[slug] = found
    return keys


def _catalogue(written: object) -> Catalogue:
    if not written:
        return BUILT_IN
    reading = Reading(Document(data=None))
    rows = written if isinstance(written, list) else []
    catalogue = own_catalogue(rows, reading) if all(isinstance(row, dict) and "id" in row for row in rows) else None
    if reading.problems:
        raise Unusable.by(reading.problems)
    if catalogue is None or not rows:
        raise Unusable("`catalogue` must be a list of models, each with its `provider` and `id`.")
    return catalogue


def _traffic(written: object) -> Traffic:
    """Return the traffic: as it is described, or the records of a log."""
    return read_rows(written, "traffic") if isinstance(written, list) else read_written(Document(data=written))
