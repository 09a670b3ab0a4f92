"""Installs the two peers into a folder that git ignores, once; says why where that is impossible."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

PORTKEY, LITELLM = "1.15.2", "1.106.2"
"""The releases compared with."""

_HOME = Path(__file__).parent / ".peers"
_INSTALL_SECONDS = 300


class Unavailable(Exception):
    """A system that cannot be measured here; says why."""


def portkey():
    """Return the path of Portkey's server script."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Unavailable("node and npm are not installed")
    home = _HOME / f"portkey-{PORTKEY}"
    package = home / "node_modules" / "@portkey-ai" / "gateway"
    if not (home / "installed").exists():
        home.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        _install(home, ["npm", "install", "--prefix", home, *quiet, f"@portkey-ai/gateway@{PORTKEY}"])
    if json.loads((package / "package.json").read_text())["version"] != PORTKEY:
        raise Unavailable(f"the installed package is not release {PORTKEY}")
    return package / "build" / "start-server.js"


def litellm():
    """Return the path of LiteLLM's command, in a virtual environment of its own."""
    home = _HOME / f"litellm-{LITELLM}"
    if not (home / "installed").exists():
        home.parent.mkdir(exist_ok=True)
        pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _install(home, [sys.executable, "-m", "venv", home], [*pip, f"litellm[proxy]=={LITELLM}"])
    return home / "bin" / "litellm"


def _install(home, *commands):
    for command in commands:
        words = [str(word) for word in command]
        try:
            done = subprocess.run(words, timeout=_INSTALL_SECONDS, capture_output=True, text=True, check=False)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"installing took longer than {_INSTALL_SECONDS} s") from None
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise Unavailable(f"{Path(words[0]).name} failed with exit code {done.returncode}: {last}")
    (home / "installed").touch()
