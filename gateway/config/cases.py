"""`tests:` in a config: what is written becomes cases, whose targets exist and whose answers are answers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.answers import UnknownAnswer, answer_of
from gateway.config.reading import FAULTY, Path, Reading, given
from gateway.config.spec import AnswerSpec, CaseSpec, ExpectSpec, NodeSpec, leaves
from gateway.config.suggest import did_you_mean, listed, printable

_PATHS = {"generate": "/v1/images/generations", "edit": "/v1/images/edits", "vary": "/v1/images/variations"}
_ANSWER = ("answer", "after_ms", "retry_after")
_MOST_ANSWERS = 64
_LONGEST_MS = 600_000
_LONGEST_WAIT = 86_400
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


def cases_of(written: object, root: NodeSpec, reading: Reading) -> tuple[CaseSpec, ...]:
    """Return the tests of a config, after reporting what is wrong with them."""
    if not isinstance(written, list):
        return ()
    known = dict(_known(root))
    cases = []
    names: dict[str, int] = {}
    for index, entry in enumerate(written):
        if entry is FAULTY:
            continue
        path: Path = ("tests", index)
        name = given(entry, "name")
        if name in names:
            reading.report((*path, "name"), f"The test {names[name]} has this name already; give each its own.")
        elif name is not None:
            names[name] = index
        cases.append(_case(entry, index, path, known, reading))
    return tuple(cases)


def _known(root: NodeSpec) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what a target may be called, with the paths it stands for: names are each node's own."""
    targets = leaves(root)
    for target in targets:
        yield target.path, (target.path,)
    for name in {target.name for target in targets if target.name}:
        yield name, tuple(target.path for target in targets if target.name == name)


def _case(
    entry: Mapping[str, Any], index: int, path: Path, known: Mapping[str, tuple[str, ...]], reading: Reading
) -> CaseSpec:
    entry = dict(entry)
    answers: dict[str, tuple[AnswerSpec, ...]] = {}
    for target, listed_ in (given(entry, "given") or {}).items():
        place = (*path, "given", target)
        paths = _paths(target, place, known, reading)
        row = tuple(_answers(listed_, place, reading))
        answers |= dict.fromkeys(paths, row)
    headers = _texts(given(entry, "headers"), (*path, "headers"), reading)
    return CaseSpec(
        name=given(entry, "name") or "",
        index=index,
        request=given(entry, "request") or {},
        path=_PATHS[given(entry, "operation") or "generate"],
        metadata=_texts(given(entry, "metadata"), (*path, "metadata"), reading),
        headers={name.lower(): value for name, value in headers.items()},
        given=answers,
        expect=_expect(given(entry, "expect") or {}, (*path, "expect"), known, reading),
    )


def _paths(name: object, path: Path, known: Mapping[str, tuple[str, ...]], reading: Reading) -> tuple[str, ...]:
    found = known.get(str(name))
    if found is None:
        guess = did_you_mean(str(name), known)
        those = f" Its targets: {listed(sorted(known), 'and')}." if guess == "." else ""
        reading.report(path, f"No target of this config is called `{printable(str(name)[:60])}`{guess}{those}")
        return ()
    return found


def _answers(written: object, path: Path, reading: Reading) -> Iterator[AnswerSpec]:
    """Yield what one target answers; a single answer may stand without its list."""
    rows = written if isinstance(written, list) else [written]
    if not rows or len(rows) > _MOST_ANSWERS:
        reading.report(path, f"List 1 to {_MOST_ANSWERS} answers, one for each call; the last one is repeated.")
        return
    for index, row in enumerate(rows):
        place = (*path, index) if isinstance(written, list) else path
        fields = row if isinstance(row, dict) else {"answer": row}
        for name in fields:
            if name not in _ANSWER:
                guess = did_you_mean(str(name), _ANSWER)
                reading.report((*place, str(name)), f"Unknown key `{printable(str(name)[:60])}`{guess}")
        after = _number(fields.get("after_ms"), (*place, "after_ms"), _LONGEST_MS, reading)
        wait = _number(fields.get("retry_after"), (*place, "retry_after"), _LONGEST_WAIT, reading)
        try:
            answer = answer_of(fields.get("answer", 200))
        except UnknownAnswer as unknown:
            reading.report(place, str(unknown))
            continue
        yield AnswerSpec(answer=answer, seconds=(after or 0.0) / 1000, retry_after=wait)


def _number(value: object, path: Path, most: int, reading: Reading) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        unit = "milliseconds" if path[-1] == "after_ms" else "seconds"
        reading.report(path, f"`{path[-1]}` must be {unit} from 0 to {most}.")
        return None
    return float(value)


def _expect(
    written: Mapping[str, Any], path: Path, known: Mapping[str, tuple[str, ...]], reading: Reading
) -> ExpectSpec:
    if not written:
        reading.report(path, "`expect` is empty, so this test could not fail: say at least a `status` or a `target`.")
    written = dict(written)
    for index, name in enumerate(given(written, "tried") or ()):
        _paths(name, (*path, "tried", index), known, reading)
    target = given(written, "target")
    if target is not None:
        _paths(target, (*path, "target"), known, reading)
    most = given(written, "max_ms")
    tried, changes = given(written, "tried"), given(written, "adaptations")
    headers = _texts(given(written, "headers"), (*path, "headers"), reading)
    return ExpectSpec(
        status=given(written, "status"),
        target=target,
        attempts=given(written, "attempts"),
        tried=None if tried is None else tuple(tried),
        cause=given(written, "cause"),
        code=given(written, "code"),
        adaptations=None if changes is None else tuple(changes),
        headers={name.lower(): value for name, value in headers.items()} if "headers" in written else None,
        cost_usd=given(written, "cost_usd"),
        max_cost_usd=given(written, "max_cost_usd"),
        max_seconds=None if most is None else most / 1000,
        maybe_billed=given(written, "maybe_billed"),
    )


def _texts(written: object, path: Path, reading: Reading) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in (written if isinstance(written, dict) else {}).items():
        if not isinstance(value, str):
            reading.report((*path, name), f"The value of `{printable(str(name)[:60])}` must be a string; quote it.")
        elif path[-1] == "headers" and not _NAME.fullmatch(name):
            reading.report((*path, name), f"`{printable(name[:60])}` is no name of a header.")
        else:
            found[name] = value
    return found
