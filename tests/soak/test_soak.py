"""Hours of traffic leave no trace: memory, descriptors, threads and tasks are afterwards what they were before.

A minute of it by default; `SOAK_SECONDS=600` for ten.
"""

import asyncio
import json
import os
import signal
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.caller import alive
from tests.end_to_end.process import memory
from tests.running import serving
from tests.soak.callers import EXPECTED, WEIGHTS, Callers
from tests.soak.painters import Painters

SECONDS = float(os.environ.get("SOAK_SECONDS", "18"))
WARM_UP = min(SECONDS / 2, 60.0)
RATE = float(os.environ.get("SOAK_RATE", "120"))
EVERY = max(SECONDS / 20, 2.0)
RELOAD_SECONDS = 1.5
IDLE_SECONDS = 25
MIB = 1 << 20
HOOK = Path(__file__).parent / "hook"
TARGETS = {
    "small": "{{provider: openai-compatible, custom_host: '{url}/small', description: '{note}'}}",
    "large": "{{provider: openai-compatible, custom_host: '{url}/large'}}",
    "events": "{{provider: openai-compatible, custom_host: '{url}/events'}}",
    "stalls": "{{provider: openai-compatible, custom_host: '{url}/stalls', retry: {{attempts: 1}}}}",
    **{
        f"rescued{name}": """
            strategy: {{mode: fallback}}
            targets:
              - {{provider: openai-compatible, custom_host: '{url}/"""
        + bad
        + """'}}
              - {{provider: openai-compatible, custom_host: '{url}/small'}}
        """
        for name, bad in {"": "fails", "-cut": "cut"}.items()
    },
}


@dataclass(frozen=True)
class Sample:
    """What the process holds at one moment."""

    rss: int
    descriptors: int
    threads: int
    tasks: int
    lines: tuple[str, ...]

    def __str__(self):
        return f"{self.rss / MIB:.1f} MiB, {self.descriptors} descriptors, {self.threads} threads, {self.tasks} tasks"


class Watched:
    """The gateway, as its system and its hook see it."""

    def __init__(self, process, told):
        self._process, self._told = process, told

    def sample(self):
        before = self._lines()
        self._process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + 20
        while len(self._lines()) == len(before):
            assert time.monotonic() < end
            time.sleep(0.01)
        told = json.loads(self._lines()[-1])
        folder = Path(f"/proc/{self._process.pid}")
        threads = len(list((folder / "task").iterdir()))
        found = len(list((folder / "fd").iterdir()))
        return Sample(memory(self._process), found, threads, told["tasks"], tuple(told["lines"]))

    def rested(self, like=None):
        """Return what is held when nobody asks for anything; of the memory the median, as it comes and goes.

        Idle connections are kept for a while: where it is to be `like` an earlier moment, they have time to go.
        """
        time.sleep(2)
        end = time.monotonic() + IDLE_SECONDS
        while like is not None and self.sample().descriptors > like.descriptors and time.monotonic() < end:
            time.sleep(1)
        samples = []
        for _ in range(5):
            time.sleep(0.2)
            samples.append(self.sample())
        last = samples[-1]
        return Sample(
            int(statistics.median(one.rss for one in samples)),
            last.descriptors,
            last.threads,
            last.tasks,
            last.lines,
        )

    def _lines(self):
        return [line for line in self._told.read_text().splitlines(keepends=True) if line.endswith("\n")]


@pytest.fixture
def soaked(tmp_path):
    """Serve a folder of configs that is being edited, and a provider of all kinds of answers."""
    folder, told = tmp_path / "configs", tmp_path / "told"
    folder.mkdir()
    told.touch()
    with Painters() as painters:
        write = writer(folder, f"http://127.0.0.1:{painters.port}")
        write("at first")
        path = os.pathsep.join(filter(None, (str(HOOK), os.environ.get("PYTHONPATH"))))
        env = {"SOAK_TOLD": str(told), "PYTHONPATH": path}
        with serving(folder, "--log-level", "error", env=env) as running:
            yield running, Watched(running.process, told), painters.port, write
            assert running.process.poll() is None
            assert alive(running)
            assert not [line for line in running.lines if "Traceback" in line]


def writer(folder, url):
    def write(note):
        for name, text in TARGETS.items():
            (folder / f"{name}.yaml").write_text(text.format(url=url, note=note))

    return write


async def soak(callers, seconds, write, watched):
    """Have callers call while somebody edits the configs, and return what was seen meanwhile."""

    async def edit():
        for number in range(1_000_000):
            await asyncio.sleep(RELOAD_SECONDS)
            await asyncio.to_thread(write, f"edit {number} of {time.monotonic()}")

    async def watch():
        while True:
            await asyncio.sleep(EVERY)
            samples.append(await asyncio.to_thread(watched.sample))

    samples = []
    beside = [asyncio.create_task(edit()), asyncio.create_task(watch())]
    try:
        await callers.call(seconds, RATE)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    return samples


@pytest.mark.timeout(SECONDS * 3 + 120)
def test_a_long_run_leaves_no_trace(soaked):
    running, watched, port, write = soaked
    first = watched.sample()
    callers = Callers(running.url, port, seed=7)
    asyncio.run(soak(callers, WARM_UP, write, watched))
    before = watched.rested()
    print(f"\nat the start: {first}\nafter {WARM_UP:.0f} s: {before}")  # noqa: T201 - for whoever runs with -s
    during = asyncio.run(soak(callers, SECONDS, write, watched))
    after = watched.rested(like=first)
    for number, sample in enumerate(during, 1):
        print(f"{number * EVERY:5.0f} s: {sample}")  # noqa: T201
    print(f"at the end: {after}\n{dict(sorted(callers.answers.items()))}", *after.lines, sep="\n")  # noqa: T201

    wrong = {kind: count for kind, count in callers.answers.items() if kind[1] != EXPECTED.get(kind[0], 200)}
    assert not wrong
    assert {kind.replace(" ", "_") for kind, _ in callers.answers} == {*WEIGHTS, "link"}
    assert after.rss - before.rss <= max(before.rss * 0.05, 20 * MIB)
    assert after.descriptors <= first.descriptors + 5
    assert after.tasks <= first.tasks + 5
    assert after.threads <= before.threads + 5
