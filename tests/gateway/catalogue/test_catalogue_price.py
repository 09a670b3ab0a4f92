"""Prices of answers, and price ranges of requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalogue import BUILT_IN, price, price_range

find, all_rows = BUILT_IN.find, BUILT_IN.all_rows


def _price(model, params=None, delivered=1, usage=None, provider="openai"):
    return price(find(provider, model), params or {}, delivered, usage)


@pytest.mark.parametrize(
    ("model", "params", "delivered", "usd"),
    [
        ("dall-e-3", {}, 1, 0.04),
        ("dall-e-3", {"quality": "hd"}, 1, 0.08),
        ("dall-e-3", {"quality": "hd", "size": "1792x1024"}, 3, 0.36),
        ("dall-e-2", {"size": "256x256"}, 10, 0.16),
        ("gpt-image-1", {"size": "1024x1024", "quality": "high"}, 2, 0.334),
        ("gpt-image-1", {"size": "1024x1024"}, 1, None),
        ("gpt-image-1", {"quality": "high"}, 1, None),
        ("gpt-image-1", {"size": "auto", "quality": "high"}, 1, None),
        ("gpt-image-2", {"size": "2048x2048", "quality": "high"}, 1, None),
        ("gpt-image-2.6-flare", {"size": "1024x1024", "quality": "high"}, 1, None),
        ("dall-e-3", {}, 0, None),
    ],
)
def test_pictures_are_priced_by_size_and_quality_where_both_are_known(model, params, delivered, usd):
    assert _price(model, params, delivered) == usd


def test_azure_has_prices_of_its_own():
    assert _price("dall-e-3", provider="azure-openai") == 0.044
    assert _price("dall-e-3", {"size": "1792x1024"}, provider="azure-openai") is None


def test_the_sandbox_is_free():
    assert _price("sandbox", delivered=4, provider="sandbox") == 0
    assert _price("sandbox", delivered=0, provider="sandbox") == 0


_USAGE = {
    "input_tokens": 117,
    "input_tokens_details": {"text_tokens": 17, "image_tokens": 100},
    "output_tokens": 4160,
    "total_tokens": 4277,
}


def test_counted_tokens_come_before_the_list_price():
    params = {"size": "1024x1024", "quality": "high"}
    assert _price("gpt-image-1", params, usage=_USAGE) == pytest.approx((17 * 5 + 100 * 10 + 4160 * 40) / 1e6)


def test_told_text_has_its_own_price():
    usage = {**_USAGE, "output_tokens_details": {"text_tokens": 160, "image_tokens": 4000}}
    expected = (17 * 5 + 100 * 8 + 160 * 10 + 4000 * 32) / 1e6
    assert _price("gpt-image-1.5", usage=usage) == pytest.approx(expected)


def test_without_details_the_input_of_a_generation_is_text():
    usage = {"input_tokens": 17, "output_tokens": 4160}
    assert _price("gpt-image-1", usage=usage) == pytest.approx((17 * 5 + 4160 * 40) / 1e6)


def test_without_details_the_input_of_an_edit_is_unknown():
    assert _price("gpt-image-1", {"image": "…"}, usage={"input_tokens": 317, "output_tokens": 4160}) is None


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"input_tokens": 0, "output_tokens": 0},
        {"input_tokens": 17, "output_tokens": -1},
        {"input_tokens": 17, "output_tokens": "4160"},
        {"input_tokens": 17, "output_tokens": True},
        {"input_tokens": None, "output_tokens": 4160},
        {"input_tokens_details": {"text_tokens": 1.5}, "output_tokens": 4160},
    ],
)
def test_a_usage_that_counts_nothing_is_not_a_price_of_nothing(usage):
    assert _price("gpt-image-1", usage=usage) is None
    assert _price("gpt-image-1", {"size": "1024x1024", "quality": "low"}, usage=usage) == 0.011


@pytest.mark.parametrize(
    ("model", "params", "expected"),
    [
        ("dall-e-3", {}, (0.04, 0.04)),
        ("dall-e-2", {"n": 3, "size": "512x512"}, (0.054, 0.054)),
        ("gpt-image-1", {}, (0.011, 0.25)),
        ("gpt-image-1", {"quality": "high", "n": 2}, (0.334, 0.5)),
        ("gpt-image-1", {"size": "1024x1536"}, (0.016, 0.25)),
        ("gpt-image-2", {"size": "2048x2048"}, None),
        ("gpt-image-2.6-flare", {}, None),
    ],
)
def test_the_range_spans_what_the_model_may_choose(model, params, expected):
    assert price_range(find("openai", model), params) == expected


@given(
    row=st.sampled_from(all_rows()),
    params=st.fixed_dictionaries(
        {}, optional={"size": st.sampled_from(["auto", "1024x1024", "1x1"]), "quality": st.sampled_from(["hd", "low"])}
    ),
    usage=st.none()
    | st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), st.integers() | st.text() | st.booleans()),
)
def test_a_price_is_never_wrongly_zero(row, params, usage):
    usd = price(row, params, 1, usage)
    assert usd is None or usd > 0 or row.provider == "sandbox"
