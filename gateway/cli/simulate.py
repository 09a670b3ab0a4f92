"""`beamsplitter simulate`: what a config would do with given traffic and faults, without sending anything."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.catalogue import Catalogue
from gateway.cli.console import console
from gateway.cli.files import id_of
from gateway.config.folder import read
from gateway.config.interpolate import read_secret
from gateway.config.snapshot import files_in, is_gateway_file
from gateway.config.spec import ConfigSpec
from gateway.simulate import (
    Faults,
    Unusable,
    count_of,
    difference,
    faults_in,
    names_of,
    simulated,
    traffic_in,
)
from gateway.simulate.beside import side_by_side
from gateway.simulate.page import page
from gateway.simulate.report import report

Result = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One simulation, as another process can be asked for it."""

    config: Path
    beside: Path | None
    """The config that it is compared with: the faults may name targets of either."""
    traffic: Path
    faults: Path | None
    requests: int | None
    seed: int


@click.command(short_help="Say what a config would do with given traffic and faults.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--traffic", required=True, metavar="FILE", type=click.Path(path_type=Path), help="What is asked for.")
@click.option("--faults", metavar="FILE", type=click.Path(path_type=Path), help="What providers do.  [default: paint]")
@click.option("--requests", type=int, metavar="N", help="How many.  [default: 10000, or all of a log that holds fewer]")
@click.option("--seed", type=int, default=0, show_default=True, metavar="S", help="The same seed, the same result.")
@click.option("--compare", metavar="OTHER", type=click.Path(path_type=Path), help="Another config, for the difference.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="html: one page with plots that needs nothing else.",
)
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Where to write it.  [default: here]")
def simulate(
    config: Path,
    traffic: Path,
    faults: Path | None,
    requests: int | None,
    seed: int,
    compare: Path | None,
    style: str,
    output: Path | None,
) -> None:
    """Run the tree of CONFIG, a file, in virtual time. Nothing is sent, nothing is spent, no key is needed.

    \b
    For example:
      beamsplitter simulate configs/resilient.yaml --traffic traffic.yaml --faults outage.yaml

    Traffic is described in .yaml or .json, or was exported from the log as .ndjson or .csv.

    Exits with 0, or with 2 when the arguments or files cannot be used.
    """  # noqa: D301 - click keeps the lines below a \b as they are
    asked = Asked(config=config, beside=compare, traffic=traffic, faults=faults, requests=requests, seed=seed)
    try:
        if compare is None:
            with _shown() as progress:
                result = run(asked, progress)
        else:
            other = Asked(config=compare, beside=config, traffic=traffic, faults=faults, requests=requests, seed=seed)
            with _shown() as progress:
                first, second = side_by_side(run, lambda: run(asked, progress), other)
            result = {"configs": [first, second], "difference": difference(first, second)}
    except Unusable as unusable:
        raise click.UsageError(str(unusable)) from None
    _write(result, style, output)


def run(asked: Asked, progress: Callable[[float], None] | None = None) -> Result:
    """Return what becomes of one simulation; raises `Unusable`."""
    spec, catalogue = _config(asked.config)
    names = names_of(spec) if asked.beside is None else names_of(spec, _config(asked.beside)[0])
    traffic = traffic_in(asked.traffic)
    faults = Faults() if asked.faults is None else faults_in(asked.faults, names)
    requests = count_of(traffic, asked.requests)
    return simulated(spec, catalogue, traffic, faults, requests=requests, seed=asked.seed, progress=progress)


class _Filled(Mapping[str, str]):
    """The environment, in which no variable is missing: nothing is sent, so no secret is needed."""

    def __getitem__(self, name: str) -> str:
        return os.environ.get(name) or f"stands-for-{name}"

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def _secret(path: str) -> str:
    try:
        return read_secret(path)
    except (OSError, ValueError):
        return f"stands-for-{path}"


def _config(path: Path) -> tuple[ConfigSpec, Catalogue]:
    """Return a config, read among its neighbours, whose virtual keys it may name."""
    if not path.is_file():
        what = "is a folder; name one of its files" if path.is_dir() else "does not exist; name a config file"
        _refuse(f"{path} {what}.")
    try:
        alone = path not in files_in(path.parent)
    except OSError:
        alone = True
    snapshot = read(path if alone else path.parent, _Filled(), read_file=_secret)
    id_ = id_of(snapshot, path)
    spec = None if id_ is None else snapshot.configs[id_]
    if isinstance(spec, ConfigSpec):
        return spec, snapshot.gateway.catalogue
    if is_gateway_file(path):
        _refuse(f"{path} holds what configs share, not a route; name one of the configs beside it.")
    if spec is not None:
        _refuse(f"{path} holds settings alone; only a config that names its targets can be simulated.")
    own = [problem for problem in snapshot.problems if problem.file and Path(problem.file) == path]
    raise Unusable.by(own or snapshot.problems)


def _refuse(sentence: str) -> NoReturn:
    raise Unusable(sentence)


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[float], None] | None]:
    """Show on a terminal how far it is, on standard error, so that a result may go into a file."""
    err = Console(stderr=True)
    if not err.is_terminal:
        yield None
        return
    columns = TextColumn("simulating"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn()
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("simulating", total=1.0)
        yield lambda done: bar.update(task, completed=done)


def _write(result: Result, style: str, output: Path | None) -> None:
    if style == "text" and output is None:
        out = console()
        for part in report(result):
            out.print(part)
        return
    content = _CONTENTS[style](result)
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise click.UsageError(f"--output: {output} cannot be written: {error.strerror}.") from None


def _text(result: Result) -> bytes:
    wide = Console(highlight=False, width=200, no_color=True, file=None)
    with wide.capture() as captured:
        for part in report(result):
            wide.print(part)
    return captured.get().encode()


_CONTENTS: Mapping[str, Callable[[Result], bytes]] = {
    "text": _text,
    "json": lambda result: orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
    "html": lambda result: page(result).encode(),
}
