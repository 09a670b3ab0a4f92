"""Nodes of the tree: a config node with targets becomes the spec of its strategy, one without becomes a leaf."""

import math
from dataclasses import replace
from typing import Any

from gateway.config.alternatives import NO_SIBLING, check_hedges, sticky_of
from gateway.config.conditions import compile_query
from gateway.config.inherit import Settings, below, codes_of, settings_of
from gateway.config.leaf import LEAF_KEYS, Place, Surroundings, leaf
from gateway.config.provider_fields import ALL_FIELDS
from gateway.config.reading import FAULTY, Path, Reading, given
from gateway.config.spec import ConditionalSpec, ConditionSpec, FallbackSpec, LoadBalanceSpec, NodeSpec, SingleSpec
from gateway.config.suggest import did_you_mean, listed, printable

_ONLY_IN = {
    "on_status_codes": "fallback",
    "on_causes": "fallback",
    "conditions": "conditional",
    "default": "conditional",
    "algorithm": "loadbalance",
    "sticky": "loadbalance",
}
"""Key of `strategy` → the mode it has an effect in."""


def node_spec(node: dict[str, Any], place: Place, around: Surroundings) -> NodeSpec | None:
    """Return what a node means, or `None` after reporting what is wrong with it."""
    own = Settings(**settings_of(node, place.path, around.reading))
    deadline = given(node, "deadline")
    if deadline is not None:
        deadline = min(deadline / 1000, math.inf if place.deadline is None else place.deadline)
    if "targets" not in node and "strategy" not in node:
        if not place.path and "hedge" in node:
            around.reading.report(("hedge",), NO_SIBLING)
        return leaf(node, replace(place, deadline=deadline), own, around)
    _check_keys(node, place.path, around.reading)
    inside = replace(
        place,
        inherited=below(place.inherited, own),
        deadline=place.deadline if deadline is None else deadline,
    )
    about = {
        "path": place.tree_path,
        "name": given(node, "name"),
        "children": _children(node, inside, around),
        "deadline": deadline,
    }
    return _strategy(node, place.path, about, around.reading)


def _check_keys(node: dict[str, Any], path: Path, reading: Reading) -> None:
    if "targets" not in node:
        reading.report((*path, "strategy"), "`strategy` needs `targets`: list what it chooses from.")
        return
    for key in (*LEAF_KEYS, *ALL_FIELDS):
        if key in node:
            message = f"`{key}` has no effect beside `targets`, and is not inherited; move it into a target."
            reading.report((*path, key), message)
    strategy, mode = given(node, "strategy") or {}, _mode(node)
    for key, only in _ONLY_IN.items():
        if key in strategy and mode is not None and mode != only:
            message = f"`{key}` has an effect in `mode: {only}` only; remove it, or change the mode."
            reading.report((*path, "strategy", key), message)
    targets = given(node, "targets") or []
    if "strategy" not in node and len(targets) > 1:
        message = (
            f"Nothing says how these {len(targets)} targets share the requests: add `strategy` with a `mode` of "
            "`fallback`, `loadbalance`, `conditional` or `single`."
        )
        reading.report((*path, "targets"), message)


def _mode(node: dict[str, Any]) -> str | None:
    if "strategy" not in node:
        return "single"
    mode: str | None = given(given(node, "strategy") or {}, "mode")
    return mode


def _children(node: dict[str, Any], inside: Place, around: Surroundings) -> tuple[NodeSpec, ...]:
    children = []
    for index, target in enumerate(given(node, "targets") or []):
        if target is FAULTY:
            continue
        place = replace(inside, path=(*inside.path, "targets", index), tree_path=f"{inside.tree_path}.targets[{index}]")
        child = node_spec(target, place, around)
        if child is not None:
            children.append(child)
    return tuple(children)


def _strategy(node: dict[str, Any], path: Path, about: dict[str, Any], reading: Reading) -> NodeSpec | None:
    strategy = given(node, "strategy") or {}
    names = _names(node, path, reading)
    if _mode(node) != "fallback":
        check_hedges(node, about["children"], path, reading, siblings=False)
    match _mode(node):
        case "fallback":
            causes = frozenset(given(strategy, "on_causes") or ())
            check_hedges(node, about["children"], path, reading, siblings=True)
            return FallbackSpec(on_status_codes=codes_of(strategy), on_causes=causes or None, **about)
        case "loadbalance":
            return LoadBalanceSpec(
                weights=_weights(node, path, reading),
                algorithm=given(strategy, "algorithm") or "weighted",
                sticky=sticky_of(given(strategy, "sticky"), (*path, "strategy", "sticky"), reading),
                **about,
            )
        case "conditional":
            conditions = _conditions(strategy, names, (*path, "strategy"), reading)
            default = _index_of(strategy, "default", names, (*path, "strategy"), reading)
            return ConditionalSpec(conditions=conditions, default=default, **about)
        case "single":
            return SingleSpec(**about)
        case _:
            return None


def _names(node: dict[str, Any], path: Path, reading: Reading) -> dict[str, int]:
    """Return the index of each named target."""
    names: dict[str, int] = {}
    for index, target in enumerate(given(node, "targets") or []):
        name = None if target is FAULTY else given(target, "name")
        if name is None:
            continue
        if name in names:
            message = f"The name `{printable(name)}` is taken by target {names[name]} already; give each its own."
            reading.report((*path, "targets", index, "name"), message)
        names.setdefault(name, index)
    return names


def _weights(node: dict[str, Any], path: Path, reading: Reading) -> tuple[float, ...]:
    targets = given(node, "targets") or []
    weights = [1 if target is FAULTY else target.get("weight", 1) for target in targets]
    if FAULTY in weights:
        return ()
    total = sum(map(float, weights))
    if targets and total == 0:
        reading.report((*path, "targets"), "All weights are 0, so nothing would ever be chosen: raise one above 0.")
    if total == math.inf:
        reading.report((*path, "targets"), "The weights are too large to be added up: write smaller ones.")
    return tuple(float(weight) for weight in weights)


def _conditions(
    strategy: dict[str, Any], names: dict[str, int], path: Path, reading: Reading
) -> tuple[ConditionSpec, ...]:
    if "conditions" not in strategy:
        reading.report(path, "`mode: conditional` needs `conditions`: a list of `query` and `then`.")
    rows = []
    for index, written in enumerate(given(strategy, "conditions") or []):
        if written is FAULTY:
            continue
        place = (*path, "conditions", index)
        query = given(written, "query")
        holds = None if query is None else compile_query(query, (*place, "query"), reading)
        then = _index_of(written, "then", names, place, reading)
        if holds is not None and then is not None:
            rows.append(ConditionSpec(query=query, holds=holds, then=then))
    return tuple(rows)


def _index_of(written: dict[str, Any], key: str, names: dict[str, int], path: Path, reading: Reading) -> int | None:
    name = given(written, key)
    if name is None or name in names:
        return None if name is None else names[name]
    guess = did_you_mean(name, names)
    known = f" Its targets are called {listed(names, 'and')}." if guess == "." and names else ""
    unnamed = "" if names else " Give the targets a `name`."
    reading.report((*path, key), f"No target of this node is called `{printable(name)}`{guess}{known}{unnamed}")
    return None
