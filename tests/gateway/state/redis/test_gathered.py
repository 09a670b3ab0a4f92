"""Answers are cut into pieces of one size, however they come."""

import pytest

from gateway.state.redis import intents as intents_module
from gateway.state.redis.intents import _gathered
from gateway.state.redis.pieces import slices


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(intents_module, "PIECE_BYTES", 4)
    monkeypatch.setattr(intents_module, "ANSWER_BYTES", 10)


@pytest.mark.parametrize(
    ("come", "go"),
    [
        ([], []),
        ([b"", b""], []),
        ([b"abc"], [b"abc"]),
        ([b"ab", b"cd"], [b"abcd"]),
        ([b"abcdefghij"], [b"abcd", b"efgh", b"ij"]),
        ([b"a", b"bcdefgh", b"", b"ij"], [b"abcd", b"efgh", b"ij"]),
    ],
)
def test_pieces(come, go):
    assert list(_gathered(come)) == go


def test_too_much_is_a_fault_before_it_is_held():
    with pytest.raises(OSError, match="larger than 10"):
        list(_gathered([b"abcdefghij", b"k"]))


def test_slices_are_views():
    value = bytes(3 << 20) + b"x"
    cut = list(slices(value))
    assert [len(each) for each in cut] == [1 << 20] * 3 + [1]
    assert all(each.obj is value for each in cut)
