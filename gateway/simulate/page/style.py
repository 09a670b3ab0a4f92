"""The style of the page: its sheet, and a rule for each colour."""

import functools
from importlib import resources


@functools.cache
def style(colours: int) -> str:
    """Return the style sheet, with so many colours for targets."""
    sheet = resources.files(__package__ or "").joinpath("page.css").read_text(encoding="utf-8")
    names = [*(f"c{index}" for index in range(colours)), "good", "bad"]
    rules = (
        f".area.{name} {{ fill: var(--{name}); }} .line.{name} {{ stroke: var(--{name}); }} "
        f"i.{name} {{ background: var(--{name}); }}"
        for name in names
    )
    return sheet + "\n".join(rules)
