"""Parameters that make no sense for any model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalogue import malformed


def test_a_prompt_alone_is_enough():
    assert malformed({"prompt": "an otter"}) is None


@pytest.mark.parametrize(
    "params",
    [
        {"n": 1},
        {"n": 128},
        {"size": "auto"},
        {"size": "1024x1024"},
        {"size": "16:9"},
        {"size": "2K"},
        {"stream": True, "partial_images": 2},
        {"quality": "whatever", "style": "anything", "user": "u-1"},
        {"response_format": "b64_json"},
        {"seed": (1 << 63) - 1},
        {"seed": -(1 << 63)},
        {"output_compression": 0, "partial_images": 3, "seed": -7, "watermark": False, "stream": False},
        {"a_parameter_of_the_provider": {"of": ["any", "shape"]}, "guidance": 1e3},
        {"model": "dall-e-3", "image": ["…"], "mask": {}},
    ],
)
def test_what_makes_sense_for_some_model_passes(params):
    assert malformed({"prompt": "an otter", **params}) is None


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "  \n"}, "prompt"),
        ({"prompt": ["an otter"]}, "prompt"),
        ({"prompt": "x" * 32001}, "prompt"),
        ({"n": True}, "n"),
        ({"n": 1e3}, "n"),
        ({"n": 2.0}, "n"),
        ({"n": 0}, "n"),
        ({"n": -1}, "n"),
        ({"n": 129}, "n"),
        ({"n": "2"}, "n"),
        ({"size": "99999x1"}, "size"),
        ({"size": "1024"}, "size"),
        ({"size": 1024}, "size"),
        ({"size": ["1024x1024"]}, "size"),
        ({"size": ""}, "size"),
        ({"size": "16:"}, "size"),
        ({"size": "0:9"}, "size"),
        ({"size": "10K"}, "size"),
        ({"quality": 5}, "quality"),
        ({"quality": ["hd"]}, "quality"),
        ({"style": ""}, "style"),
        ({"user": {}}, "user"),
        ({"background": False}, "background"),
        ({"response_format": "base64"}, "response_format"),
        ({"response_format": []}, "response_format"),
        ({"output_compression": 101}, "output_compression"),
        ({"output_compression": 5.5}, "output_compression"),
        ({"partial_images": 4}, "partial_images"),
        ({"stream": "true"}, "stream"),
        ({"watermark": 1}, "watermark"),
        ({"seed": True}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"seed": 1 << 63}, "seed"),
        ({"seed": -(10**19)}, "seed"),
        ({"model": 3}, "model"),
    ],
)
def test_nonsense_is_refused_by_the_name_of_its_parameter(params, param):
    error = malformed({"prompt": "an otter", **params})
    assert (error.status, error.type, error.param, error.code) == (
        400,
        "invalid_request_error",
        param,
        f"invalid_{param}",
    )
    assert error.message.startswith(f"Invalid {param}: ")


def test_a_missing_prompt_is_said_to_be_required():
    error = malformed({"n": 1})
    assert error.code == "invalid_prompt"
    assert "required" in error.message


@pytest.mark.parametrize("size", ["1024×1024", "1024X1024", " 1024x1024", "1024 x 1024", "1024*1024", "1024x1024px"])
def test_a_size_nearly_right_is_refused_with_the_right_one(size):
    assert "write 1024x1024," in malformed({"prompt": "an otter", "size": size}).message


def test_only_a_picture_may_say_it_all():
    assert malformed({"image": ["…"]}, needs_prompt=False) is None
    assert malformed({"image": ["…"], "prompt": ""}, needs_prompt=False).code == "invalid_prompt"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
_NAMES = st.sampled_from(["prompt", "n", "size", "quality", "seed", "stream", "response_format", "model", "extra"])


@given(params=st.dictionaries(_NAMES, _JSON))
def test_no_json_value_breaks_the_check_and_every_message_is_short(params):
    error = malformed(params)
    assert error is None or len(error.message) < 200
