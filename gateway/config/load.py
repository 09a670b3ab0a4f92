"""Reads YAML and JSON files strictly: every value knows its line, and what readers would guess at is a problem."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from gateway.config.document import Document
from gateway.config.scalar import meaning
from gateway.config.suggest import printable
from gateway.errors import InvalidConfig, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 10_000
_MOST_PROBLEMS = 100
_LONGEST_PATH = 400

# The compiled parser keeps no stack of its own; the other one is for platforms where it is not built.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Control characters, those that turn text around, and the line ends that YAML 1.1 and 1.2 disagree about.
_FORBIDDEN = r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_UNREADABLE = re.compile(_FORBIDDEN)
_JSON_ESCAPE = re.compile(rf"\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)|\\.|{_FORBIDDEN}")


def load(text: str | bytes, file: str) -> Document:
    """Return the object a file holds, with the place of each value and what is wrong with single ones.

    Raises `InvalidConfig` where the rest cannot be read.
    """
    decoded = _decoded(text, file)
    if file.lower().endswith(".json"):
        decoded = _json_as_yaml(decoded, file)
    elif found := _UNREADABLE.search(decoded):
        _refuse(
            file,
            f"the file holds the character U+{ord(found[0]):04X}; write it as an escape in double quotes.",
            *_place(decoded, found.start()),
        )
    return _Reader(decoded, file).document()


def _decoded(text: str | bytes, file: str) -> str:
    try:
        data = text.encode() if isinstance(text, str) else text
        if len(data) > MAX_BYTES:
            _refuse(file, f"the file is larger than {MAX_BYTES // 1024} KiB; split it.")
        decoded = data.decode("utf-8-sig")
    except UnicodeEncodeError:
        _refuse(file, "the file is not UTF-8 text; save it as UTF-8.")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(file, "the file is not UTF-8 text; save it as UTF-8.", line, 1)
    if not decoded.strip():
        _refuse(file, "the file is empty; fill it, or delete it.", 1, 1)
    return decoded


def _json_as_yaml(text: str, file: str) -> str:
    """Return JSON as YAML reads the same: pairs of surrogates and raw invisible characters become YAML's escapes."""
    try:
        json.loads(text, parse_int=len, parse_float=len, parse_constant=len)
    except json.JSONDecodeError as error:
        _refuse(file, f"this is not valid JSON: {_json_fault(error)}.", error.lineno, error.colno)
    except RecursionError:
        pass  # the reader below stops at its own limit and knows the line
    return _JSON_ESCAPE.sub(_yaml_escape, text)


def _json_fault(error: json.JSONDecodeError) -> str:
    if error.doc[error.pos : error.pos + 1] in {"}", "]"} and error.doc[: error.pos].rstrip().endswith(","):
        return "take away the comma before this bracket"
    return error.msg


def _yaml_escape(found: re.Match[str]) -> str:
    if found[1]:
        high, low = int(found[1], 16), int(found[2], 16)
        return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"
    return found[0] if found[0].startswith("\\") else f"\\u{ord(found[0]):04x}"


def _refuse(file: str, message: str, line: int | None = None, column: int | None = None) -> NoReturn:
    raise InvalidConfig([Problem(message=message, file=file, line=line, column=column)])


def _place(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


class _Reader:
    """Walks the parser's events once; nothing that could be expanded is ever built."""

    def __init__(self, text: str, file: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_PARSER))
        self._file = file
        self._lines = text.splitlines()
        self._problems: list[Problem] = []
        self._places: dict[str, tuple[int, int]] = {}
        self._values = 0

    def document(self) -> Document:
        """Return the only document of the file."""
        try:
            data = self._only_document()
        except yaml.MarkedYAMLError as error:
            self._stop(error.problem_mark or error.context_mark, "$", _syntax(error, self._lines))
        except yaml.YAMLError as error:
            self._stop(None, "$", f"this is not valid YAML: {printable(str(error))}.")
        return Document(data=data, file=self._file, places=self._places, problems=tuple(self._problems))

    def _only_document(self) -> Any:  # noqa: ANN401 - any JSON value
        data: Any = None
        documents = 0
        for event in self._events:
            match event:
                case yaml.StreamStartEvent() | yaml.StreamEndEvent() | yaml.DocumentEndEvent():
                    continue
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self._stop(event.start_mark, "$", "a second document begins here; give it its own file.")
                case _:
                    data = self._value(event, "$", 1)
                    if not isinstance(data, dict):
                        self._stop(event.start_mark, "$", "the file has to hold an object: lines of `key: value`.")
        if not documents:
            _refuse(self._file, "the file is empty; fill it, or delete it.", 1, 1)
        return data

    def _value(self, event: Any, path: str, depth: int, place: tuple[int, int] | None = None) -> Any:  # noqa: ANN401
        mark = event.start_mark
        self._places.setdefault(path, place or (mark.line + 1, mark.column + 1))
        self._values += 1
        if self._values > MAX_VALUES:
            self._stop(mark, path, f"there are more than {MAX_VALUES:,} values in this file; split it.")
        if isinstance(event, yaml.AliasEvent):
            alias = f"*{printable(str(event.anchor))}"
            self._complain(mark, path, f"the alias `{alias}` is not read here; repeat the value.")
            return alias
        if event.anchor is not None:
            self._complain(mark, path, f"the anchor `&{printable(event.anchor)}` is not read here; remove it.")
        if event.tag is not None:
            self._complain(mark, path, f"the tag `{printable(event.tag)}` is not read here; remove it.")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if depth > MAX_DEPTH:
            self._stop(mark, path, f"values are nested more than {MAX_DEPTH} deep.")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _sequence(self, path: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, _longer(path, f"[{len(items)}]"), depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            mark = event.start_mark
            name = self._key(event, path, depth)
            inside = path if name is None else _longer(path, f".{name}")
            # An entry stands where its key does: that is the line to look at, even if its value begins below.
            value = self._value(next(self._events), inside, depth + 1, (mark.line + 1, mark.column + 1))
            if name is None:
                continue
            if name in entries:
                self._complain(mark, inside, f"`{printable(name)}` is already given on line {lines[name]}; keep one.")
            entries.setdefault(name, value)
            lines.setdefault(name, mark.line + 1)
        return entries

    def _key(self, event: Any, path: str, depth: int) -> str | None:  # noqa: ANN401
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
            self._value(event, path, depth + 1)
            if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                self._complain(event.start_mark, path, "a key has to be text.")
            return None
        if event.style:
            return str(event.value)
        if event.value == "<<":
            self._complain(event.start_mark, path, "the merge key `<<` is not read here; repeat the entries.")
            return None
        if event.value in {"n", "y"}:
            return str(event.value)  # `n` is a parameter of image requests, and no reader in use takes it for a boolean
        value = self._scalar(event, path, key=True)
        return value if isinstance(value, str) else None

    def _scalar(self, event: Any, path: str, *, key: bool = False) -> Any:  # noqa: ANN401
        if event.style:
            return event.value
        try:
            value = meaning(event.value)
        except ValueError as surprise:
            self._complain(event.start_mark, path, str(surprise))
            return str(event.value)  # something is there, so nobody asks for it
        if key and not isinstance(value, str):
            self._complain(event.start_mark, path, f'a key has to be text; write "{printable(event.value)}" in quotes.')
        return value

    def _complain(self, mark: Any, path: str, message: str) -> None:  # noqa: ANN401
        line, column = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
        if line is not None and line > len(self._lines):
            line = len(self._lines)  # where the parser has run into the end of the file
        self._problems.append(Problem(message=message, path=path, file=self._file, line=line, column=column))
        if len(self._problems) >= _MOST_PROBLEMS:
            raise InvalidConfig(self._problems)

    def _stop(self, mark: Any, path: str, message: str) -> NoReturn:  # noqa: ANN401
        self._complain(mark, path, message)
        raise InvalidConfig(self._problems)


def _longer(path: str, step: str) -> str:
    """Return the path of a child; absurdly deep or long names share their parent's, which bounds the memory."""
    return path if len(path) + len(step) > _LONGEST_PATH else path + step


def _syntax(error: yaml.MarkedYAMLError, lines: list[str]) -> str:
    mark = error.problem_mark or error.context_mark
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if "tab" in str(error.problem) or "\t" in line[: len(line) - len(line.lstrip())]:
        return "this is not valid YAML: indent with spaces, not with tabs."
    said = ", ".join(filter(None, (error.context, error.problem)))
    misplaced = "block" in str(error.context) or "mapping values" in str(error.problem)
    return f"this is not valid YAML: {said}{'; is this line indented like those it belongs to?' if misplaced else '.'}"
