"""The strict reader: positions, refusals, and that nothing else ever comes out of it."""

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.config.document import Document
from gateway.config.load import MAX_BYTES, load
from gateway.errors import InvalidConfig

CPU_SECONDS = 0.25  # 50 ms on a quiet machine; other tests run beside this one


def problems(text, file="a.yaml"):
    """Return what is wrong, whether or not the rest could be read."""
    try:
        told = load(text, file).problems
    except InvalidConfig as invalid:
        told = invalid.problems
    assert told
    return tuple(told)


def read(text, file):
    try:
        return load(text, file)
    except InvalidConfig as invalid:
        return invalid.problems


def test_every_value_knows_the_line_of_its_entry():
    text = "strategy:\n  mode: fallback\ntargets:\n  - provider: sandbox\n    retry: {attempts: 2}\n  - name: 'é'\n"
    document = load(text, "configs/a.yaml")
    assert document.file == "configs/a.yaml"
    assert document.data == {
        "strategy": {"mode": "fallback"},
        "targets": [{"provider": "sandbox", "retry": {"attempts": 2}}, {"name": "é"}],
    }
    assert document.places == {
        "$": (1, 1),
        "$.strategy": (1, 1),
        "$.strategy.mode": (2, 3),
        "$.targets": (3, 1),
        "$.targets[0]": (4, 5),
        "$.targets[0].provider": (4, 5),
        "$.targets[0].retry": (5, 5),
        "$.targets[0].retry.attempts": (5, 13),
        "$.targets[1]": (6, 5),
        "$.targets[1].name": (6, 5),
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("true", True, id="true is a boolean"),
        pytest.param("null", None, id="null is null"),
        pytest.param("~", None, id="a tilde is null"),
        pytest.param("", None, id="nothing is null"),
        pytest.param("-12", -12, id="a whole number"),
        pytest.param("0", 0, id="zero is not octal"),
        pytest.param("0.50", 0.5, id="a price"),
        pytest.param("1e3", 1000.0, id="an exponent as in JSON"),
        pytest.param("'on'", "on", id="a quoted word is text"),
        pytest.param('"2024-02-01"', "2024-02-01", id="a quoted date is text"),
        pytest.param("1.2.3", "1.2.3", id="a version is text"),
        pytest.param("1024x1024", "1024x1024", id="a size is text"),
        pytest.param("10.0.0.5:8080", "10.0.0.5:8080", id="an address is text"),
        pytest.param("gpt-image-2", "gpt-image-2", id="a model is text"),
        pytest.param("|\n  two\n  lines\n", "two\nlines\n", id="a literal block is text"),
    ],
)
def test_plain_values_mean_what_they_look_like(written, meant):
    assert load(f"key: {written}", "a.yaml").data == {"key": meant}
    assert type(load(f"key: {written}", "a.yaml").data["key"]) is type(meant)


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("on", 'write true, or "on" in quotes'),
        ("Off", 'write false, or "Off" in quotes'),
        ("yes", 'write true, or "yes" in quotes'),
        ("n", 'write false, or "n" in quotes'),
        ("TRUE", 'write true, or "TRUE" in quotes'),
        ("Null", 'write null, or "Null" in quotes'),
        ("1:30", "base 60"),
        ("16:9", '"16:9" in quotes'),
        ("010", "octal"),
        ("0x1F", "another base"),
        ("0o17", "another base"),
        ("1_000", "write a plain number"),
        ("+1", "write a plain number"),
        (".5", "write a plain number"),
        ("1.", "write a plain number"),
        ("2024-02-01", '"2024-02-01" in quotes'),
        ("2024-02-01T10:00:00Z", "a date"),
        (".inf", "not finite"),
        ("-.INF", "not finite"),
        (".nan", "not finite"),
        ("1e999", "too large"),
        ("9" * 5000, "too large"),
        ("&x 1", "the anchor `&x`"),
        ("*x", "the alias `*x`"),
        ("!!str 1", "the tag"),
        ("!python/object:os.system x", "the tag"),
    ],
)
def test_a_surprising_value_is_refused_with_advice(written, advice):
    (problem,) = problems(f"first: 1\nkey: {written}\n")
    assert (problem.path, problem.line, problem.column) == ("$.key", 2, 6)
    assert advice in problem.message


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", 3, "`a` is already given on line 1", id="a key given twice"),
        pytest.param("a: {b: 1,\n b: 2}", 2, "`b` is already given on line 1", id="a key given twice further in"),
        pytest.param('a: 1\n"\\x61": 2\n', 2, "`a` is already given on line 1", id="a key in two spellings"),
        pytest.param("1: x", 1, 'write "1" in quotes', id="a number as a key"),
        pytest.param("true: x", 1, 'write "true" in quotes', id="a boolean as a key"),
        pytest.param("on: x", 1, '"on" in quotes', id="a word that may be a boolean as a key"),
        pytest.param("? [a, b]\n: x", 1, "a key has to be text", id="a list as a key"),
        pytest.param("a: 1\n<<: {b: 1}", 2, "the merge key", id="a merge key"),
        pytest.param("a: 1\n---\nb: 1", 2, "a second document", id="two documents"),
        pytest.param("- a", 1, "an object", id="a list at the root"),
        pytest.param("hello", 1, "an object", id="text at the root"),
        pytest.param("", 1, "empty", id="an empty file"),
        pytest.param("\n  \n", 1, "empty", id="a file of blank lines"),
        pytest.param("# soon\n", 1, "empty", id="a file of comments"),
        pytest.param("a: 1\n\tb: 2", 2, "not with tabs", id="a tab for indentation"),
        pytest.param("a:\n\tb: 2", 2, "not with tabs", id="a tab for a level"),
        pytest.param("a:\n  - b: 1\n   c: 2", 3, "indented like those", id="an indentation too small"),
        pytest.param("a: 1\n  b: 2", 2, "indented like those", id="an indentation too large"),
        pytest.param("a: 'x\nb: 1", 2, "not valid YAML", id="a quote that is not closed"),
        pytest.param("a: 1\nb: x\x00y", 2, "U+0000", id="a null byte"),
        pytest.param("a: 1\nb: x\u2028y", 2, "U+2028", id="a line end that readers disagree about"),
        pytest.param("a: 1\nb: x\u202ey", 2, "U+202E", id="a character that turns the text around"),
        pytest.param(b"a: 1\nb: \xff", 2, "UTF-8", id="bytes that are not UTF-8"),
        pytest.param("a: 1".encode("utf-16"), 1, "UTF-8", id="another encoding"),
        pytest.param("\ud800", None, "UTF-8", id="half of a pair of surrogates"),
        pytest.param("a: " + "x" * MAX_BYTES, None, "256 KiB", id="a huge file"),
        pytest.param("a: " + "[" * 40 + "]" * 40, 1, "nested more than 32", id="deep lists"),
        pytest.param("a: [" + "1," * 50_000 + "]", 1, "more than 10,000 values", id="very many values"),
    ],
)
def test_a_file_that_others_would_guess_at_is_refused_at_its_line(text, line, advice):
    (problem,) = problems(text)
    assert advice in problem.message
    assert problem.line == line
    assert problem.file == "a.yaml"


def test_all_problems_are_told_at_once():
    found = problems("a: on\nb: &x 010\nc: *x\na: 1\n")
    assert [problem.line for problem in found] == [1, 2, 2, 3, 4]


def test_parameters_called_n_and_y_are_ordinary_keys():
    assert load("n: 1\ny: 2", "a.yaml").data == {"n": 1, "y": 2}


def test_thirty_two_levels_are_fine():
    assert load("a: " + "[" * 31 + "]" * 31, "a.yaml").data["a"] == json.loads("[" * 31 + "]" * 31)


@pytest.mark.parametrize(
    "data",
    [
        {"text": '\N{OTTER} \\ud83d \x7f \u2028 \ufeff / " \\', "n": [1, -2.5, 1e300, True, None]},
        {"a": {"": {}}, "b": []},
    ],
)
@pytest.mark.parametrize("indent", [None, "\t", 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_means_what_it_means_everywhere(data, indent, ascii_only):
    assert load(json.dumps(data, indent=indent, ensure_ascii=ascii_only), "a.json").data == data


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        pytest.param('{"a": 1,\n "a": 2}', 2, "already given on line 1", id="a key given twice"),
        pytest.param('{"a": 1,,\n}', 1, "not valid JSON", id="a comma too much"),
        pytest.param('{"a": 1,\n}', 2, "take away the comma", id="a comma after the last entry"),
        pytest.param('{"a": [1,\n]}', 2, "take away the comma", id="a comma after the last item"),
        pytest.param('{"a": \n NaN}', 2, "not finite", id="not a number"),
        pytest.param('{"a": \n -Infinity}', 2, "not finite", id="infinity"),
        pytest.param("a: 1", 1, "not valid JSON", id="YAML in a JSON file"),
        pytest.param('{"a": "\\ud800"}', 1, "not valid YAML", id="half of a pair of surrogates"),
        pytest.param('{"a":' * 10_000, 1, "not valid JSON", id="a cut file"),
        pytest.param("[" * 100_000 + "]" * 100_000, 1, "nested more than 32", id="absurd nesting"),
    ],
)
def test_what_is_wrong_in_json_is_told_with_its_line(text, line, advice):
    (problem,) = problems(text, "a.json")
    assert problem.line == line
    if text.startswith('{"a":' * 2):
        assert "nested more than 32" in problem.message or advice in problem.message
    else:
        assert advice in problem.message


def test_a_bomb_of_aliases_is_never_expanded():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    found = problems("\n".join(rows))
    assert len(found) == 100


MARKS = "a on yes 1:30 0x1 - ? [ ] { } , *x << ' # | > --- ... é ${X}"
SPACED = ['"', ": ", "- ", "\n", "  ", "&x ", "!t ", "\\u", "%YAML 1.1", "\t", "\u2028", "\ud800", "\x00", "9" * 30]
WORDS = st.sampled_from([*MARKS.split(), *SPACED])


@given(text=st.one_of(st.text(), st.lists(WORDS).map("".join), st.binary()), file=st.sampled_from(["a.yaml", "a.json"]))
@example(text="- " * 100_000, file="a.yaml")
@example(text="? " * 100_000, file="a.yaml")
@example(text="[" * 200_000, file="a.json")
@example(text="{a: " * 60_000, file="a.yaml")
@example(text="a: b\n" * 50_000, file="a.yaml")
@example(text='a: "' + "\\x41" * 60_000 + '"', file="a.yaml")
@example(text="a: " + "1" * 260_000, file="a.yaml")
@example(text="&a " * 80_000, file="a.yaml")
@example(text="\n".join(f"{'k' * 100}{i}: [{{a: 1}}]" for i in range(2000)), file="a.yaml")
@settings(deadline=None)  # the test measures its own time, which others on the machine do not lengthen
def test_any_input_is_a_document_or_a_list_of_problems_and_quickly_so(text, file):
    before = time.thread_time()
    outcome = read(text, file)
    assert time.thread_time() - before < CPU_SECONDS
    if isinstance(outcome, Document):
        assert isinstance(outcome.data, dict)
        json.dumps(outcome.data, allow_nan=False)
    else:
        assert outcome
        assert all(problem.file == file and problem.message for problem in outcome)


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False),
              st.text(st.characters(exclude_categories=["Cs"]))),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), inner)
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    data=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), JSON_VALUES),
    ascii_only=st.booleans(),
)
@settings(deadline=None)
def test_all_json_is_read_as_the_standard_library_reads_it(data, ascii_only):
    assert load(json.dumps(data, ensure_ascii=ascii_only), "a.json").data == data
