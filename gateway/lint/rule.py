"""What a rule is: a question that is asked of every config, with its reasons and examples."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.lint.ground import Ground

Severity = Literal["error", "warning", "notice"]


@dataclass(frozen=True, slots=True)
class Found:
    """One place where a rule has something to say."""

    path: str
    """JSON path of the value, as the document spells it."""
    message: str
    """What is so, and what to write instead."""


def _nothing(_: Ground) -> Iterable[Found]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, as it works and as it is documented."""

    name: str
    severity: Severity
    """error: some requests cannot be answered as it is, or a secret lies open; warning: it hardly does what was meant;
    notice: worth knowing."""
    summary: str
    why: str
    bad: str
    """A config in YAML that breaks this rule, and no other."""
    good: str
    """The same, as it was meant."""
    find: Callable[[Ground], Iterable[Found]] = _nothing
    """Returns what it finds; nothing for the rules about ignoring, which look at comments."""
