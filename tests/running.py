"""The gateway as a user runs it: the real command in a process of its own, on a free port."""

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

ROOT = Path(__file__).parent.parent
_BOUND = re.compile(r"http://[^\s]+:(\d+)")


@dataclass
class Running:
    process: subprocess.Popen[str]
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
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--configs", str(configs), *arguments]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
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
