"""The gateway as a user runs it, in a process of its own, on a free port."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.nursery import Nursling, nursery

ROOT = Path(__file__).parent.parent
READ_AT_THE_START = ("PYTHON", "SSL_")
"""Variables that somebody looks at while the program is being read: such a gateway is the command itself."""
_BOUND = re.compile(r"http://[^\s]+:(\d+)")


@dataclass
class Running:
    process: Nursling | subprocess.Popen[str]
    url: str
    lines: list[str] = field(default_factory=list)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextlib.contextmanager
def serving(configs: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        if "--data" not in arguments:
            arguments = (*arguments, "--data", data)
        with _started(configs, *arguments, env=env) as running:
            yield running


@contextlib.contextmanager
def _started(configs: Path, *arguments: str, env: dict[str, str] | None) -> Iterator[Running]:
    command = ["serve", "--port", "0", "--configs", str(configs), *arguments]
    environ = {**os.environ, **(env or {})}
    process: Nursling | subprocess.Popen[str]
    if any(name.startswith(READ_AT_THE_START) for name in env or {}):
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", *command],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    else:
        process = nursery(str(ROOT)).begin(command, folder=str(ROOT), environ=environ)
    assert process.stdout is not None
    running = Running(process, "")
    for line in process.stdout:
        running.lines.append(line)
        found = _BOUND.search(line)
        if found:
            running.url = f"http://127.0.0.1:{found[1]}"
            break
    if not running.url:
        process.wait(10)
        process.stdout.close()
        raise AssertionError("the gateway did not start:\n" + "".join(running.lines))
    reader = threading.Thread(target=lambda: running.lines.extend(process.stdout), daemon=True)
    reader.start()
    try:
        yield running
    finally:
        if process.poll() is None:
            running.stop()
        reader.join(5)
        process.stdout.close()
