"""References to variables and secret files in the strings of a file."""

import os

import pytest

from gateway.config.document import Document
from gateway.config.interpolate import MAX_SECRET_BYTES, interpolate, read_secret, redact
from gateway.config.load import load
from gateway.errors import InvalidConfig, Problem

ENVIRON = {"KEY": "sk-secret-value", "HOST": "img.example", "NESTED": "${KEY}", "EMPTY": ""}
FILES = {"/run/secrets/a": "from-a-file\n", "/run/secrets/windows": "from-a-file\r\n", "/run/secrets/empty": "\n"}


def read_file(path):
    if path == "/run/secrets/binary":
        raise ValueError
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[path]


def filled(value):
    return interpolate(Document(data={"key": value}, file="a.yaml"), ENVIRON, read_file).data["key"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("${KEY}", "sk-secret-value", id="a whole value"),
        pytest.param("https://${HOST}/v1", "https://img.example/v1", id="part of a value"),
        pytest.param("${HOST}${HOST}", "img.exampleimg.example", id="two in one value"),
        pytest.param("$${KEY}", "${KEY}", id="an escaped reference stays literal"),
        pytest.param("$$${KEY}", "$${KEY}", id="a dollar before an escaped one"),
        pytest.param("${NESTED}", "${KEY}", id="what is filled in is not read again"),
        pytest.param("$KEY and $ and {}", "$KEY and $ and {}", id="a dollar alone means nothing"),
        pytest.param("${file:/run/secrets/a}", "from-a-file", id="a secret file without its last line end"),
        pytest.param("${file:/run/secrets/windows}", "from-a-file", id="a secret file with another line end"),
        pytest.param(
            ["${HOST}", 1, None, True], ["img.example", 1, None, True], id="strings in lists, and nothing else"
        ),
        pytest.param({"${KEY}": "${HOST}"}, {"${KEY}": "img.example"}, id="values, not keys"),
    ],
)
def test_references_are_filled_in(written, expected):
    assert filled(written) == expected


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        pytest.param("${MISSING}", "`MISSING` is not set", id="a missing variable"),
        pytest.param("${EMPTY}", "`EMPTY` is set, but empty", id="an empty variable"),
        pytest.param("${file:/nowhere}", "`/nowhere` cannot be read: No such file", id="a missing file"),
        pytest.param("${file:/run/secrets/binary}", "not UTF-8", id="a binary file"),
        pytest.param("${file:/run/secrets/empty}", "is empty", id="an empty file"),
        pytest.param("${file:secrets/a}", "absolute path", id="a relative path"),
        pytest.param("${KEY:-default}", "write `$${` for a literal", id="a default, which there is not"),
        pytest.param("${}", "write `$${` for a literal", id="no name"),
        pytest.param("a ${KEY", "not closed", id="a reference that is not closed"),
    ],
)
def test_what_cannot_be_filled_in_is_told_with_file_line_and_path(written, sentence):
    document = load(f"a: 1\ntargets:\n  - api_key: '{written}'\n", "configs/a.yaml")
    with pytest.raises(InvalidConfig) as caught:
        interpolate(document, ENVIRON, read_file)
    (problem,) = caught.value.problems
    assert sentence in problem.message
    assert (problem.file, problem.line, problem.path) == ("configs/a.yaml", 3, "$.targets[0].api_key")
    assert "sk-secret-value" not in str(problem)


def test_all_missing_variables_are_told_at_once():
    with pytest.raises(InvalidConfig) as caught:
        filled(["${A}", "${B} ${C}"])
    assert len(caught.value.problems) == 3


def test_a_reference_in_several_places_keeps_the_places():
    document = load("a: ${HOST}\nb: ${HOST}", "a.yaml")
    assert interpolate(document, ENVIRON, read_file).places == document.places


def test_problems_show_the_reference_instead_of_its_value():
    written = Document(data={"a": ["${KEY}"], "b": "x ${EMPTY}"})
    full = Document(data={"a": ["sk-secret-value"], "b": "x y"})
    long, short, other = (
        Problem(message="expected a number, not 'sk-secret-value'"),
        Problem(message="`x y` is not x yet"),
        Problem(message="unknown key"),
    )
    assert [problem.message for problem in redact([long, short, other], written, full)] == [
        "expected a number, not '${KEY}'",
        "`x ${EMPTY}` is not x yet",
        "unknown key",
    ]


def test_a_secret_file_is_read(tmp_path):
    (tmp_path / "key").write_text("value\n")
    assert read_secret(str(tmp_path / "key")) == "value\n"


def test_a_pipe_or_a_huge_file_is_no_secret(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    for name, reason in [("pipe", "regular"), ("huge", "larger")]:
        with pytest.raises(OSError, match=reason):
            read_secret(str(tmp_path / name))


def test_a_path_with_a_null_byte_is_a_problem_like_others():
    document = Document(data={"a": "${file:/a\0b}"}, file="a.yaml")
    with pytest.raises(InvalidConfig):
        interpolate(document, {}, read_secret)
