"""The control plane of a running gateway: its routes, with what they work on."""

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.routing import Route

from gateway.cockpit.verdict import failed_tests
from gateway.config.snapshot import Snapshot
from gateway.config.virtual_key import VirtualKey
from gateway.http.control.analytics import analytics_routes
from gateway.http.control.logs import log_routes
from gateway.http.control.plane import Plane
from gateway.http.control.routes import control_routes
from gateway.http.record import kept_prompt
from gateway.ledger import Spent
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.stores import Stores


class Running(Protocol):
    """A gateway, as far as its control plane sees it."""

    settings: Settings
    stores: Stores | None

    @property
    def snapshot(self) -> Snapshot:
        """What the files hold now."""
        ...

    async def spent(self, accounts: Sequence[tuple[str, str]]) -> Sequence[Spent]:
        """Return what accounts have used of their windows."""
        ...

    def trusts(self) -> Callable[[str], bool]:
        """Return what tells which hosts the operator trusts."""
        ...


def routes_of(running: Running) -> list[Route]:
    """Return all routes of the control plane."""
    records = _Records(running)
    return [*control_routes(lambda: _plane(running)), *log_routes(records), *analytics_routes(records)]


def _plane(running: Running) -> Plane | None:
    stores = running.stores
    if stores is None:
        return None

    def visible(workspace: str) -> Mapping[str, VirtualKey]:
        return stores.stored.virtual_keys(workspace, running.snapshot.gateway.virtual_keys)

    def declared_configs() -> Collection[str]:
        return running.snapshot.configs.keys()

    def declared_virtual_keys() -> Collection[str]:
        return running.snapshot.gateway.virtual_keys.keys()

    return Plane(
        database=stores.database,
        vault=stores.vault,
        visible=visible,
        declared_configs=declared_configs,
        declared_virtual_keys=declared_virtual_keys,
        trusts=running.trusts(),
        rehearse=lambda spec: failed_tests(spec, running.snapshot.gateway.catalogue),
        changed=stores.changed_here,
        spent=running.spent,
    )


@dataclass(frozen=True, slots=True)
class _Records:
    """What the log and the charts work with."""

    running: Running

    @property
    def database(self) -> Database | None:
        """Where requests are recorded."""
        stores = self.running.stores
        return None if stores is None else stores.database

    @property
    def link_key(self) -> bytes:
        """Signs links to exports; of the database, so that every gateway which shares it takes them."""
        stores = self.running.stores
        return b"" if stores is None else hmac.digest(stores.vault.pepper, b"links to exports", "sha256")

    @property
    def public_url(self) -> str:
        """Where links lead to."""
        return self.running.settings.public_url

    @property
    def keep_prompt(self) -> Callable[[str], str | None]:
        """Returns what is stored of a prompt."""
        return lambda prompt: kept_prompt(prompt, self.running.settings.log_prompts)
