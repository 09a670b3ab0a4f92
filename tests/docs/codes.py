"""Every code that an error of the gateway may have, read from the code that makes them."""

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from gateway.http import reply
from tests.documents import ROOT

_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")
_ERRORS = range(400, 600)
_SAYS = re.compile(r'\bcode\b|\b[45]\d\d,\s*"')
"""Parsing takes a while: files without this, and without a call that takes a code, say none."""
_FOLDERS = ("gateway", "strategies")


@functools.cache
def codes() -> dict[str, str]:
    """Return each code with a file that it stands in; `invalid_…` stands for those that name a parameter."""
    texts = {file: file.read_text() for folder in _FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))}
    trees = {file: ast.parse(text) for file, text in texts.items() if _SAYS.search(text)}
    places = _parameters(trees.values())
    calls = re.compile(rf"\b(?:{'|'.join(places)})\(")
    trees |= {file: ast.parse(text) for file, text in texts.items() if file not in trees and calls.search(text)}
    found = {row[1]: "gateway/http/reply.py" for row in reply._PUBLIC.values()}
    found |= dict.fromkeys(reply._OWN_STATUS, "gateway/http/reply.py")
    for file, tree in trees.items():
        for value in _values(tree, places):
            for code in _said(value):
                found.setdefault(code, file.relative_to(ROOT).as_posix())
    return found


def _parameters(trees) -> dict[str, set[int]]:
    """Return at which position each function takes a `code`."""
    found = defaultdict(set)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [argument.arg for argument in node.args.args if argument.arg not in {"self", "cls"}]
                if "code" in names:
                    found[node.name].add(names.index("code"))
    return found


def _values(tree: ast.AST, places: dict[str, set[int]]) -> Iterator[ast.AST]:
    """Yield what is given for a code: by keyword, by position, as a variable, or after a status in a row."""
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                yield from (each.value for each in node.keywords if each.arg == "code")
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                yield from (node.args[place] for place in places.get(name, ()) if place < len(node.args))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                arguments = node.args.args[::-1]
                rows = [*zip(arguments, node.args.defaults[::-1], strict=False)]
                rows += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                yield from (default for argument, default in rows if argument.arg == "code" and default is not None)
            case ast.Assign(targets=[ast.Name(id="code")], value=value):
                yield value
            case ast.AnnAssign(target=ast.Name(id="code"), value=ast.AST() as value):
                yield value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                yield from (value for name, value in zip(names, values, strict=False) if _is_code(name))
            case ast.Tuple(elts=[ast.Constant(value=int() as status), ast.Constant() as code, *_]) if status in _ERRORS:
                yield code


def _is_code(name: ast.AST) -> bool:
    return isinstance(name, ast.Name) and name.id == "code"


def _said(value: ast.AST) -> Iterator[str]:
    match value:
        case ast.Constant(value=str() as word) if _CODE.fullmatch(word):
            yield word
        case ast.JoinedStr(values=[ast.Constant(value=str() as start), *_]) if _CODE.fullmatch(start.rstrip("_")):
            yield f"{start}…"
        case ast.IfExp():
            yield from _said(value.body)
            yield from _said(value.orelse)


def in_page(path: Path) -> set[str]:
    """Return the codes that a page has a row for: the first cell of a table, in backticks."""
    return set(re.findall(r"(?m)^\| `([a-z_]+…?)` \|", path.read_text()))
