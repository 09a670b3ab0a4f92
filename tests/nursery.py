"""Gateways that begin in a process which has read the program already: most of a start is reading it.

Everything else is as when the command is run: arguments, environment, folder, signals, how it ends. Whoever tests the
start itself runs the command.
"""

import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from typing import IO, Any

_MOST_FDS = 4096
_MESSAGE = 1 << 20


class Nursling:
    """A gateway that was begun there, as far as tests need a `Popen`."""

    def __init__(self, pid: int, stdout: IO[str], exits: "_Exits") -> None:
        self.pid = pid
        self.stdout = stdout
        self._exits = exits

    @property
    def returncode(self) -> int | None:
        return self._exits.code(self.pid)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        code = self._exits.code(self.pid, timeout, waits=True)
        if code is None:
            raise subprocess.TimeoutExpired("gateway", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Exits:
    """What became of those that were begun, as they are told."""

    def __init__(self) -> None:
        self._codes: dict[int, int] = {}
        self._begun: list[int] = []
        self._changed = threading.Condition()

    def tell(self, told: dict[str, Any]) -> None:
        with self._changed:
            if "code" in told:
                self._codes[told["pid"]] = told["code"]
            else:
                self._begun.append(told["pid"])
            self._changed.notify_all()

    def code(self, pid: int, timeout: float | None = None, *, waits: bool = False) -> int | None:
        with self._changed:
            if waits:
                self._changed.wait_for(lambda: pid in self._codes, timeout)
            return self._codes.get(pid)

    def next_one(self) -> int:
        with self._changed:
            if not self._changed.wait_for(lambda: self._begun, 60):
                raise AssertionError("no gateway was begun within a minute")
            return self._begun.pop(0)


class Nursery:
    """The process that has read the program, seen from the tests."""

    def __init__(self, root: str) -> None:
        self._ours, theirs = socket.socketpair()
        self._turn = threading.Lock()
        self._exits = _Exits()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery", str(theirs.fileno())],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        threading.Thread(target=self._listen, daemon=True).start()

    def begin(self, arguments: list[str], *, folder: str, environ: dict[str, str]) -> Nursling:
        """Begin `beamsplitter` with some arguments; what it says on both of its outputs is its `stdout`."""
        reads, writes = os.pipe()
        asked = json.dumps({"arguments": arguments, "folder": folder, "environ": environ}).encode()
        with self._turn:
            socket.send_fds(self._ours, [len(asked).to_bytes(4, "big") + asked], [writes])
            os.close(writes)
            pid = self._exits.next_one()
        return Nursling(pid, os.fdopen(reads, encoding="utf-8"), self._exits)

    def _listen(self) -> None:
        with self._ours.makefile("r") as lines:
            for line in lines:
                self._exits.tell(json.loads(line))


@functools.cache
def nursery(root: str) -> Nursery:
    """Return the one of this process; it ends with it."""
    return Nursery(root)


def _asked(ours: socket.socket) -> tuple[dict[str, Any], int] | None:
    data, fds, _, _ = socket.recv_fds(ours, _MESSAGE, 1)
    if not data:
        return None
    size = int.from_bytes(data[:4], "big")
    while len(data) < 4 + size:
        data += ours.recv(_MESSAGE)
    return json.loads(data[4:]), fds[0]


def _become(asked: dict[str, Any], output: int) -> list[str]:
    """Be the command from here on, with nothing of this process's."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, _MOST_FDS)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    arguments: list[str] = asked["arguments"]
    sys.argv = ["beamsplitter", *arguments]
    return arguments


def _tend(ours: socket.socket) -> list[str] | None:
    """Begin what is asked for, and tell what ended; return in each that was begun, with its arguments."""
    ends: dict[int, int] = {}
    while True:
        for ready in select.select([ours, *ends], [], [])[0]:
            if ready is ours:
                found = _asked(ours)
                if found is None:
                    return None
                pid = os.fork()
                if pid == 0:
                    return _become(*found)
                os.close(found[1])
                ends[os.pidfd_open(pid)] = pid
                ours.sendall(json.dumps({"pid": pid}).encode() + b"\n")
            else:
                pid = ends.pop(ready)
                os.close(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                ours.sendall(json.dumps({"pid": pid, "code": code}).encode() + b"\n")


def _main(descriptor: int) -> None:
    from gateway.cli import main  # noqa: PLC0415 - only here is it to be read

    main.get_command(None, "serve")
    gc.freeze()
    arguments = _tend(socket.socket(fileno=descriptor))
    if arguments is not None:
        main(arguments, prog_name="beamsplitter")


if __name__ == "__main__":
    _main(int(sys.argv[1]))
