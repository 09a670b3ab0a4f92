"""`beamsplitter explain`: where a request would go, and why, without sending it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from rich.text import Text
from rich.tree import Tree

from gateway.admission import objection
from gateway.catalogue import Catalogue
from gateway.cli.console import console
from gateway.cli.files import id_of, look
from gateway.compile import Route, compile_config
from gateway.config.snapshot import is_gateway_file
from gateway.config.spec import ConfigSpec, SettingsSpec, TargetSpec
from gateway.errors import GatewayError
from gateway.explain import explain as explained
from gateway.http.uploads import checked, described, from_data_url, upload_of
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.rehearsal import Act, UnknownAct, assumed
from gateway.secret import Secret
from gateway.target import ImageTarget, Outside
from gateway.transport import Transport

_CALLERS_KEY = Secret("stands-for-the-key-that-the-caller-would-send")


@click.command(short_help="Say where a request would go, and why.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--request", "written", required=True, metavar="JSON|@FILE", help="The request's body, or @ and a file.")
@click.option("--metadata", default="{}", metavar="JSON", help="What x-portkey-metadata would say.")
@click.option(
    "--assume",
    multiple=True,
    metavar="TARGET=ANSWER",
    help="Take a target (by name or path) to answer with this status, or with a word such as timeout or unreachable. "
    "May be given often, or with commas between.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: the whole story, the same as x-gateway-explain answers.",
)
def explain(config: Path, written: str, metadata: str, assume: Sequence[str], style: str) -> None:
    """Walk the tree of CONFIG, a file, with a request in hand. Nothing is sent, nothing is spent.

    \b
    For example:
      beamsplitter explain configs/resilient.yaml --request '{"prompt": "an otter"}' --assume primary=503

    Targets that use their caller's own key are shown as if it had been sent.

    Exits with 0, with 1 when CONFIG has problems or the gateway would refuse the request, with 2 when the arguments
    cannot be used.
    """  # noqa: D301 - click keeps the lines below a \b as they are
    spec = _spec(config)
    request = ImageRequest(
        params=_params(_object(_read(written), "--request")),
        metadata=_strings(_object(metadata, "--metadata"), "--metadata"),
        credential=_CALLERS_KEY,
    )
    outside = Outside(
        transport=Transport(max_response_bytes=0, trust_loopback=False),
        catalogue=look(config).snapshot.gateway.catalogue,
    )

    def leaf_of(target: TargetSpec, checks: bool) -> ImageTarget:  # noqa: FBT001 - called by position
        return ImageTarget(target, PROVIDERS[target.provider], outside, checks)

    route = compile_config(spec, leaf_of)
    names = {name for path, target in route.targets.items() for name in (path, target.name) if name}
    acts = _assumed(assume, names)
    _refuse_as_the_gateway_would(request, route, outside.catalogue)
    story = explained(route, request, leaf_of, acts)
    if style == "json":
        click.echo(orjson.dumps(story, option=orjson.OPT_INDENT_2))
    else:
        _print(story)


def _spec(config: Path) -> ConfigSpec:
    looked = look(config)
    if config.is_dir():
        raise click.UsageError(f"{config} is a folder; name one of its files.")
    id_ = id_of(looked.snapshot, config)
    spec = None if id_ is None else looked.snapshot.configs[id_]
    if isinstance(spec, ConfigSpec):
        return spec
    if isinstance(spec, SettingsSpec):
        raise click.UsageError(f"{config} holds settings alone; the target to explain is named by a request's headers.")
    if is_gateway_file(config):
        raise click.UsageError(f"{config} holds what configs share, not a route; name one of the configs beside it.")
    raise click.ClickException("this config cannot be used yet.\n" + "\n".join(map(str, looked.problems)))


def _params(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters, with pictures for the data URLs that stand for them."""
    params = {name: value for name, value in written.items() if value is not None}
    try:
        for name in ("image", "mask"):
            if name in params:
                uploads = [upload_of(from_data_url(each, name), name) for each in described(params[name], name)]
                params[name] = uploads[0] if name == "mask" else uploads
        checked(params, needs_image=False)
    except GatewayError as refused:
        raise click.UsageError(f"--request: {refused.message}.") from None
    return params


def _read(written: str) -> bytes:
    if not written.startswith("@"):
        return written.encode(errors="surrogateescape")
    try:
        return Path(written[1:]).read_bytes()
    except OSError as error:
        raise click.UsageError(f"--request: {written[1:]} cannot be read: {error.strerror}.") from None


def _object(text: bytes | str, option: str) -> dict[str, Any]:
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = f"{error.msg.partition(':')[0]} at line {error.lineno}, column {error.colno}"
        raise click.UsageError(f"{option}: this is not valid JSON ({place}). {_EXPECTED[option]}") from None
    if not isinstance(decoded, dict):
        raise click.UsageError(f"{option}: this is JSON, but not an object. {_EXPECTED[option]}")
    return decoded


_EXPECTED = {
    "--request": """Expected such as '{"prompt": "an otter"}', in single quotes, or @request.json.""",
    "--metadata": """Expected such as '{"plan": "pro"}', in single quotes.""",
}


def _strings(values: Mapping[str, Any], option: str) -> dict[str, str]:
    for name, value in values.items():
        if not isinstance(value, str):
            raise click.UsageError(f"{option}: the value of {name!r} has to be a string; put it in quotes.")
    return dict(values)


def _assumed(assume: Sequence[str], names: set[str]) -> dict[str, Act]:
    try:
        return assumed(",".join(assume), names)
    except UnknownAct as unknown:
        raise click.UsageError(f"--assume: {unknown}") from None


def _refuse_as_the_gateway_would(request: ImageRequest, route: Route, catalogue: Catalogue) -> None:
    """Tell what a request is refused for before it comes to any target."""
    problem = objection(request, route, catalogue)
    if problem is not None:
        raise click.ClickException(f"the gateway would refuse this request: {problem.message}")


def _print(story: Mapping[str, Any]) -> None:
    out = console()
    config, worst = story["config"], story["worst_case"]
    heading = Text.assemble((config["id"] or "config", "bold"), f" (version {config['version']})")
    out.print(heading.append(f" {config['description'] or ''}".rstrip()))
    out.print(_branch(story["tree"]))
    attempts = f"{worst['attempts']} attempt{'' if worst['attempts'] == 1 else 's'}"
    cost = "cost unknown" if worst["cost_usd"] is None else f"cost {_dollars(worst['cost_usd'])}"
    out.print(f"At worst: {attempts}, {worst['seconds']:g} s, {cost}.")


def _branch(node: Mapping[str, Any]) -> Tree:
    # Always `Text`: names, prompts and messages are other people's words, never this console's markup.
    name = Text(node["name"] or node["path"], "bold")
    share = f" ({node['share']:.1%})" if node.get("share") is not None else ""
    if not node["reachable"]:
        return Tree(Text.assemble(name, f"{share}: not reached, {node['why']}", style="dim"))
    tree = Tree(Text.assemble(name, " ", _kind(node), share))
    if node["mode"] == "target":
        for line in _about_target(node):
            tree.add(line)
        return tree
    for condition in node.get("conditions", ()):
        truth = {True: "holds", False: "does not hold", None: "not asked"}[condition["holds"]]
        query = orjson.dumps(condition["query"]).decode()
        values = ", ".join(f"{name} is {_shown(value)}" for name, value in condition["values"].items())
        because = f" ({values})" if values else ""
        tree.add(Text.assemble(f"if {query} then {condition['then']}: ", (truth, "italic"), because))
    if "problem" in node:
        tree.add(_problem(node["problem"]))
    for child in node["children"]:
        tree.add(_branch(child))
    return tree


def _shown(value: object) -> str:
    return "not there" if value is None else orjson.dumps(value).decode()


def _kind(node: Mapping[str, Any]) -> str:
    return f"{node['provider']} {node.get('model') or ''}".rstrip() if node["mode"] == "target" else node["mode"]


def _about_target(node: Mapping[str, Any]) -> list[Text]:
    lines = []
    if node.get("assumed") is not None:
        lines.append(Text(f"assumed to answer {node['assumed']}"))
    if "problem" in node:
        return [*lines, _problem(node["problem"])]
    sent = node["send"]
    if "url" in sent:
        lines.append(Text(f"{sent['method']} {sent['url']} {orjson.dumps(_body(sent)).decode()}"))
    else:
        lines.append(Text(next(iter(sent.values()))))
    lines.extend(Text(f"adapted: {change}") for change in node["adaptations"])
    if node["price_usd"] is not None:
        low, high = map(_dollars, node["price_usd"])
        lines.append(Text(f"price: {low}" if low == high else f"price: {low} to {high}"))
    return lines


def _body(sent: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever is sent
    if "form" in sent:
        return {field["name"]: field["value"] for field in sent["form"]}
    return sent.get("data", sent["json"])


def _problem(problem: Mapping[str, Any]) -> Text:
    return Text(f"{problem['cause']}: {problem['message']}", "red")


def _dollars(usd: float) -> str:
    return f"${usd:.4f}" if usd else "$0"
