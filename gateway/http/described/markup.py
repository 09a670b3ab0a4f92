"""HTML from words: everything that comes in is text, and nothing but what is made here is markup."""

import re
from html import escape

_CODE = re.compile(r"`([^`]+)`")


class Markup(str):
    """HTML that was made here, and may stand in a page as it is."""

    __slots__ = ()


def el(tag: str, *children: str, **attributes: str | None) -> Markup:
    """Return an element; text among its children and attributes is escaped, an attribute of `None` is left out.

    `class_` and `id_` stand for names that Python has taken.
    """
    given = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    inside = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
    return Markup(f"<{tag}{inside}>{together(*children)}</{tag}>")


def together(*children: str) -> Markup:
    """Return text and markup in a row."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def spoken(text: str) -> Markup:
    """Return a sentence whose words in backticks are code."""
    parts = _CODE.split(text)
    return together(*(el("code", part) if index % 2 else part for index, part in enumerate(parts)))


def anchor(*words: str) -> str:
    """Return a name for a place in the page."""
    return "-".join(re.findall(r"[a-z0-9_.]+", " ".join(words).lower()))


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Markup:
    """Return a table that may be scrolled by itself; nothing where there are no rows."""
    if not rows:
        return Markup("")
    head = el("tr", *(el("th", heading, scope="col") for heading in headings))
    body = [el("tr", *(el("td", cell) for cell in row)) for row in rows]
    inside = el("table", el("thead", head), el("tbody", *body))
    return el("div", inside, class_="wide", tabindex="0", role="region", aria_label=f"Table: {headings[0]}")
