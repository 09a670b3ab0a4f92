"""A folder of configs becomes a snapshot."""

import os
from pathlib import Path

import pytest

from gateway.config.folder import read
from gateway.config.gateway_file import GatewayFile
from gateway.config.snapshot import Snapshot
from gateway.config.spec import leaves

GOOD = "provider: sandbox\n"
KEY = "k" * 24
OPENAI = "provider: openai\napi_key: ${OPENAI_API_KEY}\n"


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        return tmp_path

    return write


def told(snapshot):
    return [(Path(problem.file).name, problem.line, problem.path) for problem in snapshot.problems]


def test_each_file_is_a_config_under_its_id_or_its_stem(folder):
    path = folder(
        a__yaml=GOOD, b__yml="id: other\n" + GOOD, c__json='{"provider": "sandbox"}', readme__txt="x", _hidden="x"
    )
    (path / ".d.yaml").write_text("not read")
    (path / "sub.yaml").mkdir()
    snapshot = read(path, {})
    assert list(snapshot.configs) == ["a", "c", "other"]
    assert {id_: spec.id for id_, spec in snapshot.configs.items()} == {"a": "a", "c": "c", "other": "other"}
    assert snapshot.files == {str(path / "a.yaml"): "a", str(path / "b.yml"): "other", str(path / "c.json"): "c"}
    assert snapshot.problems == ()
    assert not snapshot.fatal
    assert snapshot.gateway == GatewayFile()


def test_one_file_may_stand_alone(folder):
    path = folder(a__yaml=GOOD, b__yaml="broken: on") / "a.yaml"
    assert list(read(path, {}).configs) == ["a"]
    assert read(path, {}).problems == ()


def test_a_path_that_is_not_there_is_one_clear_problem(tmp_path):
    snapshot = read(tmp_path / "nowhere", {})
    assert told(snapshot) == [("nowhere", None, "$")]
    assert "cannot read the configs here: No such file or directory" in snapshot.problems[0].message
    assert snapshot.fatal


def test_an_empty_folder_is_no_problem(tmp_path):
    assert read(tmp_path, {}) == Snapshot()


def test_a_bad_config_is_absent_and_the_others_are_there(folder):
    path = folder(
        a__yaml=GOOD,
        syntax__yaml="a: [",
        surprise__yaml="provider: sandbox\nweight: on\n",
        meaning__yaml="strategy: {mode: fallbck}\ntargets:\n  - provider: sandbox\n",
        unset__yaml=OPENAI,
        empty__yaml="",
    )
    snapshot = read(path, {})
    assert list(snapshot.configs) == ["a"]
    assert told(snapshot) == [
        ("empty.yaml", 1, "$"),
        ("meaning.yaml", 1, "$.strategy.mode"),
        ("surprise.yaml", 2, "$.weight"),
        ("syntax.yaml", 1, "$"),
        ("unset.yaml", 2, "$.api_key"),
    ]
    assert not snapshot.fatal


def test_nothing_good_at_all_is_fatal(folder):
    assert read(folder(a__yaml="a: ["), {}).fatal


@pytest.mark.parametrize("id_", ["../x", "-a", "a b", "", "x" * 101, "é"])
def test_an_id_that_cannot_be_a_name_is_refused(folder, id_):
    snapshot = read(folder(a__yaml=f"id: {id_!r}\n{GOOD}"), {})
    assert snapshot.configs == {}
    assert told(snapshot) == [("a.yaml", 1, "$.id")]


def test_two_configs_of_one_id_are_problems_in_both_files(folder):
    snapshot = read(folder(a__yaml=GOOD, b__yaml=f"{GOOD}id: a\n", c__yaml=GOOD), {})
    assert list(snapshot.configs) == ["c"]
    assert told(snapshot) == [("a.yaml", 1, "$.id"), ("b.yaml", 2, "$.id")]
    assert "b.yaml" in snapshot.problems[0].message


def test_references_are_filled_in_and_never_shown(folder):
    path = folder(a__yaml=OPENAI, b__yaml=OPENAI + "retry: {attempts: '${OPENAI_API_KEY}'}\n")
    snapshot = read(path, {"OPENAI_API_KEY": "sk-very-secret"})
    (leaf,) = leaves(snapshot.configs["a"].root)
    assert leaf.credentials["api_key"].reveal() == "sk-very-secret"
    assert snapshot.documents["a"].data["api_key"] == "${OPENAI_API_KEY}"
    assert told(snapshot) == [("b.yaml", 3, "$.retry.attempts")]
    assert "sk-very-secret" not in repr(snapshot)


def test_configs_use_the_virtual_keys_of_the_gateway_file(folder):
    path = folder(
        gateway__yaml="virtual_keys: {prod: {provider: openai, api_key: sk}}\ndefault_config: a\n",
        a__yaml="virtual_key: prod\n",
        b__yaml="virtual_key: prd\n",
    )
    snapshot = read(path, {})
    assert list(snapshot.configs) == ["a"]
    assert snapshot.gateway.default_config == "a"
    assert told(snapshot) == [("b.yaml", 1, "$.virtual_key")]
    assert not snapshot.fatal


@pytest.mark.parametrize(
    ("gateway", "path", "sentence"),
    [
        pytest.param(
            "default_config: godo", "$.default_config", "did you mean `good`?", id="a default that is not there"
        ),
        pytest.param("default_config: bad", "$.default_config", "problems of its own", id="a default that is bad"),
        pytest.param("server: {default_config: b}", "$.server.default_config", "does not exist", id="under server"),
        pytest.param(
            f"api_keys: [{{name: t, key: {KEY}, default_config: b}}]",
            "$.api_keys[0].default_config",
            "does not exist",
            id="a caller's default that is not there",
        ),
    ],
)
def test_a_default_config_must_exist(folder, gateway, path, sentence):
    snapshot = read(folder(gateway__yaml=gateway, good__yaml=GOOD, bad__yaml="provider: nobody"), {})
    problem = next(problem for problem in snapshot.problems if problem.file.endswith("gateway.yaml"))
    assert (problem.path, problem.line) == (path, 1)
    assert sentence in problem.message
    assert snapshot.fatal


def test_two_gateway_files_are_fatal(folder):
    snapshot = read(folder(gateway__yaml="{}", gateway__yml="{}", a__yaml=GOOD), {})
    assert told(snapshot) == [("gateway.yaml", None, "$"), ("gateway.yml", None, "$")]
    assert snapshot.fatal


def test_a_bad_gateway_file_is_fatal_and_does_not_blame_the_configs_for_it(folder):
    path = folder(
        gateway__yaml="virtual_keys: {prod: {provider: openai, api_key: sk}}\napi_keys: [{name: a, key: short}]\n",
        a__yaml="virtual_key: prod\n",
        b__yaml=GOOD,
    )
    snapshot = read(path, {})
    assert snapshot.fatal
    assert told(snapshot) == [("a.yaml", 1, "$"), ("gateway.yaml", 2, "$.api_keys[0].key")]
    assert "waits for `prod`" in snapshot.problems[0].message
    (path / "gateway.yaml").write_text("virtual_keys: [")
    assert {file for file, _, _ in told(read(path, {}))} == {"gateway.yaml"}


def test_a_virtual_key_without_its_variable_is_missing_and_the_rest_goes_on(folder):
    path = folder(
        gateway__yaml="default_config: b\nvirtual_keys:\n  prod: {provider: openai, api_key: '${OPENAI_API_KEY}'}\n",
        a__yaml="virtual_key: prod\n",
        b__yaml=GOOD,
    )
    snapshot = read(path, {})
    assert list(snapshot.configs) == ["b"]
    assert snapshot.gateway.virtual_keys == {}
    assert told(snapshot) == [("a.yaml", 1, "$"), ("gateway.yaml", 3, "$.virtual_keys.prod.api_key")]
    assert not snapshot.fatal
    assert list(read(path, {"OPENAI_API_KEY": "sk"}).configs) == ["a", "b"]


def test_an_api_key_without_its_variable_is_fatal_since_the_gateway_might_be_open_without_it(folder):
    assert read(folder(gateway__yaml="api_keys: [{name: a, key: '${TEAM_A}'}]", a__yaml=GOOD), {}).fatal


def test_what_is_no_file_to_read_is_a_problem(folder):
    path = folder(a__yaml=GOOD)
    os.mkfifo(path / "pipe.yaml")
    (path / "link.yaml").symlink_to(path / "nowhere")
    assert told(read(path, {})) == [("link.yaml", None, "$"), ("pipe.yaml", None, "$")]
    assert list(read(path, {}).configs) == ["a"]


def test_with_a_snapshot_before_whatever_is_bad_now_stays_as_it_was(folder):
    path = folder(a__yaml=GOOD, b__yaml=GOOD, c__yaml=GOOD)
    before = read(path, {})
    (path / "a.yaml").write_text("a: [")
    (path / "b.yaml").write_text(GOOD + "description: new\n")
    (path / "c.yaml").unlink()
    after = read(path, {}, keep=before)
    assert list(after.configs) == ["a", "b"]
    assert after.configs["a"] is before.configs["a"]
    assert after.documents["a"] == before.documents["a"]
    assert after.configs["b"].description == "new"
    assert [file for file, _, _ in told(after)] == ["a.yaml"]


def test_a_new_id_wins_over_one_that_is_only_kept(folder):
    path = folder(a__yaml=GOOD)
    before = read(path, {})
    folder(a__yaml="a: [", b__yaml="id: a\ndescription: b\n" + GOOD)
    after = read(path, {}, keep=before)
    assert after.configs["a"].description == "b"
    assert after.files == {str(path / "b.yaml"): "a"}


def test_a_second_file_of_an_id_does_not_end_the_first(folder):
    path = folder(a__yaml=GOOD)
    before = read(path, {})
    after = read(folder(b__yaml="id: a\n" + GOOD), {}, keep=before)
    assert after.configs["a"] is before.configs["a"]
    assert len(after.problems) == 2


@pytest.mark.parametrize(
    "gateway",
    [
        pytest.param("api_keys: [", id="cannot be read"),
        pytest.param("api_keys: [{name: b, key: short}]", id="says something wrong"),
        pytest.param("api_keys: []\ndefault_config: gone", id="names a config that is not there"),
        pytest.param("", id="is empty"),
        pytest.param(None, id="is gone"),
    ],
)
def test_a_gateway_file_stays_in_force_when_the_new_one(folder, gateway):
    path = folder(gateway__yaml=f"api_keys: [{{name: a, key: {KEY}}}]\ndefault_config: a\n", a__yaml=GOOD)
    before = read(path, {})
    if gateway is None:
        (path / "gateway.yaml").unlink()
    else:
        (path / "gateway.yaml").write_text(gateway)
    after = read(folder(b__yaml=GOOD), {}, keep=before)
    assert after.gateway is before.gateway
    assert list(after.configs) == ["a", "b"]
    assert [file for file, _, _ in told(after)] == ["gateway.yaml"]
    again = read(path, {}, keep=after)
    assert (again.gateway, again.problems) == (after.gateway, after.problems)


def test_a_deleted_config_stays_as_long_as_it_is_the_default(folder):
    path = folder(gateway__yaml="default_config: a\n", a__yaml=GOOD, b__yaml=GOOD)
    before = read(path, {})
    (path / "a.yaml").unlink()
    kept = read(path, {}, keep=read(path, {}, keep=before))
    assert list(kept.configs) == ["a", "b"]
    assert told(kept) == [("gateway.yaml", 1, "$.default_config")]
    (path / "gateway.yaml").write_text("default_config: b\n")
    after = read(path, {}, keep=kept)
    assert list(after.configs) == ["b"]
    assert after.problems == ()


def test_a_path_that_went_away_keeps_everything(folder, tmp_path):
    before = read(folder(a__yaml=GOOD), {})
    after = read(tmp_path / "nowhere", {}, keep=before)
    assert after.configs is before.configs
    assert len(after.problems) == 1


def test_what_cannot_be_read_filled_or_meant_is_told_together_and_each_place_once(tmp_path):
    text = (
        "strategy: {mode: falback}\n"
        "targets:\n"
        "  - {provider: openai, api_key: '${NO_SUCH_VARIABLE}', retries: 3}\n"
        "  - {provider: sandbox, weight: on}\n"
    )
    (tmp_path / "a.yaml").write_text(text)
    told = [(problem.line, problem.path) for problem in read(tmp_path, {}).problems]
    assert sorted(told) == [
        (1, "$.strategy.mode"),
        (3, "$.targets[0].api_key"),
        (3, "$.targets[0].retries"),
        (4, "$.targets[1].weight"),
    ]


def test_settings_alone_are_kept_under_their_id(tmp_path):
    (tmp_path / "patient.yaml").write_text("id: careful\nretry: {attempts: 2}\nrequest_timeout: 1000\n")
    snapshot = read(tmp_path, {})
    assert snapshot.problems == ()
    assert snapshot.configs["careful"].settings == {"retry": {"attempts": 2}, "request_timeout": 1000}


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        pytest.param("retry: {atempts: 2}", "$.retry.atempts", "`attempts`", id="a slip is told"),
        pytest.param("{api_key: k, retry: {attempts: 1}}", "$.api_key", "`provider`", id="no credential without one"),
        pytest.param("description: nothing", "$", "sets nothing", id="a description alone is no config"),
    ],
)
def test_settings_that_cannot_be(tmp_path, text, path, sentence):
    (tmp_path / "a.yaml").write_text(text)
    (problem,) = read(tmp_path, {}).problems
    assert problem.path == path
    assert sentence in problem.message
