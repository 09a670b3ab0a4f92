"""Where Beamsplitter spends its time under the small case, by py-spy."""

import shutil
import subprocess
from collections import Counter

from tests.bench import processes
from tests.bench.runner import Contender
from tests.bench.systems import OURS

_SECONDS = 8
_SHOWN = 25


def profile(bench):
    """Write a flame graph and raw stacks under `build/bench`, and print the frames with most time of their own."""
    spy = shutil.which("py-spy")
    if not spy:
        bench.say("no profile: py-spy is not installed")
        return
    home = processes.ROOT / "build" / "bench"
    home.mkdir(parents=True, exist_ok=True)
    (system,) = (system for system in bench.systems if system.name == OURS)
    with bench.started(system) as server:
        for form, name in (("raw", "profile.txt"), ("flamegraph", "profile.svg")):
            contender = Contender(system.name, server, system.call)
            load = bench.start_load(contender, "small", seconds=_SECONDS + 2.0)
            watch = ["--pid", str(server.process.pid), "--subprocesses", "--rate", "500", "--nonblocking"]
            done = subprocess.run(
                [spy, "record", *watch, "--duration", str(_SECONDS), "--format", form, "--output", home / name],
                capture_output=True,
                text=True,
                check=False,
            )
            bench.say(f"{bench.finish_load(load).rate:,.0f} answers/s while watched")
            if done.returncode:
                bench.say(f"no profile: {(done.stderr.strip() or 'py-spy failed').splitlines()[-1]}")
                return
    own: Counter[str] = Counter()
    for line in (home / "profile.txt").read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        own[stack.rpartition(";")[2]] += int(count)
    total = sum(own.values())
    for frame, samples in own.most_common(_SHOWN):
        bench.say(f"{samples / total:6.1%}  {frame}")
    bench.say("build/bench/profile.svg has the flame graph, build/bench/profile.txt the stacks")
