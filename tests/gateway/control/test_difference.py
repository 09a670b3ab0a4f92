"""What differs between two documents, by path."""

import copy
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.control.difference import differences

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c d", ""]), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("$.a", "changed", 1, 2)]),
        ({"a": 1}, {"a": True}, [("$.a", "changed", 1, True)]),
        ({"a": None}, {}, [("$.a", "removed", None, None)]),
        ({}, {"a b": [1]}, [('$["a b"]', "added", None, [1])]),
        ({"t": [1, 2]}, {"t": [1]}, [("$.t[1]", "removed", 2, None)]),
        ({"t": [{"w": 1}]}, {"t": [{"w": 2}, 3]}, [("$.t[0].w", "changed", 1, 2), ("$.t[1]", "added", None, 3)]),
        ({"t": []}, {"t": {}}, [("$.t", "changed", [], {})]),
        ({"api_key": "sealed1:a:b:c"}, {"api_key": "sealed1:x:y:c"}, []),
        ({"api_key": "sealed1:a:b:c"}, {"api_key": "sealed1:a:b:d"}, [("$.api_key", "changed", "***", "***")]),
        ({"t": [{"apiKey": "sealed1:a:b:c"}]}, {}, [("$.t", "removed", [{"apiKey": "***"}], None)]),
        ({}, {"api_key": "sealed1:a:b:c"}, [("$.api_key", "added", None, "***")]),
    ],
    ids=str,
)
def test_changes_are_told_by_path(before, after, changes):
    told = [(row["path"], row["change"], row["before"], row["after"]) for row in differences(before, after)]
    assert told == changes


@given(JSON, JSON)
def test_what_is_told_makes_one_of_the_other(before, after):
    changes = differences(before, after)
    assert (not changes) == _alike(before, after)
    if changes and changes[0]["path"] == "$":
        assert len(changes) == 1
        return
    made = copy.deepcopy(before)
    for change in reversed(changes):  # of a list, what comes last goes first
        _apply(made, change)
    assert _alike(made, after)


def _alike(one, other):
    """Compare as JSON does: 1 is neither true nor 1.0 written otherwise."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return type(one) is type(other) and one == other


def _apply(document, change):
    steps = re.findall(r'\.([A-Za-z_]\w*)|\[(\d+)\]|\[("[^"]*")\]', change["path"])
    steps = [int(index) if index else json.loads(quoted) if quoted else name for name, index, quoted in steps]
    for step in steps[:-1]:
        document = document[step]
    last = steps[-1]
    if change["change"] == "removed":
        del document[last]
    elif isinstance(document, list) and change["change"] == "added":
        document.insert(last, change["after"])
    else:
        document[last] = change["after"]
