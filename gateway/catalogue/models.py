"""What is known of each model: rows of `schemas/catalogue`, typed, read when a provider is first asked for."""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from gateway.catalogue.sizes import Sizes, sizes_of

CANONICAL = frozenset(
    {
        "prompt",
        "model",
        "n",
        "size",
        "quality",
        "style",
        "response_format",
        "user",
        "background",
        "moderation",
        "output_format",
        "output_compression",
        "partial_images",
        "stream",
        "input_fidelity",
        "watermark",
        "seed",
        "negative_prompt",
        "image",
        "mask",
    }
)
"""The parameters whose meaning is ours to know; all others travel as they are."""

_REMEMBERED = 4096
_DATED = re.compile(r"(.+)-[0-9]{4}-[0-9]{2}-[0-9]{2}")
# An Azure deployment has the customer's own name; these options say what stands behind it, the surest first.
_NAMING_OPTIONS = ("azure_model_name", "azure_deployment_id")
# Who a model is and when it ends is never taken over from the row it is like.
_OWN = ("id", "like", "aliases", "retires")


class UnknownRow(Exception):
    """A row that is to be like one that there is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrices:
    """US dollars for a million tokens; `None` where there is no such price."""

    text_in: float
    image_out: float
    image_in: float | None = None
    text_out: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars, by whatever the provider counts."""

    tokens: TokenPrices | None = None
    images: Mapping[str, Mapping[str, float]]
    """One picture, by size and then by quality."""
    image: float | None = None
    """One picture, whatever its size and quality."""
    megapixel: float | None = None
    """One picture, for each million pixels that were begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimits:
    """Limits of the pictures that are handed in to be edited."""

    images_max: int
    formats: tuple[str, ...]
    bytes_max: int
    square: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelRow:
    """One model of one provider."""

    provider: str
    id: str
    aliases: tuple[str, ...]
    retires: date | None
    """The day the provider stops serving it, past or to come."""
    prompt_max: int | None
    n_max: int
    sizes: Sizes | None
    default_size: str | None
    default_quality: str | None
    responses: tuple[str, ...]
    """`url`, `b64_json` or both; the first is what comes when nothing is asked."""
    choices: Mapping[str, tuple[str, ...]]
    """Parameters with a list of values: `quality`, `style`, `background`, `output_format` …"""
    takes: frozenset[str]
    """Every canonical parameter the model has."""
    generate: bool
    """Whether it paints from words alone."""
    promptless: bool
    """Whether it works on a picture without being told what to do."""
    edit: bool
    mask: bool
    variation: bool
    stream: bool
    """Whether the provider sends server-sent events."""
    input: InputLimits | None
    prices: Prices | None

    @property
    def native(self) -> str:
        """The form pictures come in when nothing is asked: `url` or `b64_json`."""
        return self.responses[0]


class Catalogue:
    """The rows there are: the built-in ones, and those of the operator, which come first."""

    def __init__(self, own: Iterable[ModelRow] = ()) -> None:
        """Put the operator's rows before the built-in ones."""
        self._own: dict[str, dict[str, ModelRow]] = {}
        self._known: dict[tuple[str, str], ModelRow | None] = {}
        for row in own:
            self._own.setdefault(row.provider, {}).update(dict.fromkeys((row.id, *row.aliases), row))

    def find(self, provider: str, model: str | None, options: Mapping[str, Any] | None = None) -> ModelRow | None:
        """Return what is known of a provider's model, or `None`: an unknown model is passed through.

        The options are a target's provider fields. Where they name what stands behind a deployment, they decide.
        """
        name = model if not options else next((given for key in _NAMING_OPTIONS if (given := options.get(key))), model)
        if not isinstance(name, str):
            return None
        try:
            return self._known[provider, name]
        except KeyError:
            row = self._look_up(provider, name)
        if len(self._known) < _REMEMBERED:  # names come from callers
            self._known[provider, name] = row
        return row

    def _look_up(self, provider: str, name: str) -> ModelRow | None:
        built_in = _rows(provider) if provider in _sources() else {}
        for rows in (self._own[provider], built_in) if provider in self._own else (built_in,):
            row = rows.get(name)
            if row is None and (dated := _DATED.fullmatch(name)):
                row = rows.get(dated[1])
            if row is not None:
                return row
        return None

    def all_rows(self) -> tuple[ModelRow, ...]:
        """Return every row once, provider by provider."""
        found = []
        for provider in sorted({*_sources(), *self._own}):
            built_in = _rows(provider) if provider in _sources() else {}
            rows = {**built_in, **self._own.get(provider, {})}
            found += [row for name, row in rows.items() if name == row.id]
        return tuple(found)

    def provider_of(self, model: str) -> str | None:
        """Return the provider that a bare model name leads to."""
        for provider, rows in self._own.items():
            if model in rows:
                return provider
        owners = _owners()
        owner = owners.get(model)
        if owner is None and (dated := _DATED.fullmatch(model)):
            owner = owners.get(dated[1])
        return owner


BUILT_IN = Catalogue()


def row_of(provider: str, document: Mapping[str, Any]) -> ModelRow:
    """Return the row that a document describes; its shape has been checked against the schema."""
    document = _completed(provider, document)
    choices = {name: tuple(values) for name, values in document.get("choices", {}).items() if values is not None}
    responses = tuple(document.get("responses", ("url", "b64_json")))
    edit, mask, stream = (bool(document.get(key)) for key in ("edit", "mask", "stream"))
    variation = bool(document.get("variation"))
    implied = {
        "size": document.get("sizes") is not None,
        "response_format": len(responses) > 1,
        "image": edit or variation,
        "mask": mask,
        "stream": stream,
        "partial_images": stream,
    }
    retires, limits = document.get("retires"), document.get("input")
    return ModelRow(
        provider=provider,
        id=document["id"],
        aliases=tuple(document.get("aliases", ())),
        retires=None if retires is None else date.fromisoformat(retires),
        prompt_max=document.get("prompt_max"),
        n_max=document.get("n_max", 1),
        sizes=sizes_of(document.get("sizes")),
        default_size=document.get("default_size"),
        default_quality=document.get("default_quality"),
        responses=responses,
        choices=choices,
        takes=frozenset(
            {"prompt", "model", "n", *document.get("takes", ()), *choices, *(name for name in implied if implied[name])}
        ),
        generate=document.get("generate", True),
        promptless=bool(document.get("promptless")),
        edit=edit,
        mask=mask,
        variation=variation,
        stream=stream,
        input=None if limits is None else InputLimits(**{**limits, "formats": tuple(limits["formats"])}),
        prices=_prices(document.get("price")),
    )


def _prices(document: Mapping[str, Any] | None) -> Prices | None:
    if document is None:
        return None
    tokens = document.get("tokens")
    return Prices(
        tokens=None if tokens is None else TokenPrices(**tokens),
        images=document.get("images", {}),
        image=document.get("image"),
        megapixel=document.get("megapixel"),
    )


def _completed(provider: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    like = document.get("like")
    if like is None:
        return document
    origin, first = _likeness(provider, like)
    inherited = {key: value for key, value in _completed(origin, first).items() if key not in _OWN}
    choices = {**inherited.get("choices", {}), **document.get("choices", {})}
    return {**inherited, **document, "choices": choices}


def _likeness(provider: str, like: str) -> tuple[str, Mapping[str, Any]]:
    """Return the row that is meant and whose it is: the provider's own first, as model names may have slashes."""
    origin, _, model = like.partition("/")
    for owner, name in ((provider, like), (origin, model)):
        rows = _document(owner)["models"] if owner in _sources() else ()
        found = next((row for row in rows if row["id"] == name), None)
        if found is not None:
            return owner, found
    raise UnknownRow(f"no row is called {like!r}, neither of {provider} nor as provider/id")


@functools.cache
def _sources() -> Mapping[str, Traversable]:
    folder = files("schemas").joinpath("catalogue")
    found = {file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")}
    return dict(sorted(found.items()))


@functools.cache
def _document(provider: str) -> Any:  # noqa: ANN401 - the YAML boundary; tests hold the files against the schema
    return yaml.load(_sources()[provider].read_bytes(), Loader=yaml.CSafeLoader)


@functools.cache
def _rows(provider: str) -> Mapping[str, ModelRow]:
    rows = [row_of(provider, document) for document in _document(provider)["models"]]
    return {name: row for row in rows for name in (row.id, *row.aliases)}


@functools.cache
def _owners() -> Mapping[str, str]:
    owning = [provider for provider in _sources() if _document(provider).get("own_names", True)]
    return {name: provider for provider in reversed(owning) for name in _rows(provider)}
