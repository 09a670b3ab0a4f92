"""A PostgreSQL of the tests' own: a fresh one on a free port, ended by whoever started it."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_PATH = os.pathsep.join([*map(str, _DEBIAN), os.environ.get("PATH", "")])


def found(name="initdb"):
    """Return where a program of PostgreSQL's is, if it is installed."""
    return shutil.which(name, path=_PATH)


@contextlib.contextmanager
def running():
    """Yield the URL of a server, without a database of its own yet; the data are not flushed, as they are not kept."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    # PostgreSQL does not run as root.
    who = _somebody() if os.geteuid() == 0 else {}
    if who:
        shutil.chown(folder, who["user"], who["group"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [found("initdb"), "-D", data, "-A", "trust", "-U", "gateway", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        **who,
    )
    command = [found("postgres"), "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **who)
        try:
            _wait(port, process, folder / "log")
            yield f"postgresql://gateway@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def _somebody():
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("there is no user whom PostgreSQL would run as")


def _wait(port, process, log):
    for _ in range(600):
        ready = subprocess.run(
            [found("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "gateway"], check=False
        )
        if ready.returncode == 0:
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
