"""What there is to check of a page: its headings, its links, its commands and what they print."""

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

from tests.documents import Block, blocks

PRINTED = "printed"
"""The tag of a block that the one before it prints."""


@dataclass
class Step:
    """A block that is run, and the lines that it is said to print."""

    block: Block
    prints: list[str] = field(default_factory=list)


def steps(path: Path) -> list[Step]:
    """Return what a page tells its reader to run, in order."""
    found: list[Step] = []
    for block in blocks(path):
        if block.tag == "run" and block.without_make.strip():
            found.append(Step(block))
        elif block.tag == PRINTED:
            found[-1].prints.extend(line for line in block.text.splitlines() if line.strip())
    return found


@functools.cache
def anchors(path: Path) -> set[str]:
    """Return what a link may name after `#`: headings, as GitHub and GitLab spell them."""
    found: dict[str, int] = {}
    tokens = MarkdownIt("commonmark").parse(path.read_text())
    for before, token in itertools.pairwise(tokens):
        if before.type == "heading_open":
            text = "".join(child.content for child in token.children or () if child.type in {"text", "code_inline"})
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
    return {slug if number == 0 else f"{slug}-{number}" for slug, most in found.items() for number in range(most + 1)}


def words(path: Path) -> Iterator[str]:
    """Yield what stands in backticks, each once."""
    found: dict[str, None] = {}
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text()):
        for child in token.children or ():
            if child.type == "code_inline":
                found[child.content] = None
    yield from found
