"""Runs pytest several tests at a time; the few that fail get a second run, alone.

Four at a time on two cores make each other wait, and now and then one of twelve thousand finds that something took
longer than it allows for. What fails alone as well fails the run; what does not is told by name.
"""

import json
import subprocess
import sys
from pathlib import Path

MOST = 3
"""Of more that fail at once, none is a matter of waiting."""
_TESTS_FAILED = 1


def main(arguments: list[str], cache: Path = Path(".pytest_cache/beside")) -> int:
    """Return the exit code of the run, or of the second one."""
    pytest = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}"]
    code = subprocess.run([*pytest, "--cache-clear", *arguments], check=False).returncode
    failed = _failed(cache)
    if code != _TESTS_FAILED or not 0 < len(failed) <= MOST:
        return code
    print("\nFailed beside others, and run again alone:", *failed, sep="\n  ", flush=True)  # noqa: T201
    return subprocess.run([*pytest, *failed], check=False).returncode


def _failed(cache: Path) -> list[str]:
    try:
        return list(json.loads((cache / "v" / "cache" / "lastfailed").read_text()))
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
