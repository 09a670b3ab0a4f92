"""The words of requests as labels: those of the operator and of the catalogue, never a caller's own."""

from collections.abc import Callable

from gateway.config.snapshot import Snapshot
from gateway.config.spec import ConfigSpec, leaves
from gateway.store.request_row import RequestRow
from gateway.telemetry.tallies import OTHER

IsStored = Callable[[str, str], bool]
"""Whether a workspace keeps a config under an id."""

INLINE, STORED, NONE = "inline", "stored", "none"


class KnownWords:
    """What one snapshot of the configs makes known."""

    def __init__(self, snapshot: Snapshot, is_stored: IsStored, before: "KnownWords | None" = None) -> None:
        """Take its configs and the models that they name; requests that began before a change are still known."""
        self._is_stored = is_stored
        self._catalogue = snapshot.gateway.catalogue
        self.configs: frozenset[tuple[str | None, str | None]] = frozenset(
            (id_, spec.version) for id_, spec in snapshot.configs.items()
        )
        """Id and version of each."""
        self._before = frozenset() if before is None else before.configs
        self._models = frozenset(_named(snapshot))

    def config(self, row: RequestRow) -> str:
        """Return the id of a config that stands in a file, and of all others where it came from."""
        config = row.config
        if row.config_version is None:
            return NONE
        known = config, row.config_version
        # By its version as well: a caller may call a config of its own as it likes.
        if config is not None and (known in self.configs or known in self._before):
            return config
        # What is stored belongs to a tenant, whose names are nobody else's business.
        return STORED if config is not None and self._is_stored(row.workspace, config) else INLINE

    def model(self, row: RequestRow) -> str:
        """Return the model as the catalogue calls it, or as a config of a file does."""
        return self.model_of(row.provider, row.model or row.asked_model)

    def model_of(self, provider: str | None, model: str | None) -> str:
        """Return the same for a provider's model."""
        if provider is None or model is None:
            return NONE
        row = self._catalogue.find(provider, model)
        if row is not None:
            return row.id
        return model if model in self._models else OTHER


def _named(snapshot: Snapshot) -> set[str]:
    found = set()
    for spec in snapshot.configs.values():
        for leaf in leaves(spec.root) if isinstance(spec, ConfigSpec) else ():
            shaping = leaf.shaping
            named = (shaping.override_params.get("model"), shaping.default_params.get("model"))
            found |= {model for model in named if isinstance(model, str)}
    return found
