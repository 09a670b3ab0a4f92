"""Writers killed at any moment: what was acknowledged is there, and nothing is there by half."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.running import ROOT

ROUNDS = int(os.environ.get("KILLS", "20"))
WRITERS = 2


@pytest.fixture
def forking():
    """Yield what starts a writer and returns its process id."""
    command = [sys.executable, "-m", "tests.gateway.control.writer"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def fork(file, notes):
            process.stdin.write(f"{file} {notes}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield fork
        process.stdin.close()
        assert process.wait(10) == 0


def acknowledged(notes):
    """Return what writers were told is kept, as (table, id, and more)."""
    return [tuple(line.split()) for line in notes.read_text().splitlines()] if notes.exists() else []


def check(file, told):
    connection = sqlite3.connect(file)
    try:
        connection.execute("BEGIN")  # all that follows sees one moment
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not connection.execute("SELECT * FROM sqlite_master WHERE name = 'configs'").fetchall():
            assert not told
            return
        versions = dict(connection.execute("SELECT id, config FROM config_versions"))
        ids = {
            table: {id_ for (id_,) in connection.execute(f"SELECT id FROM {table}")}  # noqa: S608 - our own names
            for table in ("configs", "virtual_keys", "api_keys", "feedback")
        }
        digests = dict(connection.execute("SELECT id, digest FROM api_keys"))
        for table, *words in told:
            assert words[0] in ids[table], f"{table} {words[0]} was lost"
            if table == "configs":
                assert versions[words[1]] == words[0]
            elif table == "api_keys":
                assert digests[words[0]] == words[1]
            elif table == "feedback":
                assert set(words) <= ids["feedback"]
        of_now = "SELECT name FROM config_versions AS v WHERE v.config = configs.id AND v.version = configs.version"
        all_of_it = "SELECT count(*) FROM config_versions AS v WHERE v.config = configs.id"
        halves = f"SELECT id FROM configs WHERE name IS NOT ({of_now}) OR version != ({all_of_it})"  # noqa: S608
        assert connection.execute(halves).fetchall() == []
        assert len(ids["feedback"]) % 3 == 0
        assert connection.execute("SELECT count(*) FROM configs WHERE is_default").fetchone()[0] <= 1
        [[revision]] = connection.execute("SELECT value FROM meta WHERE name = 'revision'")
        tables = ("configs", "virtual_keys", "api_keys")
        newest = [connection.execute(f"SELECT max(revision) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608
        assert int(revision) == max([each for each in newest if each is not None], default=0)
    finally:
        connection.close()


@pytest.mark.timeout(60 + 3 * ROUNDS)
def test_nothing_that_was_acknowledged_is_lost(forking, tmp_path):
    rng = random.Random(17)
    file, told, in_the_middle = tmp_path / "killed.db", [], 0
    for number in range(ROUNDS):
        notes = [tmp_path / f"{number}-{writer}" for writer in range(WRITERS)]
        started = [forking(file, each) for each in notes]
        time.sleep(rng.uniform(0, 0.25))
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                in_the_middle += 1
        now = [line for each in notes for line in acknowledged(each)]
        told += now
        check(file, now)
    check(file, told)
    assert in_the_middle == ROUNDS * WRITERS, "a writer ended by itself"
    assert len(told) > ROUNDS
