"""What rules look at: the tree of a config beside what was written of it, node by node."""

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gateway.catalogue import Catalogue, ModelRow
from gateway.config.document import Document
from gateway.config.grammar import snake
from gateway.config.spec import DEFAULT_DEADLINE, ConditionalSpec, ConfigSpec, NodeSpec, TargetSpec
from gateway.config.suggest import printable
from gateway.config.virtual_key import VirtualKey
from gateway.lint.queries import Queries, Way
from gateway.lint.values import Effort

_SHAPING = ("default_params", "override_params", "drop_params")
_DEPLOYMENTS = ("azure_model_name", "azure_deployment_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """One config that was read without problems."""

    spec: ConfigSpec
    document: Document
    """As it is written, references unfilled."""
    text: str | None = None
    """The text of its file, for the comments in it; `None` for what was stored or sent."""
    catalogue: Catalogue
    virtual_keys: Mapping[str, VirtualKey]
    today: dt.date


@dataclass(slots=True, eq=False, kw_only=True)
class Site:
    """A node of the tree, and where it stands."""

    spec: NodeSpec
    path: str
    """JSON path of the node."""
    written: Mapping[str, Any]
    above: "Site | None"
    deadline: float
    """Seconds that it has at most, its surroundings considered."""
    children: list["Site"] = field(default_factory=list)

    @property
    def called(self) -> str:
        """What messages call it: its name, else its path."""
        return f"`{printable(self.spec.name or self.spec.path)}`"

    @property
    def strategy(self) -> str:
        """JSON path of its strategy."""
        return f"{self.path}.strategy"

    def at(self, *keys: str) -> str:
        """Return the JSON path of a value in it, spelled as it is written; as far as there is any."""
        return _reach(self.written, self.path, keys)[0]

    def gives(self, *keys: str) -> bool:
        """Whether it says something of its own there."""
        return _reach(self.written, self.path, keys)[1]

    def value(self, *keys: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return what is written there; `None` where nothing is."""
        return _reach(self.written, self.path, keys)[2]

    def lines(self) -> "Iterator[Site]":
        """Yield the node itself and all that hold it, the nearest first."""
        site: Site | None = self
        while site is not None:
            yield site
            site = site.above

    def below(self) -> "Iterator[Site]":
        """Yield the node itself and all that it holds, each before those below it."""
        yield self
        for child in self.children:
            yield from child.below()


@dataclass(frozen=True, slots=True)
class Model:
    """The model that a target asks for, whatever its caller names."""

    name: str
    path: str
    """JSON path of the value that says so."""
    row: ModelRow | None
    always: bool
    """False where it is only what is asked for when the caller names none."""
    deployment: bool
    """Whether the name is a deployment's, which its owner chose."""


class Ground:
    """A config, ready to be asked about."""

    def __init__(self, config: Linted) -> None:
        """Walk its tree once."""
        self.config = config
        root = config.spec.root
        self.root = self._site(root, "$", config.document.data, None, root.deadline or DEFAULT_DEADLINE)
        self._models: dict[str, Model | None] = {}

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """Every node, each before those below it."""
        return tuple(self.root.below())

    @cached_property
    def targets(self) -> tuple[tuple[Site, TargetSpec], ...]:
        """Every target."""
        return tuple((site, site.spec) for site in self.sites if isinstance(site.spec, TargetSpec))

    @cached_property
    def conditionals(self) -> tuple[tuple[Site, ConditionalSpec, Queries], ...]:
        """Every conditional, with its queries."""
        effort, found = Effort(), []
        for site in self.sites:
            if isinstance(site.spec, ConditionalSpec):
                queries = Queries((condition.query for condition in site.spec.conditions), effort, list(_ways(site)))
                found.append((site, site.spec, queries))
        return tuple(found)

    def origin(self, site: Site, *keys: str) -> str:
        """Return the JSON path of the value that a target goes by: its own, its virtual key's, or an inherited one."""
        if site.gives(*keys):
            return site.at(*keys)
        slug = site.spec.virtual_key if isinstance(site.spec, TargetSpec) else None
        key = None if slug is None else self.config.virtual_keys.get(slug)
        if key is not None and _gives(key, keys):
            return self.named(site)
        return next((each.at(*keys) for each in site.lines() if each.gives(*keys)), site.path)

    def named(self, site: Site) -> str:
        """Return the JSON path of what names a target's provider."""
        return next((site.at(key) for key in ("virtual_key", "provider") if site.gives(key)), site.path)

    def model(self, site: Site) -> Model | None:
        """Return the model that a target asks for; `None` where that is left to its caller."""
        if site.path not in self._models:
            self._models[site.path] = self._model(site)
        return self._models[site.path]

    def _model(self, site: Site) -> Model | None:
        spec = site.spec
        if not isinstance(spec, TargetSpec):
            return None
        find = self.config.catalogue.find
        option = next((name for name in _DEPLOYMENTS if isinstance(spec.options.get(name), str)), None)
        if option is not None:
            path = site.at(option) if site.gives(option) else self.named(site)
            row = find(spec.provider, None, spec.options)
            return Model(spec.options[option], path, row, always=True, deployment=option == "azure_deployment_id")
        if "model" in spec.shaping.drop_params:
            return None
        for key, params in (
            ("override_params", spec.shaping.override_params),
            ("default_params", spec.shaping.default_params),
        ):
            name = params.get("model")
            if isinstance(name, str):
                row = find(spec.provider, name, spec.options)
                always = key == "override_params"
                return Model(name, self.origin(site, key, "model"), row, always=always, deployment=False)
        return None

    def _site(self, spec: NodeSpec, path: str, written: object, above: Site | None, deadline: float) -> Site:
        own = deadline if spec.deadline is None else min(deadline, spec.deadline)
        node = written if isinstance(written, Mapping) else {}
        site = Site(spec=spec, path=path, written=node, above=above, deadline=own)
        if not isinstance(spec, TargetSpec):
            targets = node.get("targets", ())
            for index, child in enumerate(spec.children):
                entry = targets[index] if index < len(targets) else None
                site.children.append(self._site(child, f"{path}.targets[{index}]", entry, site, own))
        return site


def _ways(site: Site) -> Iterator[Way]:
    """Yield what leads to a node, from each conditional above it."""
    for below, above in itertools.pairwise(site.lines()):
        if isinstance(above.spec, ConditionalSpec):
            child, conditions = above.children.index(below), above.spec.conditions
            leading = [index for index, condition in enumerate(conditions) if condition.then == child]
            yield Way([condition.query for condition in conditions], leading, above.spec.default == child)


def _reach(value: Any, path: str, keys: tuple[str, ...]) -> tuple[str, bool, Any]:  # noqa: ANN401
    """Return the path of a value as it is spelled, whether it is there, and what it is."""
    for key in keys:
        spelled = None
        if isinstance(value, Mapping):
            spelled = key if key in value else next((each for each in value if snake(each) == key), None)
        if spelled is None:
            return path, False, None
        path, value = f"{path}.{spelled}", value[spelled]
    return path, True, value


def _gives(key: VirtualKey, keys: tuple[str, ...]) -> bool:
    first, *rest = keys
    if first in _SHAPING:
        return bool(rest) and rest[0] in getattr(key.shaping, first)
    return getattr(key, first, None) is not None
