# ruff: noqa: E501 - one row of a table is one line
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidConfig
from gateway.images import ImageRequest
from tests.config.good_configs import asking, condition

REQUEST = ImageRequest(
    params={"model": "gpt-image-2", "n": 3, "hd": True, "seed": None, "extra": {"style": {"name": "noir"}}, "tags": ["a"]},
    path="/v1/images/edits",
    metadata={"plan": "paid", "tier": "10", "beta": "true", "a.b": "dotted"},
    headers={"x-team": "art"},
)  # fmt: skip

HOLD = [
    ("a bare value is equality", {"metadata.plan": "paid"}),
    ("no key at all", {}),
    ("keys are all asked", {"metadata.plan": "paid", "params.n": 3}),
    ("a nested parameter", {"params.extra.style.name": {"$eq": "noir"}}),
    ("a dotted metadata key", {"metadata.a.b": "dotted"}),
    ("headers in any case", {"headers.X-Team": "art"}),
    ("the path", {"url.pathname": {"$regex": "edits$"}}),
    ("metadata spells a number", {"metadata.tier": 10}),
    ("metadata is compared as a number", {"metadata.tier": {"$gt": 9}}),
    ("bounds may be strings", {"params.n": {"$lte": "3"}}),
    ("metadata spells a boolean", {"metadata.beta": True}),
    ("several operators are all asked", {"params.n": {"$gte": 3, "$lt": 4}}),
    ("one of several", {"params.model": {"$in": ["dall-e-3", "gpt-image-2"]}}),
    ("none of several", {"params.model": {"$nin": ["dall-e-3"]}}),
    ("another value", {"params.model": {"$ne": "dall-e-3"}}),
    ("a pattern is searched", {"params.model": {"$regex": "image"}}),
    ("what is there", {"params.hd": {"$exists": True}}),
    ("what is missing", {"params.style": {"$exists": False}}),
    ("null is missing", {"params.seed": {"$exists": False}}),
    ("and", {"$and": [{"params.n": 3}, {"metadata.plan": "paid"}]}),
    ("or", {"$or": [{"params.n": 4}, {"metadata.plan": "paid"}]}),
    ("not, beside keys", {"$not": {"params.n": 4}, "params.n": 3}),
    ("not, below a key", {"params.n": {"$not": {"$gt": 5}}}),
    ("not of what is missing", {"$not": {"metadata.nope": "x"}}),
]
FAIL = [
    ("a sibling of $or that fails", {"$or": [{"params.n": 3}], "metadata.plan": "free"}),
    ("a sibling of $and that fails", {"$and": [{"params.n": 3}], "metadata.plan": "free"}),
    ("a sibling of $regex that fails", {"params.model": {"$regex": "gpt", "$eq": "x"}}),
    ("true is not 1", {"params.hd": 1}),
    ("3 is not true", {"params.n": True}),
    ("text is no number", {"params.model": {"$gt": 0}}),
    ("a list is not its element", {"params.tags": "a"}),
    ("a missing key under $ne", {"metadata.nope": {"$ne": "x"}}),
    ("a missing key under $nin", {"metadata.nope": {"$nin": ["x"]}}),
    ("a missing key under $not", {"metadata.nope": {"$not": {"$eq": "x"}}}),
    ("a missing key under two operators", {"metadata.nope": {"$exists": False, "$ne": "x"}}),
    ("a present key that should be missing", {"metadata.plan": {"$exists": False}}),
    ("a path through a string", {"params.model.name": "x"}),
    ("equal text of another case", {"metadata.plan": "Paid"}),
]


@pytest.mark.parametrize("query", [row[1] for row in HOLD], ids=[row[0] for row in HOLD])
def test_a_condition_holds(query):
    assert condition(query)(REQUEST) is True


@pytest.mark.parametrize("query", [row[1] for row in FAIL], ids=[row[0] for row in FAIL])
def test_a_condition_does_not_hold(query):
    assert condition(query)(REQUEST) is False


@pytest.mark.parametrize("odd", ["nan", "inf", "-inf", "1e999", "1_0", " 10", "0x10", "", "1" * 70, "٣"])
def test_what_only_python_calls_a_number_is_none(odd):
    request = ImageRequest(params={}, metadata={"n": odd})
    for query in ({"$gt": -1}, {"$lt": 1e300}, {"$gte": 0}, {"$eq": 10}):
        assert not condition({"metadata.n": query})(request)


def test_a_pattern_sees_the_first_8_kib():
    query = condition({"params.prompt": {"$regex": "needle"}})
    assert query(ImageRequest(params={"prompt": "x" * 8000 + "needle"}))
    assert not query(ImageRequest(params={"prompt": "x" * 8192 + "needle"}))
    assert query(ImageRequest(params={"prompt": "\ud800 needle"}))
    assert condition({"params.prompt": {"$regex": "é"}})(ImageRequest(params={"prompt": "café"}))


def test_configs_are_equal_when_their_conditions_are_written_alike():
    assert asking({"params.n": 1}) == asking({"params.n": 1})
    assert asking({"params.n": 1}) != asking({"params.n": 2})


def test_all_faults_of_a_query_are_told():
    with pytest.raises(InvalidConfig) as refused:
        condition({"meta.a": 1, "metadata.b": {"$gt": "x", "$regexp": "a"}, "$or": {}, "$eq": 1, "params.c": {}})
    assert [problem.path for problem in refused.value.problems] == [
        "$.strategy.conditions[0].query.meta.a",
        "$.strategy.conditions[0].query.metadata.b.$gt",
        "$.strategy.conditions[0].query.metadata.b.$regexp",
        "$.strategy.conditions[0].query.$or",
        "$.strategy.conditions[0].query.$eq",
        "$.strategy.conditions[0].query.params.c",
    ]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner), max_leaves=8)  # fmt: skip
OPERATORS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$regex", "$exists", "$not"]


@given(st.sampled_from(OPERATORS), ANYTHING, ANYTHING)
def test_no_operand_and_no_value_raises_anything_unexpected(operator, operand, value):
    try:
        query = condition({"params.x": {operator: operand}})
    except InvalidConfig:
        return
    assert query(ImageRequest(params={"x": value})) in {True, False}
