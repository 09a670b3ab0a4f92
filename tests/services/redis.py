"""A real Redis server of a test's own: on a free port, in a temporary folder, stopped and started as the test likes."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.services.needed import needs

BINARY = shutil.which("redis-server") or shutil.which("valkey-server")
_START_SECONDS = 10


class RedisServer:
    """One server, that keeps its port, and with `appendonly` its data, when it is started again."""

    def __init__(self, folder, *, appendonly=False, arguments=()):
        self.folder = Path(folder)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = ["--appendonly", "yes" if appendonly else "no", *arguments]
        self.process = None

    def start(self):
        command = [BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen([*command, *self._options], stdout=log, stderr=log)
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError((self.folder / "redis.log").read_text())
            time.sleep(0.01)
        return self

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        """End it in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def pause(self):
        """Make a black hole of it: connections are taken, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def ask(self, line):
        """Return the first bytes of the answer to a command in one line."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
            connection.sendall(line.encode() + b"\r\n")
            return connection.recv(1 << 16)

    def _answers(self):
        try:
            return self.ask("PING").startswith(b"+PONG")
        except OSError:
            return False

    def _end(self, number):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(10)


@contextlib.contextmanager
def redis_server(*, appendonly=False, arguments=()):
    needs("Redis or Valkey", BINARY)
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(folder, appendonly=appendonly, arguments=arguments)
        try:
            yield server.start()
        finally:
            server.kill()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
