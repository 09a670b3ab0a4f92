"""`beamsplitter explain`: where a request would go, and why, without sending it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.tree import Tree

from gateway.cli.files import folder_of, id_of
from gateway.compile import compile_config
from gateway.config.spec import ConfigSpec, TargetSpec
from gateway.config.suggest import did_you_mean
from gateway.explain import explain as explained
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.target import ImageTarget
from gateway.transport import Transport


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--request", "written", required=True, metavar="JSON|@FILE", help="The request's body, or @ and a file.")
@click.option("--metadata", default="{}", metavar="JSON", help="What x-portkey-metadata would say.")
@click.option(
    "--assume",
    multiple=True,
    metavar="TARGET=STATUS",
    help="Take a target (by name or path) to answer with this status. May be given often, or with commas between.",
)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(config: Path, written: str, metadata: str, assume: Sequence[str], style: str) -> None:
    """Walk the tree of CONFIG, a file, with a request in hand. Nothing is sent, nothing is spent."""
    spec = _spec(config)
    request = ImageRequest(
        params={name: value for name, value in _object(_read(written), "--request").items() if value is not None},
        metadata={name: str(value) for name, value in _object(metadata, "--metadata").items()},
    )
    transport = Transport(max_response_bytes=0, trust_loopback=False)

    def leaf_of(target: TargetSpec, checks: bool) -> ImageTarget:  # noqa: FBT001 - called by position
        return ImageTarget(target, PROVIDERS[target.provider], transport, checks)

    route = compile_config(spec, leaf_of)
    names = {name for path, target in route.targets.items() for name in (path, target.name) if name}
    story = explained(route, request, leaf_of, _assumed(assume, names))
    if style == "json":
        click.echo(orjson.dumps(story, option=orjson.OPT_INDENT_2))
    else:
        _print(story)


def _spec(config: Path) -> ConfigSpec:
    snapshot = folder_of(config)
    if config.is_dir():
        raise click.UsageError(f"{config} is a folder; name one of its files.")
    id_ = id_of(snapshot, config)
    if id_ is None:
        told = [str(problem) for problem in snapshot.problems if problem.file and Path(problem.file) == config]
        raise click.ClickException("\n".join(told) or f"{config} holds no gateway config.")
    return snapshot.configs[id_]


def _read(written: str) -> str:
    if not written.startswith("@"):
        return written
    try:
        return Path(written[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"--request: {written[1:]} cannot be read: {error.strerror}.") from None


def _object(text: str, option: str) -> dict[str, Any]:
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"{option}: not valid JSON: {str(error).partition(':')[0]}.") from None
    if not isinstance(decoded, dict):
        raise click.UsageError(f'{option}: expected a JSON object, such as {{"prompt": "an otter"}}.')
    return decoded


def _assumed(assume: Sequence[str], names: set[str]) -> dict[str, int]:
    assumed = {}
    for pair in (part for each in assume for part in each.split(",")):
        target, _, status = pair.rpartition("=")
        if not status.isdigit() or not 200 <= int(status) <= 599:  # noqa: PLR2004 - HTTP's own numbers
            raise click.UsageError(f"--assume {pair}: expected TARGET=STATUS, such as primary=429.")
        if target not in names:
            raise click.UsageError(f"--assume {pair}: no target is called {target}{did_you_mean(target, names)}")
        assumed[target] = int(status)
    return assumed


def _print(story: Mapping[str, Any]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    config, worst = story["config"], story["worst_case"]
    console.print(f"[bold]{config['id'] or 'config'}[/] (version {config['version']})", config["description"] or "")
    console.print(_branch(story["tree"]))
    cost = "unknown" if worst["cost_usd"] is None else f"${worst['cost_usd']:.4f}"
    console.print(f"At worst: {worst['attempts']} attempts, {worst['seconds']:g} s, cost {cost}.")


def _branch(node: Mapping[str, Any]) -> Tree:
    name = f"[bold]{node['name'] or node['path']}[/]"
    if not node["reachable"]:
        return Tree(f"[dim]{name}: not reached, {node['why']}[/]")
    if node["mode"] != "target":
        tree = Tree(f"{name} {node['mode']}")
        for condition in node.get("conditions", ()):
            truth = {True: "holds", False: "does not hold", None: "not asked"}[condition["holds"]]
            tree.add(f"if {orjson.dumps(condition['query']).decode()} then {condition['then']}: [italic]{truth}[/]")
        if "problem" in node:
            tree.add(f"[red]{node['problem']['message']}[/]")
        for child in node["children"]:
            branch = _branch(child)
            if "share" in child:
                branch.label = f"{branch.label} ({child['share']:.1%})"
            tree.add(branch)
        return tree
    tree = Tree(f"{name} {node['provider']} {node.get('model') or ''}".rstrip())
    if "problem" in node:
        tree.add(f"[red]{node['problem']['cause']}: {node['problem']['message']}[/]")
        return tree
    if node["assumed"] is not None:
        tree.add(f"assumed to answer {node['assumed']}")
    sent = node["send"]
    if "url" in sent:
        tree.add(f"{sent['method']} {sent['url']} {orjson.dumps(sent['json']).decode()}")
    else:
        tree.add(next(iter(sent.values())))
    for change in node["adaptations"]:
        tree.add(f"adapted: {change}")
    if node["price_usd"] is not None:
        low, high = node["price_usd"]
        tree.add(f"price: ${low:.4f}" if low == high else f"price: ${low:.4f} to ${high:.4f}")
    return tree
