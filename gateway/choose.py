"""Which config applies to a request (SPEC: choosing the route), from its headers and the model it names."""

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from gateway.catalogue import provider_of
from gateway.compile import ImageNode, Route, compile_config
from gateway.config.document import Document
from gateway.config.folder import Snapshot
from gateway.config.gateway_file import ApiKey
from gateway.config.inline import read_inline
from gateway.config.overrides import Overrides, with_overrides
from gateway.config.parse import needs_target, parse
from gateway.config.spec import TargetSpec
from gateway.config.suggest import did_you_mean
from gateway.config.trusted_hosts import host_matcher
from gateway.errors import ConfigNotFound, GatewayError, InvalidConfig, InvalidKey, NotAllowed
from gateway.providers import PROVIDERS
from gateway.secret import Secret

_REMEMBERED = 1024
_FAMILIES = ("openai-", "azure-", "aws-", "vertex-", "workers-ai-", "stability-", "fireworks-", "huggingface-")
"""`x-portkey-<family>…` headers carry fields of the provider that the request names."""

_PREFIX = "x-portkey-"
_CONFIG, _PROVIDER, _VIRTUAL_KEY = "x-portkey-config", "x-portkey-provider", "x-portkey-virtual-key"
_CUSTOM_HOST, _FORWARD, _TIMEOUT = (
    "x-portkey-custom-host",
    "x-portkey-forward-headers",
    "x-portkey-request-timeout",
)
_OVERRIDING = (_CUSTOM_HOST, _FORWARD, _TIMEOUT)
_LONGEST_TIMEOUT_MS = 600_000


@dataclass(frozen=True, slots=True)
class Choice:
    """The route of one request, and what its caller brought along for it."""

    route: Route
    credential: Secret | None
    model: str | None
    """The model without the provider it was prefixed with."""


class Chooser:
    """Finds the route for a request among the configs of one snapshot, and remembers what it has compiled."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        default_config: str | None,
        trusted_hosts: tuple[str, ...],
        make_leaf: Callable[[TargetSpec, bool], ImageNode],
    ) -> None:
        """Compile what the files hold."""
        gateway = snapshot.gateway
        self._virtual_keys = gateway.virtual_keys
        self._keys = gateway.api_keys
        self._default = default_config or gateway.default_config
        self._make_leaf = make_leaf
        self._trusts = host_matcher((*trusted_hosts, *gateway.trusted_hosts))
        self.stored: Mapping[str, Route] = {
            id_: compile_config(spec, make_leaf) for id_, spec in snapshot.configs.items()
        }
        self._remembered: OrderedDict[tuple[str | None, ...], tuple[Route, bool]] = OrderedDict()

    def choose(self, headers: Mapping[str, str], model: str | None) -> Choice:
        """Return the route for a request; raises the `GatewayError` that says what is missing."""
        caller = self._caller(headers)
        config = headers.get(_CONFIG)
        stored = config
        if stored is None and _PROVIDER not in headers and _VIRTUAL_KEY not in headers:
            stored = (caller and caller.default_config) or self._default
        route = self.stored.get(stored) if stored is not None else None
        model_read = False
        if route is None or any(name in headers for name in _OVERRIDING):
            route, model_read = self._compiled(headers, stored, model)
        credential = self._credential(headers)
        if model_read and model is not None:
            model = _split(model)[1]
        if caller is not None:
            _check_allowed(caller, route, model)
        return Choice(route, credential, model)

    def _caller(self, headers: Mapping[str, str]) -> ApiKey | None:
        if not self._keys:
            return None
        for presented in (headers.get("x-portkey-api-key"), _bearer(headers)):
            key = self._known(presented)
            if key is not None:
                return key
        raise InvalidKey(
            "This gateway needs one of its own keys: send it in x-portkey-api-key, or as Authorization: Bearer <key>."
        )

    def _known(self, presented: str | None) -> ApiKey | None:
        if not presented:
            return None
        token = presented.encode()
        return next((key for key in self._keys if hmac.compare_digest(key.key.reveal().encode(), token)), None)

    def _credential(self, headers: Mapping[str, str]) -> Secret | None:
        """Return what the caller sent for the provider; a gateway key, or what repeats one, is never that."""
        own = headers.get("x-portkey-api-key")
        for presented in (_bearer(headers), headers.get("api-key"), headers.get("x-api-key")):
            if presented and presented != own and self._known(presented) is None:
                return Secret(presented)
        return None

    def _compiled(
        self, headers: Mapping[str, str], config: str | None, model: str | None
    ) -> tuple[Route, bool]:
        """Return the route made from this request's own words, and whether the model's prefix was one of them."""
        fields = _family_fields(headers)
        named = headers.get(_PROVIDER), headers.get(_VIRTUAL_KEY)
        key = (
            config,
            *named,
            *map(headers.get, _OVERRIDING),
            None if any(named) else _provider_of(model),
            *(word for pair in fields.items() for word in pair),
        )
        known = self._remembered.get(key)
        if known is None:
            known = self._compile(headers, config, model, fields)
            self._remembered[key] = known
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        else:
            self._remembered.move_to_end(key)
        return known

    def _compile(
        self, headers: Mapping[str, str], config: str | None, model: str | None, fields: Mapping[str, str]
    ) -> tuple[Route, bool]:
        overrides = self._overrides(headers)
        model_read = False
        if config is not None and config in self.stored:
            spec, from_caller = self.stored[config].spec, False
        else:
            document = Document(data={}) if config is None else self._read(config)
            from_caller = config is not None
            if needs_target(document):
                target, model_read = self._named_target(headers, model, fields)
                document = Document(data={**document.data, **target})
            spec = parse(document, virtual_keys=self._virtual_keys, trusted_hosts=self._trusts)
        if overrides is not None:
            spec = with_overrides(spec, overrides)
        route = compile_config(spec, self._make_leaf)
        if overrides is not None and overrides.custom_host is not None and not overrides.custom_host_trusted:
            _check_custom_host(route, from_caller=from_caller)
        return route, model_read

    def _read(self, config: str) -> Document:
        document = read_inline(config)
        if document is None:
            raise ConfigNotFound(
                f"No config has the id {config[:100]!r}{did_you_mean(config, self.stored)} "
                "x-portkey-config takes the id of a stored config, a JSON object, or base64 of one.",
                param=_CONFIG,
            )
        return document

    def _named_target(
        self, headers: Mapping[str, str], model: str | None, fields: Mapping[str, str]
    ) -> tuple[dict[str, Any], bool]:
        """Return the one target that headers, or else the model's name, describe."""
        slug, provider, model_read = headers.get(_VIRTUAL_KEY), headers.get(_PROVIDER), False
        if slug is None and provider is None:
            provider, model_read = _provider_of(model), True
        if slug is None and provider is not None and provider.startswith("@"):
            slug, provider = provider[1:], None
        if slug is not None:
            slug = slug.removeprefix("@")
            if slug not in self._virtual_keys:
                raise GatewayError(
                    f"No virtual key is called {slug[:100]!r}{did_you_mean(slug, self._virtual_keys)} "
                    "Virtual keys are declared under virtual_keys: in gateway.yaml.",
                    param="model" if model_read else _VIRTUAL_KEY,
                )
            return {"virtual_key": slug}, model_read
        if provider is not None:
            secret = any(name in fields for name in ("azure_ad_token",))
            return {"provider": provider, **fields, **({} if secret else {"passthrough": True})}, model_read
        raise GatewayError(
            "Nothing says where this request should go: send x-portkey-config (an id or JSON), x-portkey-provider "
            "with its key in Authorization, or x-portkey-virtual-key; or name the provider in the model, as in "
            f"openai/gpt-image-2. Providers: {', '.join(sorted(PROVIDERS))}.",
            code="no_route",
            param="model",
        )

    def _overrides(self, headers: Mapping[str, str]) -> Overrides | None:
        if not any(name in headers for name in _OVERRIDING):
            return None
        host = headers.get(_CUSTOM_HOST)
        if host is not None:
            _check_url(host)
        names = headers.get(_FORWARD)
        return Overrides(
            custom_host=host,
            custom_host_trusted=host is not None and self._trusts(urlsplit(host).netloc),
            forward_headers=None if names is None else _forwarded(names),
            request_timeout=_seconds(headers.get(_TIMEOUT)),
        )


def _check_url(host: str) -> None:
    # The grammar of custom hosts is the config's own: one place decides what a URL may look like.
    parse(Document(data={"provider": "openai-compatible", "custom_host": host}), virtual_keys={})


def _forwarded(names: str) -> tuple[str, ...]:
    wanted = tuple(name.strip().lower() for name in names.split(",") if name.strip())
    parse(
        Document(
            data={"provider": "openai", "passthrough": True, "forward_headers": list(wanted)},
        ),
        virtual_keys={},
    )
    return wanted


def _seconds(milliseconds: str | None) -> float | None:
    if milliseconds is None:
        return None
    if not milliseconds.isascii() or not milliseconds.isdigit() or not 1 <= int(milliseconds) <= _LONGEST_TIMEOUT_MS:
        raise GatewayError(
            f"{_TIMEOUT}: expected milliseconds from 1 to {_LONGEST_TIMEOUT_MS}, got {milliseconds[:40]!r}.",
            param=_TIMEOUT,
        )
    return int(milliseconds) / 1000


def _check_custom_host(route: Route, *, from_caller: bool) -> None:
    """A caller's host never gets a credential that the caller did not send: it could be stolen that way."""
    for target in route.targets.values():
        if target.credentials and (target.virtual_key is not None or not from_caller):
            raise GatewayError(
                f"{_CUSTOM_HOST} cannot be combined with the stored credential of {target.name or target.path}: "
                "send your own key, or let an operator list the host in trusted_hosts.",
                code="custom_host_blocked",
                param=_CUSTOM_HOST,
            )


def _check_allowed(caller: ApiKey, route: Route, model: str | None) -> None:
    for target in route.targets.values():
        if caller.allow_providers is not None and target.provider not in caller.allow_providers:
            raise NotAllowed(
                f"The key {caller.name!r} may not use the provider {target.provider}; "
                f"it may use {', '.join(caller.allow_providers)}."
            )
        sent = target.shaping.override_params.get("model", model)
        if (
            caller.allow_models is not None
            and sent is not None
            and not any(fnmatchcase(str(sent), pattern) for pattern in caller.allow_models)
        ):
            raise NotAllowed(
                f"The key {caller.name!r} may not use the model {sent!r}; it may use {', '.join(caller.allow_models)}.",
                param="model",
            )


def _bearer(headers: Mapping[str, str]) -> str | None:
    value = headers.get("authorization")
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else value.strip()


def _family_fields(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(_PREFIX).replace("-", "_"): value
        for name, value in headers.items()
        if name.startswith(_PREFIX) and name.removeprefix(_PREFIX).startswith(_FAMILIES)
    }


def _split(model: str) -> tuple[str | None, str]:
    """Split a model's name into the provider it is prefixed with, if it is, and the rest."""
    prefix, slash, rest = model.partition("/")
    if slash and (prefix.startswith("@") or prefix in PROVIDERS):
        return prefix, rest
    return None, model


def _provider_of(model: str | None) -> str | None:
    if model is None:
        return None
    return _split(model)[0] or provider_of(model)
