"""A real PostgreSQL of a test's own, that ends in the middle of its work and is started again on the same port."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.gateway.store import postgres
from tests.services.redis import free_port


class PostgresServer:
    """One server, that keeps its port and its data."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.url = f"postgresql://gateway@127.0.0.1:{self.port}/postgres"
        self.process = None
        self._who = postgres._somebody() if os.geteuid() == 0 else {}  # it does not run as root
        if self._who:
            shutil.chown(self.folder, self._who["user"], self._who["group"])
        options = ["-A", "trust", "-U", "gateway", "-E", "UTF8", "--locale=C", "--no-sync"]
        command = [postgres.found("initdb"), "-D", self.folder / "data", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self._who)

    def start(self):
        options = ["-D", self.folder / "data", "-p", str(self.port), "-h", "127.0.0.1", "-k", self.folder]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [postgres.found("postgres"), *options], stdout=log, stderr=log, cwd=self.folder, **self._who
            )
        postgres._wait(self.port, self.process, self.folder / "log")
        return self

    def kill(self):
        """End it without a word to anybody: what it has not written it has to find in its log."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


@contextlib.contextmanager
def postgres_server():
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(folder)
        try:
            yield server.start()
        finally:
            server.kill()
