"""One spelling for the same request."""

import pytest

from gateway.state import canonical
from tests.gateway.delivery.pictures import upload

A, B = upload(content=b"a"), upload(content=b"b")

SAME = [
    ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}),
    ({"image": [A], "mask": B}, {"mask": upload(content=b"b"), "image": [upload(content=b"a")]}),
]
DIFFERENT = [
    ({"n": 1}, {"n": "1"}),
    ({"n": 1}, {"n": True}),
    ({"image": [A, B]}, {"image": [B, A]}),
    ({"seed": 10**20}, {"seed": 10**20 + 1}),
    ({"seed": 10**20, "image": [A]}, {"seed": 10**20, "image": [B]}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
async def test_the_same_is_spelled_the_same(one, other):
    assert await canonical(one) == await canonical(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
async def test_what_differs_is_spelled_differently(one, other):
    assert await canonical(one) != await canonical(other)
