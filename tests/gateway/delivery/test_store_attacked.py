"""The folder of pictures among processes that come, go and fail at any moment."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.delivery import FolderStore, Links
from gateway.delivery.store import NAME
from gateway.keeping import signing_key
from tests.end_to_end.provider import within

ROOT = Path(__file__).parents[3]
NEVER = f"{'0' * 64}.png"


@pytest.fixture
def place(tmp_path):
    return tmp_path / "pictures"


def store(place, bytes_max=1 << 30, keep_seconds=3600):
    return FolderStore(place, bytes_max=bytes_max, keep_seconds=keep_seconds)


def kept(place):
    return sorted(path for path in place.glob("??/*") if path.is_file())


def whole(place):
    """Return whether every picture is what its name says."""
    return all(hashlib.sha256(path.read_bytes()).hexdigest() == path.stem for path in kept(place))


def python(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


WRITER = """
import sys
from pathlib import Path
from gateway.delivery import FolderStore
place, bytes_max, start, count, size = Path(sys.argv[1]), *map(int, sys.argv[2:])
store = FolderStore(place, bytes_max=bytes_max, keep_seconds=3600)
print("ready", flush=True)
sys.stdin.readline()
for number in range(start, start + count):
    piece = b"%08d" % number * 128
    store.put([piece] * (size // len(piece)), "png")
"""


def writer(place, bytes_max, start, count, size):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, *map(str, (place, bytes_max, start, count, size))],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def all_ready(processes):
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def begin(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_processes_may_keep_the_same_pictures_at_once(place):
    with all_ready([writer(place, 1 << 30, 0, 100, 8192) for _ in range(2)]) as processes:
        for process in processes:
            begin(process)
        assert [process.wait(10) for process in processes] == [0, 0]
    assert len(kept(place)) == 100
    assert whole(place)
    assert list((place / "unfinished").iterdir()) == []


def test_several_processes_keep_the_cap_together(place):
    """None of them knows what the others write, but each counts again before they are far over it."""
    cap = 4 << 20
    with all_ready([writer(place, cap, 1000 * number, 120, 65_536) for number in range(3)]) as processes:
        for process in processes:
            begin(process)
        most = 0
        while any(process.poll() is None for process in processes):
            with contextlib.suppress(FileNotFoundError):
                most = max(most, sum(path.stat().st_size for path in kept(place)))
        assert [process.wait(10) for process in processes] == [0, 0, 0]
    assert most > cap / 2
    assert most < cap * 1.4
    assert whole(place)


def test_a_process_killed_while_it_writes_leaves_no_half_picture(place):
    with all_ready([writer(place, 1 << 30, 0, 100_000, 4 << 20)]) as [process]:
        begin(process)
        assert within(5, lambda: len(kept(place)) > 2)
        process.send_signal(signal.SIGKILL)
        assert process.wait(5) == -signal.SIGKILL
    assert whole(place)
    for aside in (place / "unfinished").iterdir():
        os.utime(aside, (1, 1))
    store(place).sweep()
    assert list((place / "unfinished").iterdir()) == []


FULL = """
import resource, sys
from pathlib import Path
from gateway.delivery import FolderStore
store = FolderStore(Path(sys.argv[1]), bytes_max=1 << 30, keep_seconds=3600)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    store.put([b"x" * 1000] * 1000, "png")
except OSError as error:
    print(type(error).__name__)
print(store.put([b"small"], "png"))
"""


def test_a_full_disk_leaves_no_half_picture(place):
    process = python(FULL, place)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    assert out.split() == ["OSError", f"{hashlib.sha256(b'small').hexdigest()}.png"]
    assert [path.name for path in kept(place)] == [out.split()[1]]
    assert list((place / "unfinished").iterdir()) == []


def test_a_picture_that_is_swept_while_it_is_kept_again_is_whole(place, monkeypatch):
    """Another process may remove it at the one moment between finding it there and saying that it is wanted."""
    there = store(place)
    name = there.put([b"picture"], "png")
    real = os.utime

    def sweeping(path, *times, **more):
        Path(path).unlink()
        return real(path, *times, **more)

    monkeypatch.setattr(os, "utime", sweeping)
    assert there.put([b"picture"], "png") == name
    assert b"".join(there.get(name).chunks) == b"picture"


def test_a_full_folder_makes_room_for_more_than_the_next_picture(place, monkeypatch):
    """A folder at its cap is not looked through again for each picture."""
    there = store(place, bytes_max=1_000_000)
    looks = []
    real = there._pictures
    monkeypatch.setattr(there, "_pictures", lambda: looks.append(1) or real())
    for number in range(400):
        there.put([b"%04d" % number * 2500], "png")
    assert len(looks) < 80
    assert sum(path.stat().st_size for path in kept(place)) <= 1_000_000


@pytest.mark.parametrize(
    "name",
    [
        *("..", "../x", f"../{NEVER}", f"unfinished/{NEVER}", f"{NEVER}/", f"{NEVER}\0", f"\n{NEVER}", "x" * 100_000),
        *(NEVER[1:], f"0{NEVER}", NEVER.upper(), NEVER.replace("0", "\N{FULLWIDTH DIGIT ZERO}"), NEVER[:-3]),
    ],
    ids=range(13),
)
def test_names_that_are_no_names_reach_no_file(place, name, monkeypatch):
    there = store(place)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("a file was opened"))
    assert NAME.fullmatch(name) is None
    assert there.get(name) is None


KEY = """
import sys
from pathlib import Path
from gateway.keeping import signing_key
print("ready", flush=True)
sys.stdin.readline()
print(signing_key(Path(sys.argv[1])).hex())
"""


def test_processes_that_start_at_the_same_time_sign_with_the_same_key(tmp_path):
    data = tmp_path / "not" / "there"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", KEY, str(data)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    with all_ready(processes):
        for process in processes:
            begin(process)
        keys = {process.communicate(timeout=10)[0].strip() for process in processes}
    assert keys == {signing_key(data).hex()}
    assert len(bytes.fromhex(keys.pop())) == 32
    [file] = data.iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_a_key_that_is_cut_is_never_used(tmp_path):
    signing_key(tmp_path)
    [file] = tmp_path.iterdir()
    file.write_bytes(b"")
    with pytest.raises(OSError, match="remove it"):
        signing_key(tmp_path)


def test_a_link_that_ended_cannot_be_made_to_last():
    """A number has many spellings, and only that which was signed is ours."""
    links = Links(b"not-real")
    link = links.link(NEVER, 100, {}).partition("?")[2]
    assert links.judge(NEVER, link, 101) == "expired"
    for spelling in ("0100", "0" * 40 + "100999", "0" * 41 + "100", "1_00", "+100", " 100", "100 ", "100.0", "1e2"):
        assert links.judge(NEVER, link.replace("100", spelling, 1), 101) == "forged"
        assert links.judge(NEVER, link.replace("100", spelling, 1), 99) == "forged"


def test_judging_a_link_takes_no_time_whatever_it_is():
    links = Links(b"not-real")
    for query in (
        "expires=" + "9" * 60_000 + "&signature=a",
        "&".join(["expires=1"] * 6000),
        "=" * 60_000,
        "%" * 60_000,
    ):
        started = time.process_time()
        assert links.judge(NEVER, query, 0) == "forged"
        assert time.process_time() - started < 0.2
