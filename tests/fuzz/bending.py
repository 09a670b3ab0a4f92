"""What is right, bent: documents, texts and bytes that are nearly as they should be."""

import copy
import time

from hypothesis import strategies as st

MOST_SECONDS = 0.05

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["fallback", "openai", "strict", "@openai-prod", "${HOME}", "http://127.0.0.1:1", "$in", "^a+$"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def in_time(run):
    """Run something, which has to be quick; a slow run is tried again, as others use the machine as well."""
    spent = []
    for _ in range(3):
        started = time.thread_time()
        found = run()
        spent.append(time.thread_time() - started)
        if spent[-1] <= MOST_SECONDS:
            return found
    raise AssertionError(f"it takes {min(spent) * 1000:.0f} ms")


def attempted(run, refusal):
    """Return what something returns, and how it is refused: one of the two is `None`."""
    try:
        return run(), None
    except refusal as refused:
        return None, refused


def _places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[key], (*path, key))


@st.composite
def bent(draw, documents, keys):
    """Return one of the documents with up to three things in it replaced, renamed, moved, repeated or gone."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        *above, last = draw(st.sampled_from(places)) or (None,)
        if last is None:
            continue
        around = document
        for step in above:
            around = around[step]
        match draw(st.sampled_from(["replace", "replace", "move", "remove", "repeat", "rename"])):
            case "replace":
                around[last] = draw(JSON)
            case "move":
                found = document
                for step in draw(st.sampled_from(places)):
                    found = found[step]
                around[last] = copy.deepcopy(found)
            case "remove":
                del around[last]
            case "repeat" if isinstance(around, list):
                around *= draw(st.integers(2, 40))
            case _ if isinstance(around, dict):
                around[draw(st.sampled_from(keys) | st.text(max_size=8))] = around.pop(last)
    return document


@st.composite
def spliced(draw, texts, tokens):
    """Return one of the texts, or bytes, with up to five cuts, repeats, moves and foreign pieces in it."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        to = draw(st.integers(at, min(at + draw(st.sampled_from([1, 8, 64, 4096])), len(text))))
        match draw(st.sampled_from(["cut", "insert", "insert", "replace", "repeat", "end"])):
            case "cut":
                text = text[:at] + text[to:]
            case "insert":
                text = text[:at] + draw(tokens) + text[at:]
            case "replace":
                text = text[:at] + draw(tokens) + text[to:]
            case "repeat":
                text = text[:at] + text[at:to] * draw(st.sampled_from([2, 3, 50])) + text[to:]
            case "end":
                text = text[:at]
    return text


CUTS = st.lists(st.floats(0, 1), max_size=6)
"""Where bytes are cut, for `pieces`."""


def pieces(data, cuts):
    """Return bytes as they may come: in any number of pieces."""
    places = sorted(int(len(data) * cut) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if end > start]
