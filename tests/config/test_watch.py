"""Hot reload: good edits go live, bad ones never do, and no reader sees anything in between."""

import asyncio
import contextlib
import logging
import os
import random
import threading
from pathlib import Path

import pytest

from gateway.config import stamps, watch
from gateway.config.spec import leaves
from gateway.config.watch import LiveConfigs

GOOD = "provider: sandbox\n"
BAD = "provider: sandbox\nretry: {attempts: on}\n"
LIMIT = 5.0  # generous: other tests run beside this one; the promise is 2 s
KEY = "k" * 24


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(stamps, "_SETTLE_SECONDS", 0.005)


def described(word):
    return f"description: {word}\n{GOOD}"


def word(live, id_="a"):
    return live.snapshot.configs[id_].description


@contextlib.asynccontextmanager
async def watching(live):
    stop = asyncio.Event()
    task = asyncio.create_task(live.watch(stop))
    await asyncio.sleep(0.3)
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, LIMIT)


async def eventually(holds):
    async with asyncio.timeout(LIMIT):
        while not holds():  # noqa: ASYNC110 - what happens on the disk sets no event
            await asyncio.sleep(0.01)


def replace_with(path: Path, text: str):
    (path.parent / ".new").write_text(text)
    (path.parent / ".new").rename(path)


def test_what_is_good_at_the_start_is_live_and_what_is_bad_is_told(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(BAD)
    live = LiveConfigs(tmp_path, {})
    assert list(live.snapshot.configs) == ["a"]
    assert [problem.line for problem in live.problems] == [2]
    assert (live.reloads, live.failed_reloads, live.fatal) == (0, 0, False)


def test_a_start_without_anything_good_is_fatal(tmp_path):
    assert LiveConfigs(tmp_path / "nowhere", {}).fatal
    (tmp_path / "a.yaml").write_text(BAD)
    assert LiveConfigs(tmp_path, {}).fatal


def test_without_a_change_nothing_is_read_and_the_snapshot_is_the_same_object(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    live = LiveConfigs(tmp_path, {})
    before = live.snapshot
    assert not live.reload()
    os.utime(tmp_path / "a.yaml")
    assert not live.reload()
    assert live.snapshot is before
    assert live.reloads == 0


def test_a_bad_edit_keeps_the_old_config_and_the_good_ones_beside_it_go_live(tmp_path):
    (tmp_path / "a.yaml").write_text(described("one"))
    (tmp_path / "b.yaml").write_text(described("one"))
    live = LiveConfigs(tmp_path, {})
    (tmp_path / "a.yaml").write_text(BAD)
    (tmp_path / "b.yaml").write_text(described("two"))
    assert live.reload()
    assert (word(live), word(live, "b")) == ("one", "two")
    assert (live.reloads, live.failed_reloads, len(live.problems)) == (1, 1, 1)
    assert not live.fatal
    (tmp_path / "a.yaml").write_text(described("three"))
    assert live.reload()
    assert (word(live), live.problems, live.failed_reloads) == ("three", (), 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(described("two")[:-4], id="a part of it"),
        pytest.param("descri", id="a part of a key"),
        pytest.param("\0" * 64, id="zeros, as after a crash"),
    ],
)
def test_a_file_that_was_cut_to(tmp_path, text):
    (tmp_path / "a.yaml").write_text(described("one"))
    live = LiveConfigs(tmp_path, {})
    (tmp_path / "a.yaml").write_text(text)
    assert live.reload()
    assert word(live) == "one"
    assert len(live.problems) == 1


def test_a_deleted_file_removes_its_config(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    live = LiveConfigs(tmp_path, {})
    (tmp_path / "a.yaml").unlink()
    assert live.reload()
    assert list(live.snapshot.configs) == ["b"]


def test_a_rotated_secret_goes_live(tmp_path):
    (tmp_path / "configs").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("sk-one")
    (tmp_path / "configs" / "a.yaml").write_text(f"provider: openai\napi_key: ${{file:{secret}}}\n")
    (tmp_path / "configs" / "gateway.yaml").write_text(
        f"virtual_keys: {{prod: {{provider: openai, api_key: '${{file:{secret}}}'}}}}"
    )
    live = LiveConfigs(tmp_path / "configs", {})
    replace_with(secret, "sk-two")
    assert live.reload()
    (leaf,) = leaves(live.snapshot.configs["a"].root)
    assert leaf.credentials["api_key"].reveal() == "sk-two"
    assert live.snapshot.gateway.virtual_keys["prod"].credentials["api_key"].reveal() == "sk-two"


def test_the_log_says_what_went_live_and_each_problem_once(tmp_path, caplog):
    caplog.set_level(logging.INFO, "gateway.config")
    (tmp_path / "a.yaml").write_text(described("one"))
    (tmp_path / "b.yaml").write_text(GOOD)
    live = LiveConfigs(tmp_path, {})
    (tmp_path / "a.yaml").write_text(BAD)
    live.reload()
    (tmp_path / "b.yaml").unlink()
    live.reload()
    first, problem, second, third = caplog.records
    assert (first.event, first.configs, first.changed, first.removed) == ("configs_loaded", ["a", "b"], ["a", "b"], [])
    assert (problem.levelname, problem.event) == ("ERROR", "config_problem")
    assert (problem.file, problem.line, problem.path) == (str(tmp_path / "a.yaml"), 2, "$.retry.attempts")
    assert "write true" in problem.reason
    assert (second.changed, second.removed, second.problems) == ([], [], 1)
    assert (third.changed, third.removed) == ([], ["b"])
    assert [record.message for record in (first, second, third)] == [
        "2 configs are live",
        "2 configs are live; nothing that is served changed; 1 problem: what has any stays as it was",
        "1 config is live; removed: b; 1 problem: what has any stays as it was",
    ]


def test_the_log_says_when_all_is_well_again(tmp_path, caplog):
    caplog.set_level(logging.INFO, "gateway.config")
    (tmp_path / "a.yaml").write_text(BAD)
    (tmp_path / "b.yaml").write_text(GOOD)
    live = LiveConfigs(tmp_path, {})
    assert caplog.records[-1].message == "1 config is live; 1 problem: what has any is not served"
    (tmp_path / "a.yaml").write_text(GOOD)
    live.reload()
    assert caplog.records[-1].message == "2 configs are live; changed: a; all problems are solved"


def test_the_log_calls_nothing_live_where_nothing_can_be_served(tmp_path, caplog):
    caplog.set_level(logging.INFO, "gateway.config")
    (tmp_path / "a.yaml").write_text(BAD)
    assert LiveConfigs(tmp_path, {}).fatal
    assert [record.event for record in caplog.records] == ["config_problem"]


def test_a_changed_setting_is_said_to_wait_for_the_next_start(tmp_path, caplog):
    caplog.set_level(logging.INFO, "gateway.config")
    (tmp_path / "gateway.yaml").write_text("server: {port: 9000}")
    live = LiveConfigs(tmp_path, {})
    (tmp_path / "gateway.yaml").write_text("server: {port: 9001}")
    live.reload()
    assert [record.settings_for_next_start for record in caplog.records] == [[], ["port"]]
    assert caplog.messages[-1] == "0 configs are live; changed: gateway.yaml; waiting for the next start: port"


async def test_an_edit_goes_live_and_a_bad_one_does_not(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(described("one"))
    live = LiveConfigs(tmp_path, {})
    async with watching(live):
        path.write_text(described("two"))
        await eventually(lambda: word(live) == "two")
        path.write_text(BAD)
        await eventually(lambda: live.problems)
        assert word(live) == "two"
        replace_with(path, described("three"))
        await eventually(lambda: word(live) == "three" and not live.problems)
        (tmp_path / "b.yaml").write_text(GOOD)
        await eventually(lambda: "b" in live.snapshot.configs)
        path.unlink()
        await eventually(lambda: list(live.snapshot.configs) == ["b"])


async def test_a_single_file_is_watched_through_replacement(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(described("one"))
    (tmp_path / "b.yaml").write_text(BAD)
    live = LiveConfigs(path, {})
    async with watching(live):
        for text in ("two", "three"):
            replace_with(path, described(text))
            await eventually(lambda text=text: word(live) == text)
    assert live.problems == ()


async def test_a_mounted_folder_whose_data_link_is_turned_is_followed(tmp_path):
    mounted = tmp_path / "mounted"
    for name in ("1", "2", "3"):
        (mounted / f"..{name}").mkdir(parents=True)
        (mounted / f"..{name}" / "a.yaml").write_text(described(f"v{name}"))
    (mounted / "..data").symlink_to("..1")
    (mounted / "a.yaml").symlink_to("..data/a.yaml")
    live = LiveConfigs(mounted, {})
    async with watching(live):
        for name in ("2", "3"):
            (mounted / "..data_tmp").symlink_to(f"..{name}")
            (mounted / "..data_tmp").rename(mounted / "..data")
            await eventually(lambda name=name: word(live) == f"v{name}")


async def test_a_folder_that_is_a_link_is_followed_to_its_next_release_and_watched_there(tmp_path):
    for name in ("1", "2"):
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "a.yaml").write_text(described(f"v{name}"))
    (tmp_path / "current").symlink_to("releases/1")
    live = LiveConfigs(tmp_path / "current", {})
    async with watching(live):
        (tmp_path / "next").symlink_to("releases/2")
        (tmp_path / "next").rename(tmp_path / "current")
        await eventually(lambda: word(live) == "v2")
        (tmp_path / "releases" / "2" / "a.yaml").write_text(described("v3"))
        await eventually(lambda: word(live) == "v3")


async def test_a_folder_that_goes_away_and_comes_back_keeps_its_configs_meanwhile(tmp_path):
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "a.yaml").write_text(described("one"))
    live = LiveConfigs(folder, {})
    async with watching(live):
        folder.rename(tmp_path / "away")
        await eventually(lambda: live.problems)
        assert word(live) == "one"
        folder.mkdir()
        (folder / "a.yaml").write_text(described("two"))
        await eventually(lambda: word(live) == "two" and not live.problems)


async def test_files_are_compared_where_they_cannot_be_watched(tmp_path, monkeypatch):
    def none_left(*_, **__):
        raise OSError(28, "no watches left")

    monkeypatch.setattr(watch, "awatch", none_left)
    monkeypatch.setattr(watch, "_POLL_MS", 20)
    (tmp_path / "a.yaml").write_text(described("one"))
    live = LiveConfigs(tmp_path, {})
    async with watching(live):
        (tmp_path / "a.yaml").write_text(described("two"))
        await eventually(lambda: word(live) == "two")


async def test_a_fault_of_ours_in_reading_does_not_end_the_watching(tmp_path, monkeypatch, caplog):
    path = tmp_path / "a.yaml"
    path.write_text(described("one"))
    live = LiveConfigs(tmp_path, {})
    read = watch.read

    def faulty(*args, **kwargs):
        if "crash" in path.read_text():
            raise ZeroDivisionError
        return read(*args, **kwargs)

    monkeypatch.setattr(watch, "read", faulty)
    async with watching(live):
        path.write_text(described("crash"))
        await eventually(lambda: any(record.exc_info for record in caplog.records))
        assert word(live) == "one"
        path.write_text(described("two"))
        await eventually(lambda: word(live) == "two")


def test_readers_never_see_a_broken_or_a_mixed_config_while_a_third_of_all_edits_is_bad(tmp_path):
    rng = random.Random(7)
    path = tmp_path / "a.yaml"

    def written(number):
        targets = "".join(f"  - {{name: t{number}-{i}, provider: sandbox}}\n" for i in range(8))
        return f"description: v{number}\nstrategy: {{mode: fallback}}\ntargets:\n{targets}"

    path.write_text(written(0))
    live = LiveConfigs(tmp_path, {})
    done = threading.Event()
    seen = []

    def look():
        while not done.wait(0.0002):
            spec = live.snapshot.configs["a"]
            names = [leaf.name for leaf in leaves(spec.root)]
            if names != [f"t{spec.description[1:]}-{i}" for i in range(8)]:
                seen.append((spec.description, names))

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, 51):
            good = rng.random() >= 0.3
            text = written(number)
            before = live.snapshot.configs["a"]
            if good:
                replace_with(path, text)
            else:
                path.write_text(
                    rng.choice([text + "zzz: 1\n", text[: rng.randrange(1, 30)], text.replace("- {", "- [")])
                )
            live.reload()
            if good:
                assert word(live) == f"v{number}"
            else:
                assert live.snapshot.configs["a"] is before
                assert live.problems
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert seen == []
