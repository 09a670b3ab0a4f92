"""A reader's terminal: a shell in a folder, whose command `beamsplitter` runs in this process.

A Python that starts and imports the gateway takes a second of processor time; a page has a dozen commands.
"""

import contextlib
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

from gateway.cli import main
from tests.documents import Block

SHIM = """#!{python} -ISX frozen_modules=on
import json, os, socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect({address!r})
with asked.makefile("rw") as line:
    line.write(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]) + "\\n")
    line.flush()
    out, err, code = json.loads(line.readline())
sys.stderr.write(err)
sys.stdout.write(out)
sys.exit(code)
"""

_END = "=== the end of a block ==="
_MOMENT, _MONTH = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[:.\dZ+]*", r"\b20\d\d-\d\d\b"
_ID, _VERSION = r"[0-9a-f]{8}-[0-9a-f-]{27}", r"\b[0-9a-f]{12}\b"
_VARIES = re.compile(f"{_MOMENT}|{_ID}|{_MONTH}|{_VERSION}")
"""Moments, ids and versions: nobody's page can know them."""


@dataclass
class Printed:
    """What came of a page's commands."""

    outputs: list[str]
    """Of each block that came to its end, in order."""
    code: int
    rest: str
    """What the block printed that did not come to its end, and all that went to standard error."""


class _Command(socketserver.StreamRequestHandler):
    def handle(self):
        arguments, folder, environ = json.loads(self.rfile.readline())
        with _turn, contextlib.chdir(folder), patch.dict(os.environ, environ, clear=True):
            done = CliRunner().invoke(main, arguments, prog_name="beamsplitter")
        told = [done.stdout, done.stderr + ("" if done.exc_info is None else _crash(done)), done.exit_code]
        self.wfile.write(json.dumps(told).encode() + b"\n")


_turn = threading.Lock()
"""Standard output, the folder and the environment are the process's: one command at a time."""


def _crash(done):
    return "" if isinstance(done.exception, SystemExit) else repr(done.exception) + "\n"


@contextlib.contextmanager
def commands(folder: Path) -> Iterator[str]:
    """Put the command into a folder, and yield the PATH on which it is found."""
    address = folder / "command.socket"
    shim = folder / "beamsplitter"
    shim.write_text(SHIM.format(python=sys.executable, address=str(address)))
    shim.chmod(0o755)
    with socketserver.ThreadingUnixStreamServer(str(address), _Command) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        finally:
            server.shutdown()
            thread.join(5)


def run(blocks: list[Block], *, folder: Path, path: str, environ: dict[str, str], address: str) -> Printed:
    """Run the blocks of a page in one shell, in their order; `address` takes the place of `make run`'s."""
    script = "".join(f"{_script(block)}\necho '{_END}'\n" for block in blocks)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", re.sub(r"\b(?:localhost|127\.0\.0\.1):8787\b", address, script)],
        cwd=folder,
        env={**os.environ, **environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    *outputs, rest = done.stdout.split(f"{_END}\n")
    return Printed(outputs, done.returncode, rest + done.stderr)


def _script(block: Block) -> str:
    if block.language == "python":
        return f"python3 - <<'END OF PYTHON'\n{block.text}END OF PYTHON\n"
    return block.without_make


def missing(lines: list[str], output: str) -> list[str]:
    """Return the lines that were not printed; `…` in one stands for anything."""
    printed = [_alike(line) for line in output.splitlines()]
    return [line for line in lines if not any(map(_pattern(line).fullmatch, printed))]


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, _alike(line).split("…"))))


def _alike(line: str) -> str:
    return _VARIES.sub("#", line.strip())
