"""Measures the promises in full, one after the other, and prints a table: `make promises`."""

import os
import sys
from pathlib import Path

os.environ["PROMISES"] = "long"  # before the tests are imported, which say by it how much they measure

import pytest
from rich.console import Console
from rich.table import Table

_LONGEST_TEST = 1800


class _Told:
    """Takes the figures out of the run."""

    figures = ()

    def pytest_sessionfinish(self, session):
        from tests.promises.conftest import TOLD  # noqa: PLC0415 - the same object as in the run

        self.figures = session.config.stash.get(TOLD, ())


def main(arguments):
    told = _Told()
    folder = str(Path(__file__).parent)
    code = pytest.main([folder, "-q", f"--timeout={_LONGEST_TEST}", *arguments], plugins=[told])
    table = Table("promise", "what", "measured", "kept", "load")
    for figure in told.figures:
        kept = "yes" if figure.kept else "no"
        table.add_row(figure.promise, figure.what, figure.got, kept, f"{figure.load:.1f}")
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
