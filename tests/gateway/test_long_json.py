"""JSON whose long texts stay where they are means the same as if all of it had been read."""

import base64
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import long_json
from gateway.long_json import LONG, LongText, loads

PICTURE = base64.b64encode(bytes(range(256)) * (LONG // 200)).decode()


def whole(value):
    """Return a decoded document with its long texts as strings."""
    if isinstance(value, LongText):
        return bytes(value.view).decode()
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list) else value


def held(value):
    """Return how many long texts are in it."""
    if isinstance(value, dict):
        return sum(map(held, value.values()))
    return sum(map(held, value)) if isinstance(value, list) else isinstance(value, LongText)


@pytest.mark.parametrize(
    ("document", "count"),
    [
        ({"a": [{"data": PICTURE}]}, 1),
        ({"text": 'é\\ "quoted"', "b": [PICTURE, {"c": PICTURE}], "n": 1.5}, 2),
        ([PICTURE], 1),
        ({"url": f"data:image/png;base64,{PICTURE}"}, 1),
        ({"url": f"data:image/png,{PICTURE}"}, 0),
        ({"url": f"data:image\n;base64,{PICTURE}"}, 0),
        ({"a": PICTURE[: LONG // 2]}, 0),
        ({"a": PICTURE[:-1]}, 0),
        ({"a": PICTURE[:-9] + "é" + PICTURE[-8:]}, 0),
        ({"a": PICTURE[:-9] + " " + PICTURE[-8:]}, 0),
        ({"a": f'"{PICTURE}'}, 0),
        ({"a": f'{PICTURE}"'}, 0),
        ({"a": f"\\{PICTURE}"}, 0),
        ({PICTURE: 1}, 0),
        (PICTURE, 0),
        ({"a": PICTURE, "b": ["x"] * LONG}, 0),
        ({"a": " " * (LONG // 2), "b": PICTURE}, 1),
        ({"a": " " * LONG, "b": PICTURE}, 0),
        ({}, 0),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("indent", [None, 3])
def test_only_whole_values_in_base64_stay_where_they_are(document, count, kind, indent):
    read = loads(kind(json.dumps(document, indent=indent, ensure_ascii=False).encode()))
    assert whole(read) == document
    assert held(read) == count


def test_a_text_that_is_held_shows_how_it_begins_and_is_no_copy():
    body = bytearray(json.dumps({"a": PICTURE}).encode())
    text = loads(body)["a"]
    assert (str(text), len(text.view)) == (PICTURE[:128], len(PICTURE))
    assert text.view.obj is body


@pytest.mark.parametrize("end", ["", "}", ", }", '"x"}', "]}"])
@pytest.mark.parametrize("start", ['{"a": ', '{"a" ', "", '"'])
def test_what_is_no_json_is_none_with_a_long_text_either(start, end):
    body = f'{start}"{PICTURE}"{end}'.encode()
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        with pytest.raises(orjson.JSONDecodeError):
            loads(body)
    else:
        assert whole(loads(body)) == json.loads(body)


_LETTERS = 'Ab+/= \\"é\n'
_PICTURES = ["AAAA" * 4, "data:a;base64,AAAABBBB", "AAA="]
_TEXTS = st.text(st.sampled_from(_LETTERS), max_size=12) | st.sampled_from(
    ["AAAA" * 4, "data:a;base64,AAAABBBB", "AAA="]
)
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(document=_DOCUMENTS, indent=st.sampled_from([None, 0, 2]), cut=st.none() | st.integers(0, 200))
def test_every_document_means_the_same_and_every_cut_one_fails(document, indent, cut):
    body = json.dumps(document, indent=indent, ensure_ascii=False).encode()[:cut]
    try:
        expected = orjson.loads(body)
    except orjson.JSONDecodeError:
        expected = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_json, "LONG", 4)
        if expected is None and body != b"null":
            with pytest.raises(orjson.JSONDecodeError):
                loads(body)
        else:
            assert whole(loads(body)) == expected
