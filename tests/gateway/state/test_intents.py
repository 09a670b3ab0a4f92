"""Intents and answers on disk: who has the right to make a request, and what is known once it is made."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.state.intents import KEEP_SECONDS, Claim, Intents, Kept

NAME, OTHER = "ab" * 32, "abcd" * 16
ONE, TWO = "1" * 64, "2" * 64
HEADERS = [(b"content-type", b"application/json"), (b"x-odd", b"\xe9")]


class Clock:
    """The wall clock, which files bear, moved ahead."""

    ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead  # noqa: TID251 - that of the files


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def intents(tmp_path, clock):
    return Intents(tmp_path, bytes_max=10_000_000, now=clock)


def keep(intents, name=NAME, *pieces, fingerprint=ONE):
    intents.claim(name, fingerprint).keep(200, HEADERS, pieces or [b"a picture"])


def body(kept):
    return b"".join(kept.chunks())


def full(*pieces):
    yield from pieces
    raise OSError(errno.ENOSPC, "No space left on device")


def test_only_the_first_has_the_right_until_it_is_given_back(intents):
    claim = intents.claim(NAME, ONE)
    assert isinstance(claim, Claim)
    assert [intents.claim(NAME, ONE), intents.claim(NAME, TWO)] == ["running", "reused"]
    assert isinstance(intents.claim(OTHER, ONE), Claim)
    claim.forget()
    assert isinstance(intents.claim(NAME, TWO), Claim)


def test_an_answer_is_kept_as_it_was(intents):
    keep(intents, NAME, b"one ", b"", b"two\n", b"three")
    kept = intents.claim(NAME, ONE)
    assert isinstance(kept, Kept)
    assert (kept.status, kept.headers, kept.size, body(kept)) == (200, HEADERS, 13, b"one two\nthree")
    assert intents.claim(NAME, TWO) == "reused"


def test_a_large_answer_comes_in_pieces(intents):
    keep(intents, NAME, b"x" * 1_000_000)
    pieces = list(intents.claim(NAME, ONE).chunks())
    assert (len(pieces), sum(map(len, pieces))) == (4, 1_000_000)


def test_another_process_sees_what_this_one_holds(intents, tmp_path):
    code = (
        "import sys; from pathlib import Path; from gateway.state.intents import Intents; "
        "found = Intents(Path(sys.argv[1]), bytes_max=10**6).claim(sys.argv[2], sys.argv[3]); "
        "print(found if isinstance(found, str) else type(found).__name__)"
    )

    def elsewhere():
        command = [sys.executable, "-c", code, str(tmp_path), NAME, ONE]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    claim = intents.claim(NAME, ONE)
    assert elsewhere() == "running"
    claim.forget()
    assert elsewhere() == "Claim"  # and that process ends in the middle of it
    assert intents.claim(NAME, ONE) == "unknown"


def test_what_was_abandoned_is_unknown_for_a_day(intents, clock):
    intents.claim(NAME, ONE).abandon()
    assert [intents.claim(NAME, ONE), intents.claim(NAME, TWO)] == ["unknown", "reused"]
    clock.ahead = KEEP_SECONDS + 60
    assert isinstance(intents.claim(NAME, TWO), Claim)


def test_an_intent_that_was_cut_was_never_acted_upon(intents, tmp_path):
    intents.claim(NAME, ONE).abandon()
    place = tmp_path / "ab" / NAME
    for size in (0, 1, 64):
        os.truncate(place, size)
        claim = intents.claim(NAME, TWO)
        assert isinstance(claim, Claim)
        claim.abandon()


def test_after_a_day_an_answer_is_forgotten_and_its_key_free(intents, clock):
    keep(intents)
    clock.ahead = KEEP_SECONDS - 60
    assert isinstance(intents.claim(NAME, ONE), Kept)
    clock.ahead = KEEP_SECONDS + 60
    claim = intents.claim(NAME, TWO)
    assert isinstance(claim, Claim)
    claim.abandon()
    clock.ahead = 0.0
    assert intents.claim(NAME, TWO) == "unknown"  # the answer of the day before is nobody's any more


def test_an_answer_that_cannot_be_written_is_lost_and_leaves_nothing_behind(intents, tmp_path):
    with pytest.raises(OSError, match="No space"):
        intents.claim(NAME, ONE).keep(200, HEADERS, full(b"half"))
    assert intents.claim(NAME, ONE) == "lost"
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_an_intent_that_cannot_be_written_gives_no_right(intents, tmp_path):
    (tmp_path / "ab").write_bytes(b"in the way")
    with pytest.raises(OSError, match="ab"):
        intents.claim(NAME, ONE)


def test_the_oldest_answers_go_where_they_are_too_many_and_nobody_forgets_that_they_were(tmp_path, clock, caplog):
    intents = Intents(tmp_path, bytes_max=3500, now=clock)
    names = [f"{number:064x}" for number in range(4)]
    for number, name in enumerate(names):
        keep(intents, name, b"x" * 1000)
        answer = next(tmp_path.glob(f"*/{name}.answer"), None)
        if answer is not None:
            os.utime(answer, (number, number))
    found = [intents.claim(name, ONE) for name in names]
    assert (found[:2], [type(each) for each in found[2:]]) == (["lost", "lost"], [Kept, Kept])
    assert "2 answers to requests with an idempotency key were removed before their time" in caplog.text


def test_what_there_is_already_counts_from_the_start(tmp_path, clock):
    for _ in range(2):  # each process alone would stay below the limit
        intents = Intents(tmp_path, bytes_max=2500, now=clock)
        for _ in range(2):
            keep(intents, os.urandom(32).hex(), b"x" * 1000)
    assert sum(place.stat().st_size for place in tmp_path.glob("*/*.answer")) <= 2500


def test_a_sweep_takes_what_is_old_but_nothing_that_runs(intents, tmp_path, clock):
    running = intents.claim(NAME, ONE)
    keep(intents, OTHER)
    (tmp_path / "unfinished" / "left").write_bytes(b"x")
    intents.sweep()
    assert len(list(tmp_path.glob("??/*"))) == 3
    clock.ahead = KEEP_SECONDS + 60
    intents.sweep()
    assert [place.name for place in tmp_path.glob("*/*")] == [NAME]
    running.forget()
    assert list(tmp_path.glob("*/*")) == []


def test_a_right_is_not_given_on_a_file_that_its_owner_removed(intents, monkeypatch):
    """The owner forgets between another one's opening of the file and its lock."""
    first = intents.claim(NAME, ONE)
    real, waiting = os.open, [first]

    def opened(place, *rest):
        file = real(place, *rest)
        if str(place).endswith(NAME) and waiting:
            waiting.pop().forget()
        return file

    monkeypatch.setattr(os, "open", opened)
    claim = intents.claim(NAME, ONE)
    assert isinstance(claim, Claim)
    assert intents.claim(NAME, ONE) == "running"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}\nbody", b"[1]\nbody"])
def test_an_answer_that_cannot_be_read_is_lost(intents, tmp_path, content):
    keep(intents)
    (tmp_path / "ab" / f"{NAME}.answer").write_bytes(content)
    assert intents.claim(NAME, ONE) == "lost"


def test_an_answer_that_was_removed_meanwhile_says_so_when_it_is_read(intents, tmp_path):
    keep(intents)
    kept = intents.claim(NAME, ONE)
    kept.file.unlink()
    with pytest.raises(FileNotFoundError):
        next(kept.chunks())


def test_nobody_else_may_read_what_is_kept(intents, tmp_path):
    keep(intents)
    for place in tmp_path.glob("ab/*"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ab").stat().st_mode) == 0o700


def test_files_are_closed_whatever_happens(intents):
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    keep(intents)
    held = intents.claim(OTHER, ONE)
    for _ in range(20):
        intents.claim(NAME, ONE)
        intents.claim(NAME, TWO)
        intents.claim(OTHER, ONE)
    held.abandon()
    intents.claim(OTHER, ONE)
    intents.sweep()
    assert count() == before


def test_a_folder_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        Intents(tmp_path / "file" / "idempotency", bytes_max=1)
