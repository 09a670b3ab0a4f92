"""The terminal that runs the pages tells a command that fails, and a line that was not printed."""

import click
import pytest

from gateway.cli import main
from tests.docs.terminal import commands, missing, run
from tests.documents import Block


def block(text, language="sh"):
    return Block(file="page.md", line=1, language=language, tag="run", about="", text=text)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    with commands(tmp_path_factory.mktemp("bin")) as found:
        yield found


@pytest.fixture
def terminal(path, tmp_path):
    def typed(*texts, **environ):
        return run([block(text) for text in texts], folder=tmp_path, path=path, environ=environ, address="127.0.0.1:9")

    return typed


def test_blocks_of_a_page_share_what_they_set(terminal):
    done = terminal("WORD=otter", "cd / && echo $WORD")
    assert (done.outputs, done.code, done.rest) == (["", "otter\n"], 0, "")


def test_the_block_that_fails_ends_the_page(terminal):
    done = terminal("echo one", "echo two; false | cat; echo three", "echo four")
    assert (done.outputs, done.code, done.rest) == (["one\n"], 1, "two\n")


def test_the_address_of_the_page_becomes_that_of_the_gateway(terminal):
    assert terminal("echo http://127.0.0.1:8787/v1 localhost:8787").outputs == ["http://127.0.0.1:9/v1 127.0.0.1:9\n"]


def test_the_command_runs_where_the_reader_is_with_what_the_reader_set(terminal, tmp_path):
    (tmp_path / "one.yaml").write_text("provider: openai\napi_key: ${A_KEY}\n")
    done = terminal("beamsplitter check one.yaml || echo $?", "export A_KEY=not-real; beamsplitter check one.yaml")
    assert "A_KEY" in done.outputs[0]
    assert done.outputs[0].endswith("\n1\n")
    assert "no problems" in done.outputs[1]


def test_the_command_goes_into_a_pipe_and_its_errors_do_not(terminal):
    done = terminal("beamsplitter check no-such-folder | cat")
    assert (done.outputs, done.code) == ([], 2)
    assert "no-such-folder does not exist" in done.rest


def test_a_crash_of_the_command_is_seen(terminal, monkeypatch):
    def broken(**_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(main.get_command(click.Context(main), "version"), "callback", broken)
    done = terminal("beamsplitter version")
    assert done.code == 1
    assert "ZeroDivisionError" in done.rest


def test_two_commands_at_once_do_not_mix(terminal):
    done = terminal(
        "beamsplitter --version > a & beamsplitter models --provider sandbox > b; wait; cat a; grep -c sandbox b"
    )
    assert done.code == 0
    assert done.outputs[0].startswith("beamsplitter ")
    assert "sandbox" not in done.outputs[0].splitlines()[0]


@pytest.mark.parametrize(
    ("line", "output", "is_there"),
    [
        ("HTTP/1.1 200", "a\nHTTP/1.1 200\nb\n", True),
        ("HTTP/1.1 200", "HTTP/1.1 2000\n", False),
        ("HTTP/1.1 …", "HTTP/1.1 503\n", True),
        ("…atempts…", "x: atempts [y]\n", True),
        ("a.c", "abc\n", False),
        ("since 2026-11-21T10:00:00Z", "since 2027-01-01T00:00:00Z\n", True),
        ("version 0123456789ab", "version ba9876543210\n", True),
        ("cost 4", "cost 5\n", False),
    ],
)
def test_a_line_is_looked_for_as_it_stands(line, output, is_there):
    assert (missing([line], output) == []) == is_there
