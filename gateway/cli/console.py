"""Where commands print trees and tables: fitted to a terminal, whole lines into a pipe or a file."""

from rich.console import Console

_WHOLE_LINES = 100_000


def console() -> Console:
    """Return the console for standard output, without colours where nobody would see them."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_WHOLE_LINES)
