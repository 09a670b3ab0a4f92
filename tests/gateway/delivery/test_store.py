"""Pictures in a folder: each once, none half written, none for ever."""

import errno
import hashlib
import os
import threading
import time

import pytest

from gateway.delivery import FolderStore

NEVER = f"{'0' * 64}.png"


@pytest.fixture
def place(tmp_path):
    return tmp_path / "pictures"


def store(place, bytes_max=1 << 20, keep_seconds=3600):
    return FolderStore(place, bytes_max=bytes_max, keep_seconds=keep_seconds)


def held(place):
    return sorted(path.name for path in place.rglob("*") if path.is_file())


def aged(place, name, seconds):
    then = time.time() - seconds  # noqa: TID251 - files bear the wall clock
    os.utime(place / name[:2] / name, (then, then))


def read(kept):
    return b"".join(kept.chunks)


def test_a_picture_is_kept_under_the_hash_of_its_bytes(place):
    name = store(place).put([b"pic", b"ture"], "png")
    assert name == f"{hashlib.sha256(b'picture').hexdigest()}.png"
    kept = store(place).get(name)  # another process would find it, too
    assert (kept.size, read(kept)) == (7, b"picture")
    assert held(place) == [name]


def test_the_same_picture_is_kept_once_and_is_young_again(place):
    there = store(place)
    name = there.put([b"picture"], "png")
    aged(place, name, 10_000)
    assert there.put([b"pic", b"ture"], "png") == name
    there.sweep()
    assert held(place) == [name]


def test_a_picture_that_cannot_be_written_whole_leaves_nothing(place):
    def chunks():
        yield b"half"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        store(place).put(chunks(), "png")
    assert held(place) == []


@pytest.mark.parametrize(
    "name",
    [NEVER, "../../etc/passwd", "..", "", f"{'0' * 64}.exe", f"{'0' * 64}.png/..", f"{'A' * 64}.png", f"{NEVER}\n"],
)
def test_what_is_not_there_or_no_name_is_none(place, name):
    assert store(place).get(name) is None


def test_a_picture_may_be_left_before_its_end(place):
    there = store(place)
    kept = there.get(there.put([b"picture"], "png"))
    kept.close()
    assert list(kept.chunks) == []


def test_what_is_too_old_is_removed(place):
    there = store(place, keep_seconds=60)
    old, young = there.put([b"old"], "png"), there.put([b"young"], "png")
    aged(place, old, 61)
    aged(place, young, 59)
    there.sweep()
    assert held(place) == [young]


def test_what_is_wanted_again_while_the_store_is_swept_stays(place, monkeypatch):
    there = store(place, bytes_max=150, keep_seconds=60)
    wanted, old, young = (there.put([letter * 50], "png") for letter in (b"a", b"b", b"c"))
    for name, age in ((wanted, 90), (old, 80), (young, 10)):
        aged(place, name, age)
    listed = list(there._pictures())
    there.put([b"a" * 50], "png")
    monkeypatch.setattr(there, "_pictures", lambda: listed)
    there.sweep()
    assert held(place) == sorted([wanted, young])


def test_the_oldest_make_room_for_the_newest(place, caplog):
    there = store(place, bytes_max=1000)
    names = []
    for number in range(9):
        names.append(there.put([bytes([number]) * 100], "png"))
        aged(place, names[-1], 100 - number)
    assert held(place) == sorted(names)
    names += [there.put([b"x" * 100], "png"), there.put([b"y" * 100], "png")]
    assert held(place) == sorted(names[2:])
    assert "picture_store_bytes" in caplog.text


def test_what_was_there_at_the_start_counts(place):
    there = store(place)
    old = there.put([b"x" * 900], "png")
    aged(place, old, 10)
    new = store(place, bytes_max=1000).put([b"y" * 900], "png")
    assert held(place) == [new]


def test_what_a_crash_left_behind_is_removed_after_a_while(place):
    there = store(place)
    for name, age in (("crashed", 7200), ("running", 60)):
        aside = place / "unfinished" / name
        aside.write_bytes(b"half")
        then = time.time() - age  # noqa: TID251 - files bear the wall clock
        os.utime(aside, (then, then))
    there.sweep()
    assert held(place) == ["running"]


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        store(tmp_path / "file" / "pictures")


def test_many_may_keep_the_same_picture_at_once(place):
    there = store(place)
    names = []
    threads = [threading.Thread(target=lambda: names.append(there.put([b"picture"], "png"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(names), held(place)) == (8, [names[0]])
