"""What a process of ours costs, as the system counts it."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    after_name = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def memory(process, what="VmRSS"):
    """Return bytes; `VmHWM` is the most there has been."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(what)


def forget_peak(process):
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def open_files(process, kind="/"):
    """Return the names of what is open: files, or those that begin in another way, such as `socket:`."""
    found = []
    for entry in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            name = str(entry.readlink())
        except FileNotFoundError:
            continue
        if name.startswith(kind):
            found.append(name)
    return found
