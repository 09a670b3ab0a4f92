"""All rules, and what they find in a config or in the gateway file."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from gateway.config.document import Document
from gateway.config.load import load
from gateway.errors import InvalidConfig, Problem
from gateway.lint import conditions, edits, effects, fallbacks, ignoring, literals, models, money, reach, times
from gateway.lint.ground import Ground, Linted
from gateway.lint.ignoring import silenced
from gateway.lint.rule import Found, Rule

_MODULES = (conditions, reach, fallbacks, times, effects, edits, models, money, literals, ignoring)
_STEP = re.compile(r"\.([^.\[]*)|\[([0-9]+)\]")

RULES: Mapping[str, Rule] = {rule.name: rule for module in _MODULES for rule in module.RULES}
"""Every rule under its name, in the order in which they are documented."""

_IGNORABLE = [name for name in RULES if RULES[name] not in ignoring.RULES]


def lint(config: Linted) -> list[Problem]:
    """Return what the rules find in a config, and are not told to ignore, in the order in which it is written."""
    ground, document = Ground(config), config.document
    found = [_problem(rule, each, document) for rule in RULES.values() for each in rule.find(ground)]
    return _left(found, document, config.text, _IGNORABLE)


def lint_gateway_file(file: Path, text: str | None) -> list[Problem]:
    """Return what the rules that concern it find in the gateway file; nothing where it cannot be read."""
    try:
        document = load(text or "", str(file))
    except InvalidConfig:
        return []  # which is told by whoever reads it to serve it
    rule = literals.LITERAL_SECRET
    found = [_problem(rule, each, document) for each in literals.literal_secrets(document)]
    return _left(found, document, text, [rule.name])


def _left(found: Iterable[Problem], document: Document, text: str | None, names: Collection[str]) -> list[Problem]:
    return sorted(silenced(list(dict.fromkeys(found)), document, text, names), key=_place)


def _problem(rule: Rule, found: Found, document: Document) -> Problem:
    return replace(document.problem(found.path, found.message, code=rule.name), severity=rule.severity)


def _place(problem: Problem) -> tuple[int, int, list[tuple[int, str]]]:
    steps = [(int(index or 0), name) for name, index in _STEP.findall(problem.path)]
    return problem.line or 0, problem.column or 0, steps
