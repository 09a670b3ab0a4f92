"""Several workers are told of as one, and what they counted outlives them, though not their run."""

import fcntl
import os
import random
import subprocess
import sys

import msgspec
import pytest

from gateway.siblings import Siblings
from gateway.telemetry.families import empty
from gateway.telemetry.workers import tell, whole

REQUESTS = "beamsplitter_requests_total"
LABELS = ("mine", "openai", "gpt-image-1", "generate", "2xx", "none")


def counted(requests, **gauges):
    rows = empty()
    rows[REQUESTS][LABELS] = [float(requests)]
    rows["beamsplitter_overhead_seconds"][()] = [float(requests)] * 10
    for name, value in gauges.items():
        rows[f"beamsplitter_{name}"][()] = [float(value)]
    return rows


def put(folder, name, rows):
    content = {family: list(values.items()) for family, values in rows.items()}
    (folder / f"{name}.values").write_bytes(msgspec.msgpack.encode(content))


@pytest.fixture
def siblings(tmp_path):
    here = Siblings(tmp_path, "this-run")
    yield here
    here.leave()


@pytest.fixture
def ended():
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_counters_add_up_and_gauges_come_together_as_each_means(siblings, tmp_path):
    here = counted(3, in_flight=2, config_reloads_total=4, store_up=1)
    put(tmp_path / "this-run", os.getppid(), counted(5, in_flight=1, config_reloads_total=3, store_up=0))
    told = whole(siblings, here)
    assert told[REQUESTS] == {LABELS: [8.0]}
    assert told["beamsplitter_overhead_seconds"][()] == [8.0] * 10
    assert told["beamsplitter_in_flight"][()] == [3.0]
    assert told["beamsplitter_config_reloads_total"][()] == [4.0]
    assert told["beamsplitter_store_up"][()] == [0.0]


def test_what_a_worker_counted_stays_when_it_ends_and_what_it_was_does_not(siblings, tmp_path, ended):
    put(tmp_path / "this-run", ended, counted(5, in_flight=7))
    told = whole(siblings, counted(3, in_flight=2))
    assert told[REQUESTS] == {LABELS: [8.0]}
    assert told["beamsplitter_in_flight"][()] == [2.0]


def test_its_own_file_is_not_counted_twice(siblings):
    tell(siblings, counted(3), 1)
    tell(siblings, counted(4), 2)
    assert whole(siblings, counted(5))[REQUESTS] == {LABELS: [5.0]}


def test_a_late_writer_does_not_turn_the_counters_back(siblings, tmp_path):
    tell(siblings, counted(4), 2)
    tell(siblings, counted(3), 1)
    found = msgspec.msgpack.decode((tmp_path / "this-run" / f"{os.getpid()}.values").read_bytes())
    assert found[REQUESTS] == [[list(LABELS), [4.0]]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        b'{"a": 1}',
        msgspec.msgpack.encode({REQUESTS: [[["a"], "many"]]}),
        b"\x81\xa2B\xfd\x90",
        random.Random(5).randbytes(1000),
    ],
    ids=["empty", "nonsense", "json", "no numbers", "no text", "noise"],
)
def test_a_file_that_is_none_of_ours_is_passed_over(siblings, tmp_path, content):
    (tmp_path / "this-run" / "1.values").write_bytes(content)
    assert whole(siblings, counted(3))[REQUESTS] == {LABELS: [3.0]}


def test_labels_and_values_of_another_shape_do_not_stop_a_scrape(siblings, tmp_path):
    odd = counted(1)
    odd["beamsplitter_overhead_seconds"][()] = [1.0]
    odd["of another version"] = {(): [1.0]}
    odd[REQUESTS] = {("too", "few"): [1.0]}
    put(tmp_path / "this-run", os.getppid(), odd)
    told = whole(siblings, counted(3))
    assert told["beamsplitter_overhead_seconds"][()] == [3.0] * 10
    assert told[REQUESTS] == {LABELS: [3.0]}
    assert "of another version" not in told


def test_a_run_that_has_ended_is_swept_and_one_that_lives_is_not(tmp_path):
    for name in ("dead", "alive"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
        put(tmp_path / name, 1, counted(9))
    with (tmp_path / "alive" / "lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        here = Siblings(tmp_path, "this-run")
        assert sorted(each.name for each in tmp_path.iterdir()) == ["alive", "this-run"]
        assert whole(here, counted(1))[REQUESTS] == {LABELS: [1.0]}
        here.leave()
    assert [each.name for each in tmp_path.iterdir()] == ["alive"]


def test_the_last_worker_of_a_run_takes_the_folder_along(tmp_path):
    first, second = Siblings(tmp_path, "run"), Siblings(tmp_path, "run")
    first.leave()
    assert (tmp_path / "run").is_dir()
    second.leave()
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Siblings(tmp_path / "file")
