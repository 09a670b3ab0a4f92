"""Settings: which spelling wins, and what is said about values that cannot be used."""

import dataclasses

import pytest

from gateway.settings import NAMES, PREFIX, InvalidSetting, Settings, read, shown


@pytest.mark.parametrize(
    ("flags", "environ", "file", "port"),
    [
        pytest.param({}, {}, {}, 8787, id="nothing is said"),
        pytest.param({}, {}, {"port": 1}, 1, id="the file alone"),
        pytest.param({}, {"BEAMSPLITTER_PORT": "2"}, {"port": 1}, 2, id="a variable wins over the file"),
        pytest.param({"port": "3"}, {"BEAMSPLITTER_PORT": "2"}, {"port": 1}, 3, id="a flag wins over both"),
        pytest.param({"port": None}, {}, {"port": 1}, 1, id="a flag that was not given says nothing"),
        pytest.param({"port": 0}, {}, {"port": 1}, 0, id="zero is a value"),
        pytest.param({}, {"BEAMSPLITTER_PORT": "tcp://10.0.0.1:80"}, {}, 8787, id="what Kubernetes writes is not ours"),
        pytest.param({}, {"PORT": "5", "BEAMSPLITTER_SERVICE_HOST": "10.0.0.1"}, {}, 8787, id="others' variables"),
    ],
)
def test_a_flag_beats_a_variable_which_beats_the_file(flags, environ, file, port):
    assert read(flags, environ, file).port == port


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_three_spellings(name):
    default = getattr(Settings(), name)
    given = {
        str: {"log_level": "error", "log_prompts": "hash", "unpriced": "allow", "log_format": "json"}.get(name, "text"),
        int: 1 << 21 if "bytes" in name or name == "byte_budget" else 7,
        float: 77.5,
        bool: True,
        tuple: ("a", "b"),
    }[type(default)]
    text = ",".join(given) if isinstance(given, tuple) else str(given)
    assert given != default
    for said in (({name: text}, {}, {}), ({}, {PREFIX + name.upper(): text}, {}), ({}, {}, {name: given})):
        assert getattr(read(*said), name) == given


@pytest.mark.parametrize("setting", dataclasses.fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_says_what_it_is(setting):
    sentence, _, _ = setting.metadata["help"].partition("  [default: ")
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("said", "value"),
    [
        *((said, True) for said in ("1", "true", "Yes", " on ", True)),
        *((said, False) for said in ("0", "FALSE", "no", "off", "", False)),
    ],
)
def test_true_and_false_have_the_usual_spellings(said, value):
    assert read({}, {}, {"open": said}).open is value


@pytest.mark.parametrize(
    ("said", "words"),
    [("a, b ,,c", ("a", "b", "c")), (["a", " b "], ("a", "b")), ("", ()), ([], ())],
)
def test_a_list_may_be_words_with_commas_between(said, words):
    assert read({}, {}, {"trusted_hosts": said}).trusted_hosts == words


@pytest.mark.parametrize(("said", "level"), [("debug", "debug"), ("WARNING", "warning")])
def test_a_level_may_be_written_in_any_case(said, level):
    assert read({"log_level": said}, {}, {}).log_level == level


SOURCES = {
    "a flag": (lambda name, value: ({name: value}, {}, {}), lambda name: f"--{name.replace('_', '-')}"),
    "a variable": (lambda name, value: ({}, {PREFIX + name.upper(): value}, {}), lambda name: PREFIX + name.upper()),
    "the file": (lambda name, value: ({}, {}, {name: value}), lambda name: f"server.{name} in gateway.yaml"),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("port", "eighty", "a whole number, got 'eighty'"),
        ("port", "80.5", "a whole number, got '80.5'"),
        ("port", "", "a whole number, got ''"),
        ("port", "65536", "a number from 0 to 65535, got '65536'"),
        ("port", "-1", "a number from 0 to 65535, got '-1'"),
        ("workers", "0", "a number from 1 to 64, got '0'"),
        ("max_json_bytes", "1023", "a number from 1024 to 67108864, got '1023'"),
        ("drain_seconds", "long", "a number, got 'long'"),
        ("drain_seconds", "nan", "a number from 0 to 3600, got 'nan'"),
        ("drain_seconds", "inf", "a number from 0 to 3600, got 'inf'"),
        ("open", "maybe", "true or false, got 'maybe'"),
        ("log_level", "loud", "debug, info, warning or error, got 'loud'"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_source(source, name, value, expected):
    said, called = SOURCES[source]
    with pytest.raises(InvalidSetting) as caught:
        read(*said(name, value))
    assert str(caught.value) == f"{called(name)}: expected {expected}"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("host", ["127.0.0.1"], "text, got ['127.0.0.1']"),
        ("host", 5, "text, got 5"),
        ("host", None, "text, got None"),
        ("port", True, "a whole number, got True"),
        ("port", 80.0, "a whole number, got 80.0"),
        ("port", None, "a whole number, got None"),
        ("drain_seconds", True, "a number, got True"),
        ("open", 2, "true or false, got 2"),
        ("trusted_hosts", 5, "a list, or words with commas between, got 5"),
        ("trusted_hosts", [5], "a list, or words with commas between, got [5]"),
        ("trusted_hosts", {"a": 1}, "a list, or words with commas between, got {'a': 1}"),
    ],
)
def test_types_that_only_a_file_can_hold(name, value, expected):
    with pytest.raises(InvalidSetting) as caught:
        read({}, {}, {name: value})
    assert str(caught.value) == f"server.{name} in gateway.yaml: expected {expected}"


def test_bounds_are_included():
    assert read({"port": "65535", "workers": "64", "max_json_bytes": "1024"}, {}, {}) == Settings(
        port=65535, workers=64, max_json_bytes=1024
    )


def test_what_is_secret_is_not_shown():
    secrets = [setting.name for setting in dataclasses.fields(Settings) if setting.metadata["secret"]]
    assert secrets == ["url_secret", "store", "redis", "master_key", "admin_key", "alert_secret", "otel_headers"]
    told = shown(read({}, {}, {"url_secret": "not-real", "port": 1}))
    assert (told["url_secret"], told["port"]) == ("***", 1)
    assert set(told) == set(NAMES)
    assert shown(Settings())["url_secret"] == ""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("byte_budget", 1024, "a number of at least 1048576, got 1024"),
        ("picture_store_bytes", 0, "a number of at least 1048576, got 0"),
        ("picture_keep_seconds", 59, "a number from 60 to 31536000, got 59"),
        ("cache_bytes", -1, "a number of at least 0, got -1"),
        ("idempotency_bytes", 0, "a number of at least 1048576, got 0"),
        ("max_upload_bytes", (1 << 30) + 1, "a number from 1024 to 1073741824, got 1073741825"),
    ],
)
def test_room_for_pictures_has_its_bounds(name, value, expected):
    with pytest.raises(InvalidSetting) as caught:
        read({}, {}, {name: value})
    assert str(caught.value) == f"server.{name} in gateway.yaml: expected {expected}"
