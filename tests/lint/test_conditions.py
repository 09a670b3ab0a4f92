"""What is said of conditions is sure: no request that there could be says otherwise."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.conditions import compile_query
from gateway.config.document import Document
from gateway.config.reading import Reading
from gateway.images import ImageRequest
from gateway.lint.queries import Queries, Way
from gateway.lint.values import Effort, masks
from tests.lint.reading import found, said

SCALARS = ["a", "b", "", "5", "05", "5.0", "-1", "true", "false", "1e1", 5, 5.5, -1, 0, 10, True, False]
NUMBERS = ["5", "-1", 5, 5.5, 0, 10, 1e300]
VALUES = [None, *SCALARS, "abc", "4", "7", "+5", "5.5", "TRUE", 7, 4, 6, 5.25, 1e301, -2, [], {}, ["a"], {"a": 1}]


def compiled(query):
    reading = Reading(Document(data=None))
    holds = compile_query(query, (), reading)
    assert not reading.problems
    return holds


def requests(names):
    for values in itertools.product(VALUES, repeat=len(names)):
        params = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield ImageRequest(params=params)


scalars = st.sampled_from(SCALARS)
tests = st.recursive(
    st.one_of(
        scalars,
        st.fixed_dictionaries({"$eq": scalars}),
        st.fixed_dictionaries({"$ne": scalars}),
        st.fixed_dictionaries({"$in": st.lists(scalars, min_size=1, max_size=4)}),
        st.fixed_dictionaries({"$nin": st.lists(scalars, min_size=1, max_size=4)}),
        st.fixed_dictionaries({"$exists": st.booleans()}),
        st.fixed_dictionaries({"$regex": st.sampled_from(["^a", "5", ".", "^true$"])}),
        st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.sampled_from(NUMBERS), min_size=1),
    ),
    lambda inner: st.fixed_dictionaries({"$not": inner}),
    max_leaves=3,
)
queries = st.recursive(
    st.dictionaries(st.sampled_from(["params.x", "params.y"]), tests, max_size=2),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$not": inner}),
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=4,
)


@settings(max_examples=60)
@given(st.lists(queries, min_size=1, max_size=4))
def test_no_request_meets_what_is_said_to_be_never_met(written):
    asked, holds = Queries(written, Effort()), [compiled(query) for query in written]
    taken = [asked.taken_by(index) for index in range(len(written))]
    never = [asked.never(index) for index in range(len(written))]
    exhaust = asked.exhaust()
    if not (exhaust or any(never) or any(taken)):
        return
    for request in requests(["x", "y"]):
        met = [each(request) for each in holds]
        assert not exhaust or any(met), request.params
        for index, before in enumerate(taken):
            assert not (never[index] and met[index]), request.params
            assert not (before and met[index]) or any(met[each] for each in before), request.params


@settings(max_examples=60)
@given(
    st.lists(queries, min_size=1, max_size=3),
    st.lists(queries, min_size=1, max_size=3),
    st.sets(st.integers(0, 2)),
    st.booleans(),
)
def test_nor_does_a_request_that_gets_to_the_node(above, written, leading, by_default):
    leading = {index for index in leading if index < len(above)}
    asked = Queries(written, Effort(), [Way(above, leading, by_default)])
    never = [asked.never(index) for index in range(len(written))]
    taken = [asked.taken_by(index) for index in range(len(written))]
    exhaust = asked.exhaust()
    if not (exhaust or any(never) or any(taken)):
        return
    lead, holds = [compiled(query) for query in above], [compiled(query) for query in written]
    for request in requests(["x", "y"]):
        first = next((index for index, each in enumerate(lead) if each(request)), None)
        if first not in leading and not (by_default and first is None):
            continue
        met = [each(request) for each in holds]
        assert not exhaust or any(met), request.params
        for index, before in enumerate(taken):
            assert not (never[index] and met[index]), request.params
            assert not (before and met[index]) or any(met[each] for each in before), request.params


NESTED = """\
strategy:
  mode: conditional
  conditions:
    - {query: {metadata.plan: free}, then: small}
    - {query: {metadata.plan: {$in: [pro, team]}}, then: paid}
targets:
  - {name: small, provider: sandbox}
  - name: paid
    strategy: {mode: fallback}
    targets:
      - strategy:
          mode: conditional
          conditions:
            - {query: {metadata.plan: free}, then: one}
            - {query: {metadata.plan: pro}, then: two}
            - {query: {metadata.plan: {$ne: pro}}, then: three}
        targets:
          - {name: one, provider: sandbox, override_params: {quality: low}}
          - {name: two, provider: sandbox, override_params: {quality: medium}}
          - {name: three, provider: sandbox, override_params: {quality: high}}
      - {name: last, provider: sandbox}
"""


def test_the_conditions_that_lead_to_a_node_are_known_in_it():
    (never,) = said(NESTED, "condition-never-holds")
    assert "leads to `one`" in never
    assert "no request that the conditions above lead here meets it" in never
    assert found(NESTED) == [("default-missing", 1), ("condition-never-holds", 14)]


@settings(max_examples=60)
@given(st.lists(tests, min_size=1, max_size=3), st.sampled_from(VALUES))
def test_every_value_is_of_a_kind_that_the_tests_judge_alike(operands, value):
    found = masks(operands, Effort())
    if found is None:
        return
    bits, every = found
    request = ImageRequest(params={} if value is None else {"x": value})
    truths = [compiled({"params.x": operand})(request) for operand in operands]
    left = every
    for mask, holds in zip(bits, truths, strict=True):
        left &= mask if holds else ~mask
    assert left, "no kind of value is like this one"


def never(*written):
    asked = Queries(written, Effort())
    last = len(written) - 1
    return asked.never(last) or bool(asked.taken_by(last))


NEVER = {
    "the same again": [{"metadata.plan": "pro"}, {"metadata.plan": {"$eq": "pro"}}],
    "one of a list": [{"metadata.plan": {"$in": ["pro", "team"]}}, {"metadata.plan": "team"}],
    "a list together": [
        {"metadata.plan": "pro"},
        {"metadata.plan": "team"},
        {"metadata.plan": {"$in": ["pro", "team"]}},
    ],
    "after what is always so": [{}, {"metadata.plan": "pro"}],
    "narrower by another key": [{"metadata.a": "1"}, {"metadata.a": "1", "metadata.b": "2"}],
    "after all but one": [{"metadata.plan": {"$ne": "pro"}}, {"metadata.plan": "team"}],
    "after those that have any": [{"metadata.plan": {"$exists": True}}, {"metadata.plan": {"$regex": "^p"}}],
    "a smaller range": [{"params.n": {"$gte": 2}}, {"params.n": {"$gt": 4, "$lt": 8}}],
    "a number in a range": [{"params.n": {"$gte": 2}}, {"params.n": 3}],
    "an empty range": [{"params.n": {"$gt": 5, "$lt": 3}}],
    "two values at once": [{"$and": [{"metadata.a": "1"}, {"metadata.a": "2"}]}],
    "there and not there": [{"metadata.a": "1", "$not": {"metadata.a": {"$exists": True}}}],
    "either of two": [{"$or": [{"metadata.a": "1"}, {"metadata.b": "2"}]}, {"metadata.b": "2"}],
    "the same pattern": [{"metadata.a": {"$regex": "^eu"}}, {"metadata.a": {"$regex": "^eu"}}],
    "what a pattern matches": [{"metadata.a": {"$regex": "^eu"}}, {"metadata.a": "eu-west"}],
    "a header in another spelling": [{"headers.X-Team": "a"}, {"headers.x-team": "a"}],
    "too many patterns, one twice": [
        *({"metadata.a": {"$regex": f"^{x}"}} for x in "abcdef"),
        {"metadata.a": {"$regex": "^c"}},
    ],
}
MAYBE = {
    "another value": [{"metadata.plan": "pro"}, {"metadata.plan": "team"}],
    "a wider list": [{"metadata.plan": "pro"}, {"metadata.plan": {"$in": ["pro", "team"]}}],
    "a number and a string that is spelled otherwise": [{"metadata.n": "5"}, {"metadata.n": 5}],
    "another pattern": [{"metadata.a": {"$regex": "^e"}}, {"metadata.a": {"$regex": "^eu"}}],
    "missing is neither": [{"metadata.a": "1"}, {"metadata.a": {"$ne": "1"}}, {"metadata.a": {"$exists": False}}],
    "not a number at all": [{"params.n": {"$gte": 2}}, {"params.n": {"$lt": 2}}, {"params.n": {"$exists": True}}],
    "one side of a pair": [{"metadata.a": "1", "metadata.b": "2"}, {"metadata.a": "1"}],
    "numbers next to each other": [{"params.x": 5}, {"params.x": {"$gt": 4.999999999999999, "$lt": 5.000000000000002}}],
}


@pytest.mark.parametrize("written", NEVER.values(), ids=NEVER)
def test_a_condition_never_holds(written):
    assert never(*written)


@pytest.mark.parametrize("written", MAYBE.values(), ids=MAYBE)
def test_a_condition_may_hold(written):
    assert not never(*written)


def test_a_number_is_nothing_between_two_that_touch():
    assert never({"params.x": {"$in": [2**60, 2**60 + 1]}}, {"params.x": {"$gte": 2**60, "$lte": 2**60 + 1}})
    assert not never({"params.x": {"$in": [2**60, 2**60 + 2]}}, {"params.x": {"$gte": 2**60, "$lte": 2**60 + 2}})


def test_what_is_hostile_ends_in_no_verdict():
    many = {"$or": [{f"params.p{i}": {"$regex": str(i), "$ne": str(j)}} for i in range(30) for j in range(30)]}
    crossed = {"$and": [{"$or": [{f"params.p{i}": str(j)} for i in range(12)]} for j in range(40)]}
    long = {"params.x": {"$in": [f"value {index}" for index in range(3000)]}}
    deep = {"params.x": "1"}
    for _ in range(30):
        deep = {"$not": {"$and": [deep]}}
    assert not never(many, crossed, long, deep, {"params.q": "1"})
    assert never(long, long)


def test_a_covered_default_is_told_and_a_missing_one_is_not():
    config = """\
strategy:
  mode: conditional
  conditions:
    - {query: {metadata.a: {$exists: true}}, then: one}
    - {query: {metadata.a: {$exists: false}}, then: two}
targets: [{name: one, provider: sandbox}, {name: two, provider: sandbox}]
"""
    assert found(config) == []
    assert found(config.replace("targets", "  default: one\ntargets")) == [("target-unreachable", 6)]


def test_it_is_told_which_condition_takes_all():
    config = """\
strategy:
  mode: conditional
  conditions:
    - {query: {params.n: {$lt: 2}}, then: one}
    - {query: {params.n: {$gte: 2}}, then: two}
    - {query: {params.n: {$in: [1, 4]}}, then: one}
    - {query: {params.n: 1}, then: two}
    - {query: {params.n: {$gt: 9, $lt: 3}}, then: two}
  default: one
targets: [{name: one, provider: sandbox}, {name: two, provider: sandbox}]
"""
    together, first, itself = said(config, "condition-never-holds")
    assert "the conditions before it together" in together
    assert "condition 1 before it" in first
    assert "contradicts itself" in itself
