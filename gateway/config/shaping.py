"""What happens to the parameters on the way to one target: defaults, overrides, drops, in this order."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from gateway.config.spec import Shaping

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+|\*)\]")
_EACH = -1
"""The step `[*]`."""

Drops = dict[str | int, "Drops | None"]
"""Paths as a tree; `None` ends one."""


def shape(params: Mapping[str, Any], shaping: Shaping) -> dict[str, Any]:
    """Return the parameters for one target; `null` means "not given", whoever says it."""
    shaped = {name: value for name, value in params.items() if value is not None}
    for name, value in shaping.default_params.items():
        shaped.setdefault(name, value)
    shaped.update(shaping.override_params)
    if None in shaped.values():
        shaped = {name: value for name, value in shaped.items() if value is not None}
    if shaping.drop_params:
        for name in shaping.drop_params:
            shaped.pop(name, None)  # a form field may be called `a[0]`
        shaped = _without(shaped, _tree(shaping.drop_params))
    return shaped


@functools.lru_cache(maxsize=1024)
def _tree(paths: tuple[str, ...]) -> Drops:
    tree: Drops = {}
    for path in paths:
        *steps, last = _steps(path)
        branch = tree
        for step in steps:
            following = branch.setdefault(step, {})
            if following is None:
                break  # all of it is dropped already
            branch = following
        else:
            branch[last] = None
    return tree


def _steps(path: str) -> list[str | int]:
    return [name or (_EACH if index == "*" else int(index)) for name, index in _STEP.findall(path)]


def _without(value: Any, drops: Drops) -> Any:  # noqa: ANN401 - any JSON value
    # One pass over a tree of paths, because dropping `a[0]` first would move what `a[1]` means.
    if isinstance(value, dict):
        return {
            key: _without(item, drops[key] or {}) if key in drops else item
            for key, item in value.items()
            if drops.get(key, drops) is not None
        }
    if isinstance(value, list):
        kept = []
        for index, item in enumerate(value):
            rules = [drops[step] for step in (index, _EACH) if step in drops]
            if None in rules:
                continue
            for rule in rules:
                item = _without(item, rule or {})  # noqa: PLW2901 - each rule works on what the last one left
            kept.append(item)
        return kept
    return value
