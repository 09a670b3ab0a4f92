"""A real PostgreSQL of a test's own: on a free port, in a temporary folder, stopped and started as the test likes."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.services.needed import needs
from tests.services.redis import free_port

_START_SECONDS = 30
_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_PATH = os.pathsep.join([*map(str, _DEBIAN), os.environ.get("PATH", "")])


def found(name="initdb"):
    """Return where a program of PostgreSQL's is, if it is installed."""
    return shutil.which(name, path=_PATH)


class PostgresServer:
    """One server, that keeps its port and its data."""

    def __init__(self, folder, *, arguments=()):
        self.folder = Path(folder)
        self.port = free_port()
        self.url = f"postgresql://gateway@127.0.0.1:{self.port}/postgres"
        self.process = None
        self._arguments = arguments
        self._who = _somebody() if os.geteuid() == 0 else {}  # it does not run as root
        if self._who:
            shutil.chown(self.folder, self._who["user"], self._who["group"])
        options = ["-A", "trust", "-U", "gateway", "-E", "UTF8", "--locale=C", "--no-sync"]
        command = [found("initdb"), "-D", self.folder / "data", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self._who)

    def start(self):
        options = ["-D", self.folder / "data", "-p", str(self.port), "-h", "127.0.0.1", "-k", self.folder]
        command = [found("postgres"), *options, *self._arguments]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._who)
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError((self.folder / "log").read_text())
            time.sleep(0.05)
        return self

    def stop(self):
        """End it in order, though not for the sake of whoever is connected."""
        self._end(signal.SIGINT)

    def kill(self):
        """End it without a word to anybody: what it has not written it has to find in its log."""
        self._end(signal.SIGQUIT)

    def _answers(self):
        command = [found("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "gateway"]
        return subprocess.run(command, check=False).returncode == 0

    def _end(self, number):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


@contextlib.contextmanager
def postgres_server(*, arguments=()):
    needs("PostgreSQL", found())
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(folder, arguments=arguments)
        try:
            yield server.start()
        finally:
            server.kill()


def _somebody():
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("there is no user whom PostgreSQL would run as")
