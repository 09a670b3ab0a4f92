"""Hosts of many models: their names in addresses, and what each family of models calls what it takes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.dialect.encode import Field, ratio
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Polarity
from gateway.shapes import parse_size
from gateway.wire import Target
from strategies import Failure

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)*", re.ASCII)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """Sizes that may be asked for edge by edge, and the names and words that go with them."""

    multiple: int
    least: int
    most: int
    names: tuple[str, str, str] = ("aspect_ratio", "width", "height")
    word: str = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a family of models takes."""

    fields: tuple[Field, ...]
    ratios: tuple[str, ...] = ()
    """The shapes it has, where sizes are asked for as shapes."""
    ratio_name: str = "aspect_ratio"
    custom: Custom | None = None
    image: str | None = None
    """What it calls the one picture it works on."""
    images: str | None = None
    """What it calls a list of them."""
    most: int = 1
    mask: str | None = None
    polarity: Polarity | None = "white"
    """What marks the part to change; `None` where the mask goes as it came."""

    def fields_for(self, params: Mapping[str, Any]) -> tuple[Field, ...]:
        """Return the rows for a request, the one for its size among them."""
        custom, size = self.custom, parse_size(params.get("size"))
        if custom is not None and size is not None and _fits(size, custom):
            return (*self.fields, Field("size", custom.names, lambda _asked: (custom.word, *size)))
        return (*self.fields, Field("size", self.ratio_name, ratio(self.ratios))) if self.ratios else self.fields


Families = Sequence[tuple[str, Inputs]]


def family(model: str, families: Families) -> Inputs:
    """Return what a model takes: that of the first pattern that is found in its name."""
    return next(inputs for pattern, inputs in families if re.search(pattern, model))


def is_name(model: str) -> bool:
    """Whether a model's name may stand in an address without leading elsewhere."""
    return len(model) <= _LONGEST_NAME and _NAME.fullmatch(model) is not None


def is_link(address: str) -> bool:
    """Whether an address that an answer names is a whole one: anything else would be read as a path of the target's."""
    return address.startswith(("https://", "http://"))


def unnamed(request: ImageRequest, target: Target, example: str) -> Failure:
    """Return the failure of a request whose model is missing, or no name of the provider's."""
    said = f"{target.provider} has no model of such a name" if request.model else f"{target.provider} needs a model"
    return unsupported(f"{said}: name one, such as {example}", "model")


def pictures(request: ImageRequest, target: Target, inputs: Inputs) -> dict[str, Any] | Failure:
    """Return the inputs that hold the pictures to work on, as data URLs."""
    uploads = request.images
    if not uploads:
        return {} if request.operation == "generate" else cannot(request, target)
    if inputs.mask is None:
        refused = no_mask(request, target)
        if refused is not None:
            return refused
    if inputs.image is None and inputs.images is None:
        return cannot(request, target)
    most = inputs.most if inputs.images else 1
    if len(uploads) > most:
        return unsupported(f"{request.model} works on {most} picture{'s' * (most > 1)} at most", "image")
    found = [Embedded(upload=upload, form="data_url") for upload in uploads]
    single = inputs.image if len(found) == 1 else None
    given: dict[str, Any] = {single: found[0]} if single else {inputs.images or "": found}
    if request.mask is not None and inputs.mask is not None:
        given[inputs.mask] = Embedded(upload=request.mask, form="data_url", mask=inputs.polarity)
    return given


def _fits(size: tuple[int, int], custom: Custom) -> bool:
    return all(custom.least <= edge <= custom.most and edge % custom.multiple == 0 for edge in size)
