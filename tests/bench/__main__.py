"""`python -m tests.bench`: measures, prints the table, and writes it to `docs/benchmarks.md`."""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from rich.console import Console

from tests.bench import cases, processes, report, systems
from tests.bench.peers import Unavailable
from tests.bench.profile import profile
from tests.bench.runner import QUICK, Bench, Plan


def main():
    """Run what the flags ask for, and return the exit code."""
    flags = _flags()
    console = Console()
    if not console.is_terminal:
        console.width = 160
    if not sys.platform.startswith("linux"):
        console.print("The benchmarks read /proc, and so need Linux.")
        return 2
    processes.raise_file_limit()
    with tempfile.TemporaryDirectory() as folder:
        provider = processes.spawn(processes.module("upstream"), core=processes.LOAD_CORE, stdout=subprocess.PIPE)
        try:
            rows = _measure(flags, console, provider, Path(folder))
        finally:
            processes.stop(provider)
    return 1 if flags.floors and any(row.breaks_floor or _unmeasured(row) for row in rows) else 0


def _measure(flags, console, provider, folder):
    fast, slow = json.loads(provider.stdout.readline())
    upstream = systems.Upstream(fast=fast, slow=slow)
    found, missing = systems.all_systems(upstream, folder, with_peers=not (flags.no_peers or flags.profile))
    bench = Bench(
        plan=QUICK if flags.quick else Plan(),
        folder=folder,
        say=lambda text: console.print(text, markup=False, highlight=False),
        upstream=upstream,
        systems=found,
        missing=missing,
    )
    for name, why in missing.items():
        bench.say(f"without {name}: {why}")
    with closing(bench):
        if flags.profile:
            try:
                profile(bench)
            except Unavailable as error:
                bench.say(f"no profile: {error}")
            return []
        rows = []
        for name in flags.only or cases.CASES:
            bench.say(name)
            rows += cases.CASES[name](bench)
    console.print(report.table(rows))
    for (case, label), what in bench.failures.items():
        bench.say(f"{case}, {label}: {what}")
    output = flags.output or (None if flags.only or flags.quick or flags.no_peers else Path("docs/benchmarks.md"))
    if output:
        output = processes.ROOT / output
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(report.page(rows, bench))
    return rows


def _unmeasured(row):
    """Whether a floor was not even looked at, for a reason that is ours."""
    return row.floor is not None and row.figure is None and row.why.startswith(systems.OURS)


def _flags():
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little more than a minute, and rougher")
    parser.add_argument("--only", type=_names, metavar="CASE,…", help=f"some of {', '.join(cases.CASES)}")
    parser.add_argument("--no-peers", action="store_true", help="without Portkey and LiteLLM")
    parser.add_argument("--profile", action="store_true", help="only watch Beamsplitter under the small case")
    parser.add_argument("--floors", action="store_true", help="exit code 1 when a floor is missed")
    parser.add_argument("--output", type=Path, help="where to write the page; by default only a full run writes one")
    return parser.parse_args()


def _names(text):
    names = text.split(",")
    if unknown := [name for name in names if name not in cases.CASES]:
        raise argparse.ArgumentTypeError(f"unknown case {unknown[0]!r}; there are {', '.join(cases.CASES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
