"""What the database holds of configs and keys, as requests need it: read once, and again where it changed."""

import logging
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.config.api_key import ApiKey
from gateway.config.document import Document
from gateway.config.virtual_key import VirtualKey, parse_virtual_key
from gateway.ledger import read_rates, read_usage
from gateway.store.changes import Changes
from gateway.store.sealing import CannotOpen

_log = logging.getLogger("gateway.choose")

Open = Callable[[Any, str], Any]
"""Returns a document with its secrets opened; given the document, and the place that it was sealed for."""

Row = Any
"""A row of the database: a mapping by column, whatever its keys are called in the library."""

_ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """A config in the database, with its secrets."""

    id: str
    slug: str
    document: Mapping[str, Any]


class Stored:
    """Configs and keys of all workspaces. Nothing of one is ever found from another."""

    def __init__(self, digest: Callable[[str], str], opened: Open) -> None:
        """Begin empty; `digest` is what keys are stored as."""
        self.revision = 0
        self._digest = digest
        self._opened = opened
        self._configs: dict[str, dict[str, StoredConfig]] = {}
        self._defaults: dict[str, str] = {}
        self._virtual_keys: dict[str, dict[str, VirtualKey]] = {}
        self._api_keys: dict[str, ApiKey] = {}
        self._slugs: dict[str, tuple[str, str]] = {}
        self._digests: dict[str, tuple[str, ...]] = {}
        self._generations: dict[str, int] = {}

    def take(self, changes: Changes) -> None:
        """Take over what changed; a row that cannot be read is told of, and as good as removed."""
        if changes.whole:
            self._forget_all()
        for row in changes.virtual_keys:
            self._place(self._virtual_keys, row, self._virtual_key)
        for row in changes.configs:
            self._place(self._configs, row, self._config)
            workspace, slug = row["workspace"], row["slug"]
            if row["status"] == _ACTIVE and row["is_default"]:
                self._defaults[workspace] = slug
            elif self._defaults.get(workspace) == slug:
                del self._defaults[workspace]
        for row in changes.api_keys:
            for digest in self._digests.pop(row["id"], ()):
                self._api_keys.pop(digest, None)
            if row["status"] == _ACTIVE:
                found = dict(self._digested(row))
                self._api_keys |= found
                self._digests[row["id"]] = tuple(found)
        self.revision = changes.revision

    @property
    def has_keys(self) -> bool:
        """Whether there is any API key."""
        return bool(self._api_keys)

    def api_key(self, presented: str) -> ApiKey | None:
        """Return whose key this is."""
        return self._api_keys.get(self._digest(presented)) if self._api_keys else None

    def api_keys(self) -> Iterator[ApiKey]:
        """Yield the holders of all keys: one that is being rotated goes by two of them."""
        return iter({key.id: key for key in self._api_keys.values()}.values())

    def config(self, workspace: str, slug: str) -> StoredConfig | None:
        """Return a config of a workspace, by its slug, or the id that its creator was given."""
        shelf = self._configs.get(workspace, {})
        if slug in shelf:
            return shelf[slug]
        _, name = self._slugs.get(slug, (workspace, slug))
        found = shelf.get(name)
        return found if found is not None and found.id == slug else None

    def configs(self, workspace: str) -> Iterator[str]:
        """Yield the ids of a workspace's configs."""
        return iter(self._configs.get(workspace, {}))

    def default_config(self, workspace: str) -> str | None:
        """Return the id of the config for requests that name none."""
        return self._defaults.get(workspace)

    def virtual_keys(self, workspace: str, declared: Mapping[str, VirtualKey]) -> Mapping[str, VirtualKey]:
        """Return the virtual keys that a workspace sees; of two with one name, the one in the file."""
        own = self._virtual_keys.get(workspace)
        return ChainMap(dict(declared), own) if own else declared

    def generation(self, workspace: str) -> int:
        """Return a number that changes with the configs and virtual keys of a workspace; 0: it has none."""
        return self._generations.get(workspace, 0)

    def _place(self, shelves: dict[str, dict[str, Any]], row: Row, read: Callable[[Row], Any]) -> None:
        workspace, slug = row["workspace"], row["slug"]
        shelf = shelves.setdefault(workspace, {})
        before = self._slugs.pop(row["id"], None)
        if before is not None:
            shelves.get(before[0], {}).pop(before[1], None)
        self._generations[workspace] = self._generations.get(workspace, 0) + 1
        if row["status"] != _ACTIVE:
            return
        try:
            shelf[slug] = read(row)
            self._slugs[row["id"]] = (workspace, slug)
        except (CannotOpen, ValueError) as wrong:
            _log.error("%s of the workspace %s cannot be used: %s", slug, workspace, wrong)

    def _config(self, row: Row) -> StoredConfig:
        document = self._opened(row["document"], f"{row['workspace']}/configs/{row['id']}")
        return StoredConfig(row["id"], row["slug"], document)

    def _virtual_key(self, row: Row) -> VirtualKey:
        written = self._opened(row["document"], f"{row['workspace']}/virtual_keys/{row['id']}")
        parsed = parse_virtual_key(row["slug"], Document(data=written), "$")
        if isinstance(parsed, list):
            raise ValueError("; ".join(map(str, parsed)))  # noqa: TRY004 - it is the row that is wrong
        usage, rates = read_usage(row["usage_limits"]), read_rates(row["rate_limits"])
        return replace(
            parsed,
            workspace=row["workspace"],
            usage=None if isinstance(usage, list) else usage,
            rates=() if isinstance(rates, list) else rates,
            expires=_seconds(row["expires_ms"]),
        )

    def _digested(self, row: Row) -> Iterator[tuple[str, ApiKey]]:
        """Yield each digest that a key is recognised by: after a rotation, for a while, two."""
        usage, rates = read_usage(row["usage_limits"]), read_rates(row["rate_limits"])
        allow, defaults = row["allow"] or {}, row["defaults"] or {}
        key = ApiKey(
            name=row["name"],
            id=row["id"],
            workspace=row["workspace"],
            scopes=frozenset(row["scopes"] or ()),
            expires=_seconds(row["expires_ms"]),
            default_config=defaults.get("config_id"),
            default_metadata=defaults.get("metadata") or {},
            allow_providers=_words(allow.get("providers")),
            allow_models=_words(allow.get("models")),
            usage=None if isinstance(usage, list) else usage,
            rates=() if isinstance(rates, list) else rates,
        )
        yield row["digest"], key
        until = _seconds(row["old_until_ms"])
        if row["old_digest"] is not None and until is not None:
            yield row["old_digest"], replace(key, expires=until if key.expires is None else min(until, key.expires))

    def _forget_all(self) -> None:
        shelves: tuple[dict[str, Any], ...] = (
            self._configs,
            self._defaults,
            self._virtual_keys,
            self._api_keys,
            self._slugs,
            self._digests,
        )
        for shelf in shelves:
            shelf.clear()
        for workspace in self._generations:
            self._generations[workspace] += 1


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _words(written: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - any JSON value
    return tuple(written) if written else None
