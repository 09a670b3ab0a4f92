"""Rules that are silenced by comments, and what is wrong with such comments."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from gateway.config.document import Document
from gateway.config.suggest import did_you_mean, listed, printable
from gateway.errors import Problem
from gateway.lint.comments import Comment, comments
from gateway.lint.rule import Rule


def silenced(
    problems: Sequence[Problem], document: Document, text: str | None, names: Collection[str]
) -> Iterator[Problem]:
    """Yield what is left of the problems, and what is wrong with the comments that silence the others."""
    if text is None or document.file is None or document.file.lower().endswith(".json"):
        yield from problems  # there are no comments
        return
    left = dict.fromkeys(problems)
    about = _by_line(problems, document)
    for comment in comments(text):
        fault = _fault(comment, names)
        if fault is None:
            ignored = [problem for rule in comment.rules for problem in about.pop((comment.about, rule), ())]
            ignored = [problem for problem in ignored if problem in left]
            for problem in ignored:
                del left[problem]
            fault = None if ignored else _unused(comment)
        if fault is not None:
            rule, message = fault
            problem = document.problem("$", message, code=rule.name)
            yield replace(problem, severity=rule.severity, line=comment.line, column=comment.column)
    yield from left


def _by_line(problems: Iterable[Problem], document: Document) -> dict[tuple[int | None, str], list[Problem]]:
    """Return what a comment about a line, or about the whole file, silences of a rule."""
    found: dict[tuple[int | None, str], list[Problem]] = {}
    for problem in problems:
        lines: dict[int | None, None] = {None: None, problem.line: None}
        path = problem.path
        while path not in ("$", ""):  # the first key stands where the whole does, and does not silence it
            lines[document.places.get(path, (problem.line,))[0]] = None
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        for line in lines:
            found.setdefault((line, problem.code), []).append(problem)
    return found


def _fault(comment: Comment, names: Collection[str]) -> tuple[Rule, str] | None:
    unknown = [rule for rule in comment.rules if rule not in names]
    if not comment.rules:
        return IGNORE_UNKNOWN_RULE, "Name what is to be ignored: `# beamsplitter: ignore=RULE reason`."
    if unknown:
        guess = did_you_mean(unknown[0], names)
        known = f" Rules are {listed(names, 'and')}." if guess == "." else ""
        return IGNORE_UNKNOWN_RULE, f"No rule is called `{printable(unknown[0])}`{guess}{known}"
    if not any(letter.isalpha() for letter in comment.reason):
        what = printable(",".join(comment.rules))
        message = f"Say why, as in `# beamsplitter: ignore={what} reason`: without that nothing is ignored."
        return IGNORE_WITHOUT_REASON, message
    return None


def _unused(comment: Comment) -> tuple[Rule, str]:
    where = "in this file" if comment.about is None else "on the line that this is about"
    return IGNORE_UNUSED, f"There is nothing {where} for {listed(comment.rules)} to find: remove the comment."


_BALANCE = """\
strategy:
  mode: loadbalance
targets:
  - {name: old, provider: sandbox}
"""
_EXCUSED = "  - {name: new, provider: sandbox, weight: 0} # beamsplitter: ignore=target-unreachable takes over in May\n"

IGNORE_WITHOUT_REASON = Rule(
    name="ignore-without-reason",
    severity="warning",
    summary="A comment that silences a rule, and does not say why.",
    why="Who reads it next year wants to know whether it still holds. Without a reason nothing is ignored.",
    bad=_BALANCE + "  - {name: new, provider: sandbox, weight: 0} # beamsplitter: ignore=target-unreachable\n",
    good=_BALANCE + _EXCUSED,
)

IGNORE_UNKNOWN_RULE = Rule(
    name="ignore-unknown-rule",
    severity="warning",
    summary="A comment that silences a rule which there is not.",
    why="It is mistyped, or the rule was renamed: nothing is ignored, and whoever wrote it believes otherwise.",
    bad=_BALANCE + "  - {name: new, provider: sandbox} # beamsplitter: ignore=target-unreachble takes over in May\n",
    good=_BALANCE + _EXCUSED,
)

IGNORE_UNUSED = Rule(
    name="ignore-unused",
    severity="warning",
    summary="A comment that silences a rule which finds nothing there.",
    why="What it was about has been put right, or stands elsewhere; left in place it would hide the next one.",
    bad=_BALANCE
    + "  - {name: new, provider: sandbox, weight: 1} # beamsplitter: ignore=target-unreachable until May\n",
    good=_BALANCE + "  - {name: new, provider: sandbox, weight: 1}\n",
)

RULES = (IGNORE_WITHOUT_REASON, IGNORE_UNKNOWN_RULE, IGNORE_UNUSED)
