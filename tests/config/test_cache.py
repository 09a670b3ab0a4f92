"""What `cache:` means, for the target that says it and for those below."""

import pytest

from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.config.spec import CacheSpec, leaves
from gateway.errors import InvalidConfig
from tests.config.bad_configs import PAINT


def read(data):
    return leaves(parse(Document(data=data), virtual_keys={}).root)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({}, CacheSpec(max_age=604_800.0, variants=1)),
        ({"mode": "simple"}, CacheSpec()),
        ({"mode": "simple", "max_age": 60}, CacheSpec(max_age=60.0)),
        ({"maxAge": 7_776_000, "variants": 16}, CacheSpec(max_age=7_776_000.0, variants=16)),
    ],
)
def test_what_is_written_and_what_it_means(written, meant):
    [target] = read({**PAINT, "cache": written})
    assert target.cache == meant


def test_without_the_word_nothing_is_cached():
    assert read(PAINT)[0].cache is None


def test_it_is_inherited_and_replaced_whole():
    targets = [PAINT, {**PAINT, "cache": {"variants": 2}}, {"targets": [PAINT], "cache": {"max_age": 120}}]
    found = read({"strategy": {"mode": "fallback"}, "cache": {"max_age": 90, "variants": 3}, "targets": targets})
    assert [target.cache for target in found] == [
        CacheSpec(max_age=90, variants=3),
        CacheSpec(variants=2),
        CacheSpec(max_age=120),
    ]


@pytest.mark.parametrize(
    ("written", "path", "words"),
    [
        ({"mode": "semantic"}, "$.cache.mode", "use `mode: simple`"),
        ({"mode": "smple"}, "$.cache.mode", "did you mean `simple`?"),
        ({"max_age": 59}, "$.cache.max_age", "whole seconds from 60 to 7776000 (90 days), not 59"),
        ({"maxAge": 7_776_001}, "$.cache.maxAge", "not 7776001"),
        ({"max_age": 90.5}, "$.cache.max_age", "not 90.5"),
        ({"variants": 0}, "$.cache.variants", "a whole number from 1 to 16, not 0"),
        ({"variants": 17}, "$.cache.variants", "not 17"),
        ({"max_ages": 60}, "$.cache.max_ages", "did you mean `max_age`?"),
        ("simple", "$.cache", "an object"),
    ],
)
def test_what_is_refused_and_why(written, path, words):
    with pytest.raises(InvalidConfig) as refused:
        read({**PAINT, "cache": written})
    [problem] = refused.value.problems
    assert (problem.path, problem.code) == (path, "invalid_config")
    assert words in problem.message
