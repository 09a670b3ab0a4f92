"""Who sends a request, what it brought along for a provider, and what it may reach."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from gateway.compile import Route
from gateway.config.gateway_file import ApiKey
from gateway.config.spec import TargetSpec
from gateway.config.virtual_key import VirtualKey
from gateway.errors import InvalidKey, NotAllowed
from gateway.secret import Fingerprint, Secret

_OWN = "x-portkey-api-key"
_PROVIDERS_OWN = ("api-key", "x-api-key")
_SCHEMES = frozenset({"bearer", "basic", "digest"})
_LIKE_A_KEY = re.compile(r"[!-~]{16,512}")
"""As the schema of the gateway file has them: what looks otherwise is not worth a look-up."""


class Callers:
    """The API keys of one gateway; without any, it is open to everyone who reaches it, or to nobody."""

    def __init__(
        self, keys: tuple[ApiKey, ...], virtual_keys: Mapping[str, VirtualKey], *, open_without_keys: bool = True
    ) -> None:
        """Keep the keys, and what the names of deployments stand for.

        A gateway that others reach and that was not told to be open stays closed when an edit takes its last key away.
        """
        self._open = open_without_keys and not keys
        self._keys = {key.key: key for key in keys}
        self._virtual_keys = virtual_keys

    def caller(self, headers: Mapping[str, str]) -> ApiKey | None:
        """Return whose request it is, `None` where the gateway is open; raises `InvalidKey`."""
        if self._open:
            return None
        for presented in (headers.get(_OWN), _token(headers)):
            key = self._known(presented)
            if key is not None:
                return key
        raise InvalidKey(
            "This gateway needs one of its own keys: send it in x-portkey-api-key, or as Authorization: Bearer <key>."
        )

    def credential(self, headers: Mapping[str, str]) -> Secret | None:
        """Return what the caller sent for the provider; a gateway key, or what repeats one, is never that."""
        own = headers.get(_OWN)
        for presented in (_token(headers), *map(headers.get, _PROVIDERS_OWN)):
            if presented and presented != own and self._known(presented) is None:
                return Secret(presented)
        return None

    def check_allowed(self, caller: ApiKey, route: Route, model: str | None) -> None:
        """Raise `NotAllowed` unless the caller may use every target of the route with the model that it gets."""
        for target in route.targets.values():
            if caller.allow_providers is not None and target.provider not in caller.allow_providers:
                raise NotAllowed(
                    f"The key {caller.name!r} may not use the provider {target.provider}; "
                    f"it may use {', '.join(caller.allow_providers)}."
                )
            if caller.allow_models is None:
                continue
            sent = self._model_sent(target, model, by_operator=route.spec.id is not None)
            if sent is None or not any(fnmatchcase(sent, pattern) for pattern in caller.allow_models):
                what = "leave the model to the provider" if sent is None else f"use the model {sent!r}"
                raise NotAllowed(
                    f"The key {caller.name!r} may not {what}; name one that it may use: "
                    f"{', '.join(caller.allow_models)}.",
                    param="model",
                )

    def _known(self, presented: str | None) -> ApiKey | None:
        if not self._keys or not presented or _LIKE_A_KEY.fullmatch(presented) is None:
            return None
        return self._keys.get(Fingerprint(presented))

    def _model_sent(self, target: TargetSpec, model: str | None, *, by_operator: bool) -> str | None:
        """Return the model that will paint, as far as words say it; what stands behind a deployment, operators say."""
        deployment = target.options.get("azure_deployment_id")
        if deployment is not None:
            declared = {} if target.virtual_key is None else self._virtual_keys[target.virtual_key].options
            if by_operator or declared.get("azure_deployment_id") == deployment:
                words = target.options if by_operator else declared
                deployment = words.get("azure_model_name", deployment)
            return str(deployment)
        shaping = target.shaping
        if "model" in shaping.drop_params:
            return None
        sent = shaping.override_params.get("model", model or shaping.default_params.get("model"))
        return None if sent is None else str(sent)


def allows(caller: ApiKey | None, provider: str, model: str) -> bool:
    """Whether a caller may use a model of a provider."""
    if caller is None:
        return True
    if caller.allow_providers is not None and provider not in caller.allow_providers:
        return False
    patterns = caller.allow_models
    return patterns is None or any(fnmatchcase(model, pattern) for pattern in patterns)


def _token(headers: Mapping[str, str]) -> str | None:
    """Return what `Authorization` carries: a bearer token, or a bare one, as some clients send it."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return token.strip() or None
    return None if token or scheme.lower() in _SCHEMES else scheme or None
