"""The one target that a request's headers, or else its model's name, describe."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.catalogue import Catalogue
from gateway.config.not_yet import ALIASES
from gateway.config.provider_fields import ALL_FIELDS, FIELDS, SECRET_FIELDS
from gateway.config.suggest import did_you_mean, printable
from gateway.config.virtual_key import VirtualKey
from gateway.errors import GatewayError, InvalidConfig
from gateway.providers import PROVIDERS

PROVIDER, VIRTUAL_KEY = "x-portkey-provider", "x-portkey-virtual-key"

_SLUGS = frozenset({*PROVIDERS, *ALIASES})
"""What a model's name may be prefixed with."""

_PREFIX = "x-portkey-"
_FAMILIES = ("openai-", "azure-", "aws-", "vertex-", "workers-ai-", "stability-", "fireworks-", "huggingface-")
"""`x-portkey-<family>…` headers carry fields of the provider that the request names."""


@dataclass(frozen=True, slots=True)
class NamedTarget:
    """A target in the words of a config, and where each of them came from."""

    fields: Mapping[str, Any]
    said: Mapping[str, str]
    """Field → the header, or `model`, that said it."""
    model_read: bool
    """Whether the provider is part of the model's name, which then is sent without it."""

    def blamed(self, invalid: InvalidConfig, *, alone: bool) -> InvalidConfig:
        """Return the same problems at the headers they came from; `alone` says that there was no config beside them."""
        places = {f"$.{name}": header for name, header in self.said.items()}
        if alone:
            places["$"] = self.said.get("virtual_key") or self.said["provider"]
        return InvalidConfig(
            [replace(problem, path=places.get(problem.path, problem.path)) for problem in invalid.problems]
        )


def named_target(
    headers: Mapping[str, str],
    model: str | None,
    settings: Mapping[str, Any],
    virtual_keys: Mapping[str, VirtualKey],
    catalogue: Catalogue,
) -> NamedTarget:
    """Return what headers or model name, to be put beside the settings of a config that names no target itself."""
    slug, provider, said = headers.get(VIRTUAL_KEY), headers.get(PROVIDER), VIRTUAL_KEY
    if slug is None:
        said = PROVIDER
        if provider is None:
            provider, said = provider_in(model, catalogue), "model"
        if provider is None:
            raise _no_route(model, catalogue)
        if provider.startswith("@"):
            slug = provider
    if slug is not None:
        slug = slug.removeprefix("@")
        if slug not in virtual_keys:
            raise GatewayError(
                f"No virtual key is called {printable(slug)!r}{did_you_mean(slug, virtual_keys)} "
                "Virtual keys are declared under virtual_keys: in gateway.yaml.",
                param=said,
            )
        fields = _fields_for(virtual_keys[slug].provider, headers)
        return NamedTarget({"virtual_key": slug, **fields}, _said(fields, virtual_key=said), said == "model")
    provider = ALIASES.get(str(provider), str(provider))
    fields = _fields_for(provider, headers)
    named: dict[str, Any] = {"provider": provider, **fields}
    if not _has_credential({**settings, **fields}):
        named["passthrough"] = True
    return NamedTarget(named, _said(fields, provider=said), said == "model")


def family_headers(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return names and values of all headers that may say something about a target."""
    return tuple(
        word
        for name, value in headers.items()
        if name.startswith(_PREFIX) and name.startswith(_FAMILIES, len(_PREFIX))
        for word in (name, value)
    )


def provider_in(model: str | None, catalogue: Catalogue) -> str | None:
    """Return the provider, or the `@slug`, that a model's name leads to."""
    if model is None:
        return None
    return _split(model)[0] or catalogue.provider_of(model)


def bare(model: str) -> str:
    """Return a model's name without the provider it is prefixed with."""
    return _split(model)[1]


def _split(model: str) -> tuple[str | None, str]:
    prefix, slash, rest = model.partition("/")
    if slash and (prefix.startswith("@") or prefix in _SLUGS):
        return prefix, rest
    return None, model


def _fields_for(provider: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that the headers give a provider: its own, and what looks like a slip in one of its own.

    Clients may send the headers of several providers at once; those of the others are not meant for this one.
    """
    row = FIELDS.get(provider)
    if row is None:
        return {}
    own = row.all
    families = tuple({name.partition("_")[0] + "_" for name in row.options})
    words = family_headers(headers)
    written = {
        name.removeprefix(_PREFIX).replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)
    }
    return {
        name: value
        for name, value in written.items()
        if name in own or (name not in ALL_FIELDS and name.startswith(families))
    }


def _has_credential(fields: Mapping[str, Any]) -> bool:
    return any(name.lower().replace("_", "") in _SECRETS for name in fields)


_SECRETS = frozenset(name.replace("_", "") for name in SECRET_FIELDS)
"""Secret fields in the letters that snake_case and camelCase share."""


def _said(fields: Mapping[str, str], **named: str) -> dict[str, str]:
    return {**named, **{name: _PREFIX + name.replace("_", "-") for name in fields}}


def _no_route(model: str | None, catalogue: Catalogue) -> GatewayError:
    known = [row.id for row in catalogue.all_rows()]
    prefix, slash, _ = (model or "").partition("/")
    names = sorted(_SLUGS) if slash else known
    unknown = "" if model is None else f"The model {printable(model)!r} leads to no provider"
    guess = unknown and unknown + did_you_mean(prefix, names)
    offer = "" if guess.endswith("?") else f" Providers: {', '.join(sorted(PROVIDERS))}."
    return GatewayError(
        f"{guess} Nothing says where this request should go: send x-portkey-config (an id or JSON), x-portkey-provider "
        "with its key in Authorization, or x-portkey-virtual-key; or name the provider in the model, as in "
        f"openai/gpt-image-2.{offer}".strip(),
        code="no_route",
        param="model",
    )
