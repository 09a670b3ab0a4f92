"""Who sends a request, what it brought along for a provider, and what it may reach."""

import hmac
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from gateway.choose.stored import Stored
from gateway.compile import Route
from gateway.config.api_key import PAINT, ApiKey
from gateway.config.scopes import SCOPES
from gateway.config.spec import TargetSpec
from gateway.config.virtual_key import VirtualKey
from gateway.errors import InvalidKey, NotAllowed
from gateway.secret import Fingerprint, Secret

_OWN = "x-portkey-api-key"
_PROVIDERS_OWN = ("api-key", "x-api-key")
_SCHEMES = frozenset({"bearer", "basic", "digest"})
_LIKE_A_KEY = re.compile(r"[!-~]{16,512}")
"""As the schema of the gateway file has them: what looks otherwise is not worth a look-up."""


ADMIN = ApiKey(name="admin", id="admin", scopes=SCOPES)
"""Who has the admin key."""


class Admin:
    """The admin key, as far as it has to be recognised."""

    def __init__(self, digest: str, digest_of: Callable[[str], str]) -> None:
        """Keep the digest of the key, and what makes digests."""
        self._digest = digest
        self._digest_of = digest_of

    def is_key(self, presented: str) -> bool:
        """Whether this is the admin key."""
        return hmac.compare_digest(self._digest, self._digest_of(presented))


class Callers:
    """The API keys of one gateway; without any, it is open to everyone who reaches it, or to nobody."""

    def __init__(
        self,
        keys: Mapping[Fingerprint, ApiKey],
        stored: Stored | None = None,
        *,
        admin: "Admin | None" = None,
        open_without_keys: bool = True,
    ) -> None:
        """Keep the keys of the gateway file, and what finds those of the database.

        A gateway that others reach and that was not told to be open stays closed when its last key is taken away.
        """
        self._open_without_keys = open_without_keys
        self._keys = keys
        self._stored = stored
        self._admin = admin

    def all(self) -> list[ApiKey]:
        """Return the holders of all keys there are: of the files, and of the database."""
        return [*self._keys.values(), *(() if self._stored is None else self._stored.api_keys())]

    @property
    def is_open(self) -> bool:
        """Whether nobody needs a key for pictures."""
        return self._open_without_keys and not self._keys and not (self._stored and self._stored.has_keys)

    def caller(self, headers: Mapping[str, str]) -> ApiKey | None:
        """Return whose request it is, `None` where the gateway is open; raises `InvalidKey`."""
        if self.is_open:
            return None
        return self.key_holder(headers)

    def key_holder(self, headers: Mapping[str, str]) -> ApiKey:
        """Return whose key a request carries; raises `InvalidKey`."""
        key = self._known(headers.get(_OWN))
        if key is None or key.is_over:
            key = self._known(_token(headers))
        if key is not None and not key.is_over:
            return key
        raise InvalidKey(
            "This gateway needs one of its own keys: send it in x-portkey-api-key, or as Authorization: Bearer <key>. "
            "`beamsplitter keys create` makes one, and so does whoever has the admin key."
        )

    def credential(self, headers: Mapping[str, str]) -> Secret | None:
        """Return what the caller sent for the provider; a gateway key, or what repeats one, is never that."""
        own = headers.get(_OWN)
        for presented in (_token(headers), *map(headers.get, _PROVIDERS_OWN)):
            if presented and presented != own and self._known(presented) is None:
                return Secret(presented)
        return None

    def check_allowed(
        self,
        caller: ApiKey,
        route: Route,
        model: str | None,
        virtual_keys: Mapping[str, VirtualKey],
        *,
        by_operator: bool,
    ) -> None:
        """Raise `NotAllowed` unless the caller may use every target of the route with the model that it gets.

        What a deployment stands for is taken from the words of operators alone: from files, and from virtual keys.
        """
        if PAINT not in caller.scopes:
            raise NotAllowed(f"The key {caller.name!r} is not for pictures: it has not the scope {PAINT}.")
        if caller.allow_providers is None and caller.allow_models is None:
            return
        for target in route.targets.values():
            if caller.allow_providers is not None and target.provider not in caller.allow_providers:
                raise NotAllowed(
                    f"The key {caller.name!r} may not use the provider {target.provider}; "
                    f"it may use {', '.join(caller.allow_providers)}."
                )
            if caller.allow_models is None:
                continue
            sent = _model_sent(target, model, virtual_keys, by_operator=by_operator)
            if sent is None or not any(fnmatchcase(sent, pattern) for pattern in caller.allow_models):
                what = "leave the model to the provider" if sent is None else f"use the model {sent!r}"
                raise NotAllowed(
                    f"The key {caller.name!r} may not {what}; name one that it may use: "
                    f"{', '.join(caller.allow_models)}.",
                    param="model",
                )

    def _known(self, presented: str | None) -> ApiKey | None:
        if not presented or _LIKE_A_KEY.fullmatch(presented) is None:
            return None
        found = self._keys.get(Fingerprint(presented)) if self._keys else None
        if found is None and self._stored is not None:
            found = self._stored.api_key(presented)
        if found is None and self._admin is not None and self._admin.is_key(presented):
            found = ADMIN
        return found


def _model_sent(
    target: TargetSpec, model: str | None, virtual_keys: Mapping[str, VirtualKey], *, by_operator: bool
) -> str | None:
    """Return the model that will paint, as far as words say it; what stands behind a deployment, operators say."""
    deployment = target.options.get("azure_deployment_id")
    if deployment is not None:
        declared = {} if target.virtual_key is None else virtual_keys[target.virtual_key].options
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
