"""Finds the code blocks of our documents, and what the comment before each promises about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent

_TAG = re.compile(r"<!--\s*(?P<word>\w+)(?::\s*(?P<about>.*?))?\s*-->\s*\Z", re.DOTALL)
_MAKE = re.compile(r"(?m)^\s*(?:\$ )?make (?P<target>[\w-]+).*\n?")


@dataclass(frozen=True)
class Block:
    """One block of code, tagged by the HTML comment right before it.

    `<!-- run -->` or `<!-- run: needs server -->`: is executed, in the order of its document.
    `<!-- config -->` or `<!-- config: gateway.yaml -->`: is read by the gateway, as a config or as that file.
    `<!-- printed -->`: is what the block before it prints; `…` stands for anything.
    `<!-- shown: reason -->`: is only for reading, and the reason says why.
    """

    file: str
    line: int
    language: str
    tag: str
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def targets(self) -> list[str]:
        """What it asks `make` for."""
        return _MAKE.findall(self.text)

    @property
    def without_make(self) -> str:
        """Its commands but for `make …`: a test that ran `make test` would not end."""
        return _MAKE.sub("", self.text)


def documents() -> list[Path]:
    """Return the documents whose blocks must be true."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path) -> Iterator[Block]:
    """Yield the blocks of a document in their order."""
    comment = ""
    for token in MarkdownIt("commonmark").parse(path.read_text()):
        if token.type in {"fence", "code_block"}:
            tagged = _TAG.search(comment)
            yield Block(
                file=path.relative_to(ROOT).as_posix(),
                line=token.map[0] + 1,
                language=token.info.partition(" ")[0],
                tag=tagged["word"] if tagged else "",
                about=(tagged["about"] or "") if tagged else "",
                text=token.content,
            )
        comment = token.content if token.type == "html_block" else ""


def links(path: Path) -> Iterator[str]:
    """Yield where a document's links and pictures lead."""
    for token in MarkdownIt("commonmark").parse(path.read_text()):
        for child in token.children or ():
            if address := child.attrGet("href") or child.attrGet("src"):
                yield str(address)
