"""The way a test of a config took through its tree, for whoever has to find out why it failed."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text
from rich.tree import Tree

from gateway.cockpit.expectations import Ran
from gateway.config.spec import ConfigSpec
from gateway.explain import shape_of


def walked(spec: ConfigSpec, ran: Ran) -> Tree:
    """Return the tree of a config, with what came of each target."""
    tries: dict[str, list[str]] = {}
    for attempt in ran.attempts:
        tries.setdefault(attempt["path"], []).append(_came_of(attempt))
    tree = Tree(Text(ran.case.name, "bold"))
    tree.add(_branch(shape_of(spec.root), tries, ran))
    seconds = f"{ran.seconds:.3f}".rstrip("0").rstrip(".")
    cost = "" if ran.cost_usd is None else f", ${ran.cost_usd:g}"
    tree.add(Text(f"answered {ran.status} after {seconds} s{cost}"))
    return tree


def _branch(node: Mapping[str, Any], tries: Mapping[str, Sequence[str]], ran: Ran) -> Tree:
    name = Text(node["name"] or node["path"], "bold")
    if node["mode"] != "target":
        tree = Tree(Text.assemble(name, f" {node['mode']}"))
        for child in node["children"]:
            tree.add(_branch(child, tries, ran))
        return tree
    path = node["path"]
    about = f" {node['provider']} {node['model'] or ''}".rstrip()
    if path in tries:
        return Tree(Text.assemble(name, about, ": ", ", then ".join(tries[path])))
    why = ran.passed_over.get(path)
    return Tree(Text.assemble(name, about, f": {'not tried' if why is None else f'passed over, {why}'}", style="dim"))


def _came_of(attempt: Mapping[str, Any]) -> str:
    if attempt["cause"] is None:
        return "answered"
    return attempt["cause"] if attempt["status"] is None else f"{attempt['cause']} ({attempt['status']})"
