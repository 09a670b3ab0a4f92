"""PromQL, read as far as it takes to say which metrics and labels an expression names; all else is refused."""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?)|(?P<name>[a-zA-Z_:][\w:]*)|(?P<variable>\$\w+)"""
    r"""|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%(){}\[\],=<>]))"""
)
_AGGREGATES = {"sum", "max", "min", "avg", "count", "topk"}
_FUNCTIONS = {"rate", "increase", "histogram_quantile", "clamp_min", "absent"}
_GROUPINGS = {"by", "without", "on", "ignoring"}
_OPERATORS = {*"+-*/%<>", "==", "!=", ">=", "<=", "and", "or", "unless"}


class NotUnderstood(Exception):
    pass


@dataclass
class Selected:
    """One selector: the metric, and the labels that it is chosen by."""

    name: str
    labels: set = field(default_factory=set)
    ranged: bool = False


@dataclass
class Read:
    selectors: list = field(default_factory=list)
    grouped: set = field(default_factory=set)
    """Labels that something is summed up by."""


def read(text):
    """Return what an expression names."""
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise NotUnderstood(text[at:])
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    reader = _Reader(tokens)
    reader.expression()
    if reader.tokens:
        raise NotUnderstood(reader.tokens)
    return reader.found


class _Reader:
    def __init__(self, tokens):
        self.tokens = tokens
        self.found = Read()

    def next(self):
        return self.tokens[0] if self.tokens else (None, None)

    def take(self, *values):
        kind, value = self.next()
        if kind is None or (values and value not in values):
            raise NotUnderstood(f"{value!r} instead of {values}")
        self.tokens.pop(0)
        return kind, value

    def expression(self):
        self.operand()
        while self.next()[1] in _OPERATORS:
            self.take()
            self.operand()

    def operand(self):
        kind, value = self.take()
        if kind == "number":
            return
        if value == "(":
            self.expression()
            self.take(")")
        elif kind == "name" and value in _AGGREGATES:
            if self.next()[1] in _GROUPINGS:
                self.grouping()
            self.arguments()
            if self.next()[1] in _GROUPINGS:
                self.grouping()
        elif kind == "name" and self.next()[1] == "(":
            if value not in _FUNCTIONS:
                raise NotUnderstood(value)
            self.arguments()
        elif kind == "name":
            self.selector(value)
        else:
            raise NotUnderstood(value)

    def grouping(self):
        self.take()
        self.take("(")
        while self.next()[1] != ")":
            self.found.grouped.add(self.take()[1])
            if self.next()[1] == ",":
                self.take()
        self.take(")")

    def arguments(self):
        self.take("(")
        self.expression()
        while self.next()[1] == ",":
            self.take()
            self.expression()
        self.take(")")

    def selector(self, name):
        selected = Selected(name)
        self.found.selectors.append(selected)
        if self.next()[1] == "{":
            self.take()
            while self.next()[1] != "}":
                selected.labels.add(self.take()[1])
                self.take("=", "!=", "=~", "!~")
                if self.take()[0] != "text":
                    raise NotUnderstood(name)
                if self.next()[1] == ",":
                    self.take()
            self.take("}")
        if self.next()[1] == "[":
            self.take()
            while self.take()[1] != "]":
                selected.ranged = True
