"""Which config applies to a request, from its headers and the model it names."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from gateway.catalogue import ModelRow
from gateway.choose.callers import Callers, allows
from gateway.choose.named_target import PROVIDER, VIRTUAL_KEY, bare, family_headers, named_target, provider_in
from gateway.choose.stored import Stored
from gateway.compile import ImageNode, Route, compile_config
from gateway.config.api_key import DEFAULT_WORKSPACE, ApiKey
from gateway.config.document import Document
from gateway.config.inline import read_inline
from gateway.config.overrides import Overrides, with_overrides
from gateway.config.parse import needs_target, parse, parse_settings
from gateway.config.snapshot import Snapshot
from gateway.config.spec import ConfigSpec, SettingsSpec, TargetSpec
from gateway.config.suggest import did_you_mean
from gateway.config.trusted_hosts import host_matcher
from gateway.config.virtual_key import VirtualKey
from gateway.errors import ConfigNotFound, GatewayError, InvalidConfig, Problem
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.wire import MissingField
from strategies import value

_REMEMBERED = 1024
_REMEMBERED_TARGETS = 16_384
"""Some 30 MB: a caller that sends large configs, all different, gets no more of the memory than that."""

_CONFIG = "x-portkey-config"
_CUSTOM_HOST, _FORWARD, _TIMEOUT = (
    "x-portkey-custom-host",
    "x-portkey-forward-headers",
    "x-portkey-request-timeout",
)
_OVERRIDING = (_CUSTOM_HOST, _FORWARD, _TIMEOUT)
_LIKE_AN_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_LIKE_A_WORD = re.compile(r"[\w.~/-]+", re.ASCII)
_MILLISECONDS = re.compile(r"0*[1-9][0-9]{0,5}", re.ASCII)
_LONGEST_TIMEOUT_MS = 600_000


@value()
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
        callers: Callers | None = None,
        stored: Stored | None = None,
    ) -> None:
        """Compile what the files hold."""
        gateway = snapshot.gateway
        self._virtual_keys = gateway.virtual_keys
        self.catalogue = gateway.catalogue
        self.budgets = gateway.budgets
        self.callers = callers or Callers(gateway.api_keys)
        self._stored = stored
        self._default = default_config or gateway.default_config
        self._make_leaf = make_leaf
        self._trusts = host_matcher((*trusted_hosts, *gateway.trusted_hosts))
        configs = snapshot.configs.items()
        self.declared: Mapping[str, Route] = {
            id_: compile_config(spec, make_leaf) for id_, spec in configs if isinstance(spec, ConfigSpec)
        }
        self._settings = {id_: spec.settings for id_, spec in configs if isinstance(spec, SettingsSpec)}
        self._remembered: OrderedDict[tuple[str | None, ...], tuple[Route, bool]] = OrderedDict()
        self._targets = 0

    def reachable(self, headers: Mapping[str, str]) -> list[ModelRow]:
        """Return the models that a caller may use."""
        caller = self.callers.caller(headers)
        return [row for row in self.catalogue.all_rows() if allows(caller, row.provider, row.id)]

    def configured(self) -> frozenset[str]:
        """Return the providers that need no credential of the caller's: they have one here, or need none."""
        keys = {key.provider for key in self._virtual_keys.values()}
        targets = (target for route in self.declared.values() for target in route.targets.values())
        local = {slug for slug, adapter in PROVIDERS.items() if adapter.local}
        return frozenset(keys | local | {target.provider for target in targets if not target.passthrough})

    def choose(self, headers: Mapping[str, str], model: str | None, caller: ApiKey | None = None) -> Choice:
        """Return the route for a request; raises the `GatewayError` that says what is missing."""
        config = headers.get(_CONFIG)
        workspace = DEFAULT_WORKSPACE if caller is None else caller.workspace
        if config is None and PROVIDER not in headers and VIRTUAL_KEY not in headers:
            config = (caller and caller.default_config) or self._default_of(workspace)
        route = self.declared.get(config) if config is not None else None
        by_operator, model_read = route is not None, False
        if route is None or any(name in headers for name in _OVERRIDING):
            route, model_read = self._compiled(headers, config, model, workspace)
        if model_read and model is not None:
            model = bare(model)
        if caller is not None:
            keys = self._keys_of(workspace)
            self.callers.check_allowed(caller, route, model, keys, by_operator=by_operator)
        return Choice(route, self.callers.credential(headers), model)

    def virtual_keys(self, workspace: str) -> Mapping[str, VirtualKey]:
        """Return the virtual keys that configs of a workspace may name."""
        return self._keys_of(workspace)

    def known(self, version: str) -> Route | None:
        """Return the route of a version of a config, as long as it is one of now or of a while ago."""
        return next((route for route in self.routes() if route.spec.version == version), None)

    def routes(self) -> Iterator[Route]:
        """Yield the routes that are known at the moment: of the files, and those that requests took of late."""
        yield from self.declared.values()
        yield from (route for route, _ in self._remembered.values())

    def _default_of(self, workspace: str) -> str | None:
        stored = None if self._stored is None else self._stored.default_config(workspace)
        return stored or self._default

    def _keys_of(self, workspace: str) -> Mapping[str, VirtualKey]:
        declared = self._virtual_keys
        return declared if self._stored is None else self._stored.virtual_keys(workspace, declared)

    def _compiled(
        self, headers: Mapping[str, str], config: str | None, model: str | None, workspace: str
    ) -> tuple[Route, bool]:
        """Return the route made from this request's own words, and whether the model's prefix was one of them."""
        named = headers.get(PROVIDER), headers.get(VIRTUAL_KEY)
        generation = 0 if self._stored is None else self._stored.generation(workspace)
        key = (
            f"{workspace} {generation}" if generation else "",  # where nothing is stored, all see the same
            config,
            *named,
            *map(headers.get, _OVERRIDING),
            provider_in(model, self.catalogue) if named == (None, None) else None,
            *family_headers(headers),
        )
        known = self._remembered.get(key)
        if known is None:
            known = self._remembered[key] = self._compile(headers, config, model, workspace)
            self._targets += len(known[0].targets)
            while len(self._remembered) > _REMEMBERED or self._targets > _REMEMBERED_TARGETS:
                _, (forgotten, _) = self._remembered.popitem(last=False)
                self._targets -= len(forgotten.targets)
        else:
            self._remembered.move_to_end(key)
        return known

    def _compile(
        self, headers: Mapping[str, str], config: str | None, model: str | None, workspace: str
    ) -> tuple[Route, bool]:
        overrides = self._overrides(headers)
        document, kept = self._document(config, workspace)
        if document is None:
            spec, model_read = self.declared[str(config)].spec, False
        else:
            spec, model_read = self._parsed(document, headers, config, model, workspace)
            spec = spec if kept is None else replace(spec, id=kept)
        if overrides is not None:
            spec = with_overrides(spec, overrides)
        try:
            route = compile_config(spec, self._make_leaf)
        except MissingField as missing:
            raise InvalidConfig([Problem(message=f"{missing}.")]) from None
        if overrides is not None and overrides.custom_host is not None and not overrides.custom_host_trusted:
            _check_custom_host(route, from_caller=kept is None)
        return route, model_read

    def _parsed(
        self, document: Document, headers: Mapping[str, str], config: str | None, model: str | None, workspace: str
    ) -> tuple[ConfigSpec, bool]:
        """Return the config that the request brings along, or the one that its headers or its model describe."""
        virtual_keys = self._keys_of(workspace)
        named = None
        if needs_target(document):
            parse_settings(document)  # a slip of its own is told before what the headers lack
            named = named_target(headers, model, document.data, virtual_keys, self.catalogue)
            document = Document(data={**document.data, **named.fields})
        try:
            spec = parse(
                document,
                virtual_keys=virtual_keys,
                trusted_hosts=self._trusts,
                host_from_header=_CUSTOM_HOST in headers,
            )
        except InvalidConfig as invalid:
            if named is None:
                raise
            raise named.blamed(invalid, alone=config is None) from None
        return spec, named is not None and named.model_read

    def _document(self, config: str | None, workspace: str) -> tuple[Document | None, str | None]:
        """Return what is to be read, `None` for a declared config, and its id where it is kept here under one."""
        if config is None:
            return Document(data={}), None
        if config in self.declared:
            return None, config
        if config in self._settings:
            # Not as from a file: what headers add to it is the caller's, and no more trusted for standing beside it.
            return Document(data=self._settings[config]), None
        kept = None if self._stored is None else self._stored.config(workspace, config)
        if kept is not None:
            return Document(data=kept.document), kept.slug
        document = read_inline(config)
        if document is not None:
            if "tests" in document.data:
                message = "`tests` are run for configs in files and stored ones; remove them from what requests bring."
                raise InvalidConfig([document.problem("$.tests", message)])
            return document, None
        takes = "the id of a stored config, a JSON object, or base64 of one"
        if not _LIKE_A_WORD.fullmatch(config):
            raise InvalidConfig([Problem(message=f"this is not {takes}.", path=_CONFIG)])
        said = "that id."
        if _LIKE_AN_ID.fullmatch(config):  # what is not may hold a key, and is not repeated
            own = () if self._stored is None else self._stored.configs(workspace)
            said = f"the id {config!r}{did_you_mean(config, [*self.declared, *self._settings, *own])}"
        raise ConfigNotFound(f"No config has {said} {_CONFIG} takes {takes}.", param=_CONFIG)

    def _overrides(self, headers: Mapping[str, str]) -> Overrides | None:
        if not any(name in headers for name in _OVERRIDING):
            return None
        host = headers.get(_CUSTOM_HOST)
        if host is not None:
            _check(_CUSTOM_HOST, {"provider": "openai-compatible", "custom_host": host})
        return Overrides(
            custom_host=host,
            custom_host_trusted=host is not None and self._trusts(urlsplit(host).netloc),
            forward_headers=_forwarded(headers.get(_FORWARD)),
            request_timeout=_seconds(headers.get(_TIMEOUT)),
        )


def _check(header: str, data: Mapping[str, Any]) -> None:
    # The grammar is the config's own: one place decides what a URL, or a list of headers, may look like.
    try:
        parse(Document(data=data), virtual_keys={}, root=header)
    except InvalidConfig as invalid:
        message = "; ".join(problem.message for problem in invalid.problems)
        raise GatewayError(f"{header}: {message}", code=invalid.code, param=header) from None


def _forwarded(names: str | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    wanted = tuple(name.strip().lower() for name in names.split(",") if name.strip())
    _check(_FORWARD, {"provider": "openai", "passthrough": True, "forward_headers": list(wanted)})
    return wanted


def _seconds(milliseconds: str | None) -> float | None:
    if milliseconds is None:
        return None
    if not _MILLISECONDS.fullmatch(milliseconds) or int(milliseconds) > _LONGEST_TIMEOUT_MS:
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
