# ruff: noqa: E501 - one row of a table is one line
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.shaping import shape
from gateway.config.spec import Shaping

PARAMS = {"prompt": "otter", "style": None, "n": 1, "x": [{"a": 1, "b": 2}, {"a": 3}, 4], "y": {"z": {"w": 1}}}
REST = {key: value for key, value in PARAMS.items() if value is not None}

CASES = [
    ("nothing to do but null is not given", {}, REST),
    ("defaults fill what is missing or null", {"default_params": {"style": "vivid", "n": 9}}, {**REST, "style": "vivid"}),
    ("overrides replace", {"override_params": {"n": 2}}, {**REST, "n": 2}),
    ("overrides win over defaults", {"default_params": {"q": 1}, "override_params": {"q": 2}}, {**REST, "q": 2}),
    ("overriding with null takes away", {"override_params": {"n": None}}, {k: v for k, v in REST.items() if k != "n"}),
    ("drops come last", {"override_params": {"n": 2}, "drop_params": ("n",)}, {k: v for k, v in REST.items() if k != "n"}),
    ("a drop inside an object", {"drop_params": ("y.z.w",)}, {**REST, "y": {"z": {}}}),
    ("a drop inside one element", {"drop_params": ("x[0].b",)}, {**REST, "x": [{"a": 1}, {"a": 3}, 4]}),
    ("a drop inside each element", {"drop_params": ("x[*].a",)}, {**REST, "x": [{"b": 2}, {}, 4]}),
    ("elements are counted before any is dropped", {"drop_params": ("x[0]", "x[1]")}, {**REST, "x": [4]}),
    ("all elements", {"drop_params": ("x[*]",)}, {**REST, "x": []}),
    ("one rule for an element, one for each", {"drop_params": ("x[0].a", "x[*].b")}, {**REST, "x": [{}, {"a": 3}, 4]}),
    ("a whole is dropped with its parts", {"drop_params": ("y.z", "y", "y.z.w")}, {k: v for k, v in REST.items() if k != "y"}),
    ("paths that lead nowhere", {"drop_params": ("q", "n.a", "prompt[0]", "x[9].a", "x.a", "y[0]")}, REST),
]  # fmt: skip


@pytest.mark.parametrize(("shaping", "wanted"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_parameters_are_shaped(shaping, wanted):
    before = copy.deepcopy(PARAMS)
    assert shape(PARAMS, Shaping(**shaping)) == wanted
    assert before == PARAMS


def test_a_form_field_with_brackets_in_its_name_is_dropped():
    assert shape({"image[0]": b"", "n": 1}, Shaping(drop_params=("image[0]",))) == {"n": 1}


@given(st.dictionaries(st.sampled_from("abc"), st.none() | st.integers()), st.dictionaries(st.sampled_from("abc"), st.integers()))  # fmt: skip
def test_an_override_always_arrives_and_a_default_never_wins_over_what_was_given(params, more):
    assert more.items() <= shape(params, Shaping(override_params=more)).items()
    given_by_caller = {key: value for key, value in params.items() if value is not None}
    assert given_by_caller.items() <= shape(params, Shaping(default_params=more)).items()
