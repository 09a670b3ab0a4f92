"""What is shown of a provider's words, and what is not."""

import pytest

from gateway.dialect.words import identifier, shown


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abc123DEF456",
        "key sk-abcdef",
        "masked: sk-pr********x7Qa",
        "masked: 1234****abcd",
        "Authorization: Bearer abcdefgh.ijkl",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def",
        "hf_AbCdEfGhIjKlMnOp",
        "AIzaSyA1234567890abcdefg",
        "0123456789abcdef0123456789abcdef",
        "org-abcdefghij0123456789abcd",
    ],
)
def test_what_looks_like_a_key_is_hidden(text):
    line = shown(text)
    assert "***" in line
    for part in ("abc123", "abcdef", "x7Qa", "1234", "abcdefgh", "eyJ", "KlMn", "SyA", "456789"):
        assert part not in line


@pytest.mark.parametrize(
    "text",
    [
        "Invalid size for gpt-image-2.5-sunburst-2026-09-08: must be 1024x1024",
        "accounts/fireworks/models/stable-diffusion-xl-1024-v1-0 does not exist",
        "contact support with req_0123456789abcdef0123456789abcdef",
        "operation 3f2504e0-4f89-11d3-9a0c-0305e82c3301 failed",
        "image_generation_user_error, see https://platform.openai.com/account/rate-limits",
        "the task asks for donaudampfschifffahrtsgesellschaft",
    ],
)
def test_what_people_need_is_kept(text):
    assert shown(text) == text


def test_control_characters_and_line_breaks_become_spaces():
    assert shown("one\r\ntwo\x00\x1b[31m three\u202efour") == "one two [31m three four"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        (429, "429"),
        ("images[0].image_url", "images[0].image_url"),
        (True, None),
        (None, None),
        ("", None),
        ("a whole sentence", None),
        ("x" * 65, None),
        ("sk-proj-abcdef123", None),
        (["a"], None),
    ],
)
def test_a_code_is_kept_only_where_it_is_one(value, kept):
    assert identifier(value) == kept
