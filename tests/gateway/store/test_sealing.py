"""Sealed texts open with their master key, in their place, and nowhere else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.sealing import CannotOpen, MasterKeys, is_sealed, key_from

ONE, TWO = b"one-master-key-of-32-bytes-notre", b"two-master-key-of-32-bytes-notre"
PLACE = "red/virtual_keys/1/api_key"
TEXT = "sk-sealed-not-real"


@given(st.text(), st.text(max_size=40))
def test_what_is_sealed_opens_as_it_was(text, place):
    keys = MasterKeys([ONE])
    sealed = keys.seal(text, place)
    assert is_sealed(sealed)
    assert keys.open(sealed, place) == text
    if len(text) > 10:  # what is shorter may be there by chance
        assert text not in sealed


def test_nothing_is_sealed_twice_alike():
    keys = MasterKeys([ONE])
    assert len({keys.seal(TEXT, PLACE) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "place",
    [
        "blue/virtual_keys/1/api_key",
        "red/configs/1/api_key",
        "red/virtual_keys/2/api_key",
        "red/virtual_keys/1/note",
        "",
    ],
    ids=["workspace", "table", "row", "field", "nowhere"],
)
def test_moved_elsewhere_it_does_not_open(place):
    keys = MasterKeys([ONE])
    sealed = keys.seal(TEXT, PLACE)
    with pytest.raises(CannotOpen):
        keys.open(sealed, place)
    with pytest.raises(CannotOpen):
        MasterKeys([TWO, ONE]).rewrap(sealed, place)


def test_parts_of_two_texts_do_not_make_a_third():
    keys = MasterKeys([ONE])
    one, two = (keys.seal(text, PLACE).split(":") for text in ("one", "two"))
    with pytest.raises(CannotOpen):
        keys.open(":".join([*one[:3], two[3]]), PLACE)
    with pytest.raises(CannotOpen):
        keys.open(":".join([*one[:2], two[2], one[3]]), PLACE)


@given(st.data())
def test_any_change_of_a_sealed_text_is_noticed(data):
    keys = MasterKeys([ONE])
    sealed = keys.seal(TEXT, PLACE)
    at = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.sampled_from("ABCDEFabcdef0123456789+/:="))
    changed = sealed[:at] + letter + sealed[at + 1 :]
    try:
        same = _content(changed) == _content(sealed)
    except ValueError:
        same = False
    if not same:
        with pytest.raises(CannotOpen):
            keys.open(changed, PLACE)


def _content(sealed):
    """Return what a sealed text holds: the last letter of base64 has bits that say nothing."""
    form, by, *parts = sealed.split(":")
    return form, by, *(base64.b64decode(part, validate=True) for part in parts)


@pytest.mark.parametrize(
    "text", ["", "sealed1", "sealed1:a:b", "sealed1:a:b:c", "sealed2:a:YQ==:YQ==", "x:::", "sealed1:::"]
)
def test_what_is_no_sealed_text_does_not_open(text):
    with pytest.raises(CannotOpen):
        MasterKeys([ONE]).open(text, PLACE)


def test_another_master_key_is_named_and_does_not_open():
    sealed = MasterKeys([ONE]).seal(TEXT, PLACE)
    with pytest.raises(CannotOpen, match=MasterKeys([ONE]).first) as caught:
        MasterKeys([TWO]).open(sealed, PLACE)
    assert "not given" in str(caught.value)


def test_while_a_master_key_is_replaced_both_open():
    old, both, new = MasterKeys([ONE]), MasterKeys([TWO, ONE]), MasterKeys([TWO])
    sealed = old.seal(TEXT, PLACE)
    assert both.open(sealed, PLACE) == TEXT
    again = both.rewrap(sealed, PLACE)
    assert new.open(again, PLACE) == TEXT
    assert again.rpartition(":")[2] == sealed.rpartition(":")[2]
    assert both.rewrap(again, PLACE) == again
    with pytest.raises(CannotOpen):
        old.open(again, PLACE)


@pytest.mark.parametrize("keys", [[], [b"short"], [ONE, b"x" * 33]], ids=["none", "short", "long"])
def test_a_master_key_has_32_bytes(keys):
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKeys(keys)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_may_be_written_as_base64_or_as_hex(key):
    assert key_from(key.hex()) == key
    assert key_from(base64.b64encode(key).decode()) == key
    assert key_from(f" {key.hex().upper()}\n") == key


@pytest.mark.parametrize(
    "text", ["", "x", "0" * 63, "0" * 66, "é" * 32, "change-me", base64.b64encode(b"x" * 31).decode()]
)
def test_what_is_no_key_says_how_to_make_one(text):
    with pytest.raises(ValueError, match="openssl rand"):
        key_from(text)
