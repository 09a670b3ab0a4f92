import asyncio
import errno
import os
import subprocess
import sys

import msgspec
import orjson
import pytest

from gateway.store import journal as journals
from gateway.store.database import StoreLost
from gateway.store.journal import Journal
from gateway.store.request_row import RequestRow


class Base:
    """A database that may be away."""

    def __init__(self):
        self.rows = {}
        self.away = False

    async def insert(self, rows):
        if self.away:
            raise StoreLost("the database is away")
        await asyncio.sleep(0)
        self.rows |= {row.id: row for row in rows}


def row(id_):
    return RequestRow(id=id_, workspace="w", created_ms=1, trace_id="t", operation="generate", status=200, ms=1)


LINE = len(msgspec.json.encode(row("00000"))) + 1


@pytest.fixture
def base():
    return Base()


@pytest.fixture
def journal(tmp_path, base):
    journal = Journal(tmp_path, base.insert, bytes_max=1 << 20)
    yield journal
    journal.close()


def files(folder):
    return sorted(folder.glob("*.ndjson"))


async def shipped(journal):
    stop = asyncio.Event()
    stop.set()
    await journal.ship(stop)


async def test_a_record_is_in_a_file_before_it_is_in_the_database(journal, base, tmp_path):
    journal.write(row("a"))
    [file] = files(tmp_path)
    assert (orjson.loads(file.read_bytes())[0], base.rows, journal.waiting) == ("a", {}, 1)
    await shipped(journal)
    assert (file.read_bytes(), list(base.rows), journal.waiting) == (b"", ["a"], 0)


async def test_while_the_database_is_away_records_wait(journal, base, tmp_path):
    base.away = True
    for number in range(1200):
        journal.write(row(str(number)))
    await shipped(journal)
    assert (journal.waiting, journal.dropped) == (1200, 0)
    base.away = False
    await shipped(journal)
    assert len(base.rows) == 1200
    assert files(tmp_path)[0].read_bytes() == b""


async def test_what_comes_while_records_are_shipped_stays(journal, base):
    journal.write(row("a"))
    task = asyncio.create_task(shipped(journal))
    await asyncio.sleep(0)
    journal.write(row("b"))
    await task
    assert sorted(base.rows) == ["a", "b"]


async def test_memory_is_not_for_records_that_wait_long(monkeypatch, journal, base, tmp_path):
    monkeypatch.setattr(journals, "_SEGMENT_BYTES", 10_000)
    base.away = True
    for number in range(3000):
        journal.write(row(f"{number:05}"))
    assert len(files(tmp_path)) > 2
    assert journal.waiting < 1000
    base.away = False
    await journal.adopt()
    await shipped(journal)
    assert len(base.rows) == 3000
    assert len(files(tmp_path)) == 1


async def test_there_is_a_bound_and_what_is_over_it_is_counted(tmp_path, base):
    journal = Journal(tmp_path, base.insert, bytes_max=10 * LINE)
    for number in range(100):
        journal.write(row(f"{number:05}"))
    assert (journal.waiting, journal.dropped) == (10, 90)
    await shipped(journal)
    journal.write(row("again"))
    assert (journal.waiting, journal.dropped) == (1, 90)
    journal.close()


@pytest.mark.parametrize("wrote", [0, 3], ids=["nothing is written", "half of it is written"])
async def test_a_full_disk_costs_the_record_and_nothing_else(monkeypatch, journal, base, tmp_path, wrote):
    journal.write(row("before"))
    real = os.write

    def full(file, data):
        if wrote:
            return real(file, data[:wrote])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    journal.write(row("lost"))
    monkeypatch.undo()
    journal.write(row("after"))
    written = [orjson.loads(line)[0] for line in files(tmp_path)[0].read_bytes().splitlines()]
    assert (journal.dropped, written) == (1, ["before", "after"])


WRITER = """
import os, sys
from pathlib import Path
from gateway.store.journal import Journal
from tests.gateway.store.test_journal import row
journal = Journal(Path(sys.argv[1]), None, bytes_max=1 << 20)
for number in range(700):
    journal.write(row(str(number)))
os.write(journal._file, b'["cu')
print("written", flush=True)
sys.stdin.read()
"""


async def test_what_a_process_wrote_before_it_was_killed_is_shipped_by_another(journal, base, tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:  # noqa: ASYNC220
        assert await asyncio.to_thread(writer.stdout.readline) == b"written\n"
        assert await journal.adopt() == 0  # it lives
        writer.kill()
        writer.wait()
    assert await journal.adopt() == 700
    assert len(base.rows) == 700
    assert len(files(tmp_path)) == 1


async def test_a_file_that_could_not_be_shipped_whole_is_shipped_again(journal, base, tmp_path):
    (tmp_path / "1-dead.ndjson").write_bytes(b"\n".join(map(msgspec.json.encode, [row("a"), row("b")])))
    base.away = True
    with pytest.raises(StoreLost):
        await journal.adopt()
    base.away = False
    assert await journal.adopt() == 2


async def test_two_that_look_for_the_dead_ship_each_file_once(journal, base, tmp_path):
    (tmp_path / "1-dead.ndjson").write_bytes(msgspec.json.encode(row("a")))
    other = Journal(tmp_path, base.insert, bytes_max=1 << 20)
    assert sum(await asyncio.gather(journal.adopt(), other.adopt())) == 1
    other.close()


def test_a_folder_that_cannot_be_used_is_told_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Journal(tmp_path / "file" / "journal", None, bytes_max=1)
