"""Parameter tables: which of the caller's words a provider has, what it calls them, and what it has nothing like."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.images import Adaptation
from gateway.plain import plain
from gateway.shapes import nearest_ratio, parse_size, ratio_of
from strategies import value


class _Nothing:
    """Stands for a value that is not sent."""


OMITTED: Final = _Nothing()
"""Leaving it out says just what the value says."""

DROPPED: Final = _Nothing()
"""The provider has nothing like it: left out, and reported."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """A value that is only the nearest the provider has: sent, and reported."""

    value: Any
    told: str | None = None
    """How the ledger shows it, where that is not the value itself."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row: the caller's word, the provider's, and how the value is turned."""

    name: str
    to: str | tuple[str, ...] | None = None
    """The provider's name, the same where it is left out; a dot leads inside an object. Several names take the parts
    of a tuple."""
    turn: Callable[[Any], Any] | None = None
    """Returns what is sent, `Adapted`, `OMITTED` or `DROPPED`."""


@value()
class Encoded:
    """A body, and what it could not say as it was asked."""

    body: dict[str, Any]
    adaptations: tuple[Adaptation, ...]


class Unbending(dict[str, Any]):
    """Parameters that may not be changed: what cannot be said as it is, is not sent at all."""


class Bent(Exception):
    """Unbending parameters that this provider has no words for; holds the changes that they would need."""

    def __init__(self, changes: Sequence[Adaptation]) -> None:
        """Say which."""
        super().__init__("; ".join(map(str, changes)))


_LEFT_TO_PROVIDER = "auto"


def without(params: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return parameters without some of them; those that may not be changed stay so."""
    rest = {name: value for name, value in params.items() if name not in names}
    return Unbending(rest) if isinstance(params, Unbending) else rest


# What the target, the flow or the delivery sees to, unless a row says otherwise.
_ELSEWHERE = frozenset({"model", "n", "response_format", "stream", "partial_images", "image", "mask"})
_CANONICAL = frozenset(
    {
        *("prompt", "size", "quality", "style", "user", "background", "moderation", "output_format"),
        *("output_compression", "input_fidelity", "watermark", "seed", "negative_prompt"),
    }
)

# What providers call the number of pictures. It is `n` that is limited, shared out and counted: beside it, another word
# for it would have pictures painted, and paid for, that nobody knows of.
_COUNTS = frozenset(
    {
        *("samples", "sampleCount", "num_images", "numImages", "number_of_images", "numberOfImages", "num_outputs"),
        *("numberResults", "image_num", "batch_size", "quantity", "num_images_per_prompt"),
    }
)


def encode(fields: Sequence[Field], params: Mapping[str, Any], *, others: str | None = "") -> Encoded:
    """Return the body that says what the parameters say.

    Parameters of no row are left out and reported where they are OpenAI's, as their meaning is known and the provider
    has nothing like them. All others are the provider's own and travel as they are: into the object that `others`
    names, to the top for "", nowhere (and reported) for `None`. But the number of pictures is said by `n` alone: other
    words for it are left out and reported, at the top and one object below.
    """
    rows = {field.name: field for field in fields}
    count = rows["n"].to if "n" in rows else None
    body: dict[str, Any] = {}
    changes: list[Adaptation] = []
    own: dict[str, Any] = {}
    for name, said in params.items():
        value = said
        if isinstance(said, dict):
            counts = [key for key in said if key in _COUNTS or f"{name}.{key}" == count]
            if counts:
                value = {key: inner for key, inner in said.items() if key not in counts}
                changes += [Adaptation(f"{name}.{key}", plain(said[key]), "dropped") for key in counts]
        row = rows.get(name)
        if row is not None:
            given = value if row.turn is None else row.turn(value)
            if given is DROPPED:
                changes.append(Adaptation(name, plain(value), "dropped"))
            elif given is not OMITTED:
                if isinstance(given, Adapted):
                    changes.append(Adaptation(name, plain(value), given.told or plain(given.value)))
                    given = given.value
                _put(body, row.to or name, given)
        elif name in _CANONICAL and value == _LEFT_TO_PROVIDER:
            continue
        elif name in _CANONICAL or name in _COUNTS or (others is None and name not in _ELSEWHERE):
            changes.append(Adaptation(name, plain(value), "dropped"))
        elif name not in _ELSEWHERE:
            own[name] = value
    if changes and isinstance(params, Unbending):
        raise Bent(changes)
    for name, value in own.items():
        _put(body, f"{others}.{name}" if others else name, value, whole=not others)
    return Encoded(body, tuple(changes))


def _put(body: dict[str, Any], to: str | tuple[str, ...], value: Any, *, whole: bool = False) -> None:  # noqa: ANN401
    if isinstance(to, tuple):
        for name, part in zip(to, value, strict=True):
            _put(body, name, part)
        return
    *path, last = [to] if whole else to.split(".")
    for step in path:
        body = body.setdefault(step, {})
    body[last] = value


def one_of(known: Mapping[str, Any] | Sequence[str], nearest: Mapping[str, str] | None = None) -> Callable[[Any], Any]:
    """Return a turn that takes the known words, as the provider spells them; `nearest` says what stands in for others.

    `auto`, unless it is known, is left out: it means that the provider is to choose.
    """
    words = known if isinstance(known, Mapping) else {word: word for word in known}

    def turn(value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, str):
            return DROPPED
        if value in words:
            return words[value]
        if value == "auto":
            return OMITTED
        if nearest and value in nearest:
            return Adapted(words[nearest[value]])
        return DROPPED

    return turn


def ratio(offered: Sequence[str], *, between: str = ":") -> Callable[[Any], Any]:
    """Return a turn from a size to the nearest of the ratios that a provider has, such as `16:9`."""

    def turn(value: Any) -> Any:  # noqa: ANN401
        if value == "auto":
            return OMITTED
        asked = ratio_of(value)
        if asked is None:
            return DROPPED
        name, faithful = nearest_ratio(asked, offered)
        sent = name.replace(":", between)
        return sent if faithful else Adapted(sent)

    return turn


def edges(value: Any) -> Any:  # noqa: ANN401
    """Turn a size into its width and height, for a row with two names."""
    return OMITTED if value == "auto" else parse_size(value) or DROPPED


def joined_by(between: str) -> Callable[[Any], Any]:
    """Return a turn that writes a size with another letter between its edges, such as `1024*1024`."""

    def turn(value: Any) -> Any:  # noqa: ANN401
        if value == "auto":
            return OMITTED
        size = parse_size(value)
        return DROPPED if size is None else f"{size[0]}{between}{size[1]}"

    return turn
