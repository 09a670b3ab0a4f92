"""The table, on the terminal and as a page of the documentation."""

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from tests.bench import processes

_COLUMNS = ("case", "measured", "goal", "floor", "figure", "verdict")
_COLOURS = {"goal met": "green", "floor met": "yellow"}


def table(rows):
    """Return the table for the terminal."""
    shown = Table(*_COLUMNS)
    for row in rows:
        colour = _COLOURS.get(row.verdict, "red" if row.verdict.startswith("missed") else "dim")
        *cells, verdict = _cells(row)
        shown.add_row(*cells, f"[{colour}]{verdict}[/]")
    return shown


def page(rows, bench):
    """Return the page."""
    machine = [
        ("date", f"{datetime.now(UTC):%Y-%m-%d}"),
        ("processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("kernel", f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"),
        ("Python", platform.python_version()),
        ("node", _node()),
        ("rounds", f"{bench.plan.rounds} of {bench.plan.seconds:g} s for each system"),
        (
            "cores",
            "server on one, load and provider on the other" if processes.can_pin() else "not pinned: there is only one",
        ),
    ]
    systems = [(system.name, system.version, system.features) for system in bench.systems]
    left_out = [f"- {name} was left out: {_without_paths(why)}" for name, why in bench.missing.items()]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`. Systems are compared side by side, in one run; as absolute numbers the figures",
            "say little about another machine.",
            "",
            *_markdown(_COLUMNS, map(_cells, rows)),
            "",
            "## Machine",
            "",
            *_markdown(("", ""), machine),
            "",
            "## What ran",
            "",
            *_markdown(("system", "version", "switched on"), systems),
            "",
            *left_out,
            *([""] if left_out else []),
            "## How it is measured",
            "",
            _METHOD.strip(),
            "",
            "## Medians",
            "",
            *_markdown(("case", "system", "median over rounds"), bench.raw),
            "",
        ]
    )


def _cells(row):
    comparison = "≤" if row.at_most else "≥"
    bounds = ["" if bound is None else f"{comparison} {_number(bound)} {row.unit}" for bound in (row.goal, row.floor)]
    figure = "" if row.figure is None else f"{_number(row.figure)} {row.unit}"
    return row.case, row.measure, *bounds, figure, row.verdict


def _number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]


def _without_paths(text):
    return re.sub(r"(/[\w.@+-]+){2,}", lambda path: Path(path[0]).name, text)


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def _node():
    node = shutil.which("node")
    if not node:
        return "none"
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()


_METHOD = """
- One process for each system, all on loopback, all in front of the same fake provider: a raw protocol in a process of
  its own that answers at once with a real PNG as base64, or holds its answer until it is told to let go. It refuses
  requests without the provider's key, and counts. Before anything is timed each system must deliver the provider's
  picture unchanged, with one request to the provider for one of ours.
- The gateways run the same config: a fallback over two targets with one retry each. The bare pass-through is an
  ordinary Starlette handler under Hypercorn with uvloop, one shared aiohttp session behind it.
- Systems take turns in short rounds, another one first each time, after a warm-up. Rates are compared within a round;
  the table shows the median of these ratios.
- The load is a raw protocol in a process of its own, which checks status and length of every answer. `direct` is the
  same load straight on the fake provider: the limit of the measuring device.
- Latency added: requests leave at a fixed rate, whether or not earlier ones are back; percentiles of each round less
  those of `direct` in the same round.
- Memory: resident memory at its highest, while as many requests wait for their provider and are then all answered, less
  that of the same process at rest after a little traffic, divided by the number of requests.
- A slow neighbour: the fast provider's percentiles while 200 requests wait for the slow one, over those without.
- Start: from the command to the first picture, not pinned to a core, asked again every five milliseconds.
"""
