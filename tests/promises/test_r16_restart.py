"""A bad file does not take its config away at the next start: it is served as it last was good, and that is said."""

import stat
from pathlib import Path

import pytest

from gateway.config.last_good import LastGood
from gateway.config.spec import leaves
from gateway.config.watch import LiveConfigs
from tests.end_to_end.caller import ask
from tests.running import serving

BAD = "provider: sandbox\nretry: {attempts: on}\n"
GATEWAY = "api_keys: [{name: team, key: a-key-of-a-team-not-real}]\n"


def described(word):
    return f"description: {word}\nprovider: sandbox\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.yaml").write_text(described("one"))
    return tmp_path / "configs"


@pytest.fixture
def start(folder, tmp_path):
    return lambda **environ: LiveConfigs(folder, environ, LastGood(tmp_path / "data"))


def words(live):
    return {id_: spec.description for id_, spec in live.snapshot.configs.items()}


def notices(live):
    return [Path(each.file).name for each in live.problems if "last was good" in each.message]


def test_a_bad_config_is_served_as_it_was_and_a_good_one_beside_it_as_it_is(folder, start):
    (folder / "b.yaml").write_text(described("one"))
    start()
    (folder / "a.yaml").write_text(BAD)
    (folder / "b.yaml").write_text(described("two"))
    live = start()
    assert words(live) == {"a": "one", "b": "two"}
    assert notices(live) == ["a.yaml"]
    assert not live.fatal
    assert any("attempts" in str(problem) for problem in live.problems)


def test_what_goes_live_while_serving_is_kept_and_what_is_bad_is_not(folder, start):
    live = start()
    (folder / "a.yaml").write_text(described("two"))
    assert live.reload()
    (folder / "a.yaml").write_text(BAD)
    assert live.reload()
    assert (words(live), notices(live)) == ({"a": "two"}, [])
    for _ in range(2):
        again = start()
        assert (words(again), notices(again)) == ({"a": "two"}, ["a.yaml"])


def test_the_notice_stays_until_the_file_is_good_again(folder, start):
    start()
    (folder / "a.yaml").write_text(BAD)
    live = start()
    (folder / "b.yaml").write_text(described("new"))
    assert live.reload()
    assert notices(live) == ["a.yaml"]
    (folder / "a.yaml").write_text(described("three"))
    assert live.reload()
    assert (words(live), live.problems) == ({"a": "three", "b": "new"}, ())


def test_without_anything_kept_a_bad_start_is_as_bad_as_ever(folder, start):
    (folder / "a.yaml").write_text(BAD)
    assert start().fatal
    (folder / "b.yaml").write_text(described("one"))
    live = start()
    assert (words(live), live.fatal, notices(live)) == ({"b": "one"}, False, [])


def test_what_was_deleted_stays_deleted_whatever_comes_after_it_by_its_name(folder, start):
    (folder / "b.yaml").write_text(described("one"))
    start()
    (folder / "b.yaml").unlink()
    assert words(start()) == {"a": "one"}
    (folder / "b.yaml").write_text(BAD)
    assert words(start()) == {"a": "one"}


def test_a_bad_gateway_file_opens_no_door(folder, start):
    (folder / "gateway.yaml").write_text(GATEWAY)
    start()
    (folder / "gateway.yaml").write_text(GATEWAY + "nonsense: 1\n")
    live = start()
    assert [key.name for key in live.snapshot.gateway.api_keys.values()] == ["team"]
    assert notices(live) == ["gateway.yaml"]
    assert not live.fatal


def test_a_bad_gateway_file_that_never_was_good_is_fatal(folder, start):
    start()
    (folder / "gateway.yaml").write_text(GATEWAY + "nonsense: 1\n")
    (folder / "a.yaml").write_text(BAD)
    assert start().fatal
    (folder / "gateway.yaml").write_text(GATEWAY + "default_config: nowhere\n")
    assert start().fatal


def test_what_is_kept_holds_only_what_the_file_held_and_is_nobody_elses(folder, start, tmp_path):
    text = "# a comment\nprovider: openai\napi_key: ${SOME_KEY}\n"
    (folder / "a.yaml").write_text(text)
    start(SOME_KEY="a-secret-not-real")
    (kept,) = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert kept.read_text() == text
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    (folder / "a.yaml").write_text(BAD)
    (leaf,) = leaves(start(SOME_KEY="another-not-real").snapshot.configs["a"].root)
    assert leaf.credentials["api_key"].reveal() == "another-not-real"
    assert start().fatal, "without its variable not even the kept one can be served"


def test_two_folders_share_a_data_folder(folder, start, tmp_path):
    start()
    other = tmp_path / "others"
    other.mkdir()
    (other / "a.yaml").write_text(BAD)
    assert LiveConfigs(other, {}, LastGood(tmp_path / "data")).fatal


def test_a_single_file_is_kept_as_well(folder, tmp_path):
    file = folder / "a.yaml"
    for text in (described("one"), BAD):
        file.write_text(text)
        live = LiveConfigs(file, {}, LastGood(tmp_path / "data"))
        assert (words(live), live.fatal) == ({"a": "one"}, False)


@pytest.mark.parametrize("damage", ["a folder that is a file", "a kept file that is damaged"])
def test_a_data_folder_that_cannot_be_used_changes_nothing_but_a_line_in_the_log(
    folder, start, tmp_path, damage, caplog
):
    if damage == "a folder that is a file":
        (tmp_path / "data").write_text("")
        start()
        assert [record.levelname for record in caplog.records if "not kept" in record.message] == ["WARNING"]
    else:
        start()
        (kept,) = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
        kept.write_bytes(b"\0" * 64)
    assert words(start()) == {"a": "one"}
    if damage == "a folder that is a file":
        (folder / "a.yaml").write_text(BAD)
        assert start().fatal


def test_only_what_was_read_is_kept(folder, start, tmp_path, monkeypatch):
    """A file that changes between reading and keeping is kept by the next reading, if it is good."""
    live = start()
    (folder / "a.yaml").write_text(described("two"))
    read = live._read

    def read_and_edit(keep):
        snapshot = read(keep)
        (folder / "a.yaml").write_text(described("three, which nobody has judged yet"))
        return snapshot

    monkeypatch.setattr(live, "_read", read_and_edit)
    assert live.reload()
    (kept,) = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert kept.read_text() == described("one")


def test_a_server_serves_it_and_says_so(folder, tmp_path):
    data = str(tmp_path / "data")
    (folder / "gateway.yaml").write_text("default_config: a\n")
    with serving(folder, "--data", data) as running:
        version = ask(running).headers["x-gateway-config-version"]
    (folder / "a.yaml").write_text(BAD)
    with serving(folder, "--data", data) as running:
        got = ask(running)
        assert (got.status, got.headers["x-gateway-config-version"]) == (200, version)
        ready = ask(running, b"", method="GET", path="/readyz")
        assert ready.status == 200
        assert any("a.yaml" in problem and "last was good" in problem for problem in ready.json["problems"])
        assert any("last was good" in line for line in running.lines)
