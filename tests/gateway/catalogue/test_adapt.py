"""Fitting a request to another model, and its ledger."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalogue import BUILT_IN, fit, inexpressible, refusal, row_of
from gateway.catalogue.refuse import said_aloud
from gateway.images import ImageRequest
from strategies import Cause
from tests.gateway.delivery.pictures import upload

find, all_rows = BUILT_IN.find, BUILT_IN.all_rows


def _fitted(model, params, provider="openai", *, named=False):
    given, changes = fit(find(provider, model), params, named=named)
    return given, "; ".join(map(str, changes))


@pytest.mark.parametrize(
    ("model", "params", "given", "ledger"),
    [
        ("dall-e-3", {"size": "1000x1000"}, {"size": "1024x1024"}, "size=1000x1000->1024x1024"),
        ("dall-e-3", {"size": "1536x1024"}, {"size": "1792x1024"}, "size=1536x1024->1792x1024"),
        ("dall-e-2", {"size": "500x400"}, {"size": "512x512"}, "size=500x400->512x512"),
        ("dall-e-3", {"size": "auto"}, {}, "size=auto->dropped"),
        ("gpt-image-1", {"size": "auto"}, {"size": "auto"}, ""),
        ("gpt-image-2", {"size": "1000x1000"}, {"size": "992x992"}, "size=1000x1000->992x992"),
        ("gpt-image-1", {"quality": "standard"}, {"quality": "medium"}, "quality=standard->medium"),
        ("gpt-image-1", {"quality": "hd"}, {"quality": "high"}, "quality=hd->high"),
        ("gpt-image-1", {"quality": "max"}, {"quality": "high"}, "quality=max->high"),
        ("dall-e-3", {"quality": "high"}, {"quality": "hd"}, "quality=high->hd"),
        ("dall-e-3", {"quality": "low"}, {"quality": "standard"}, "quality=low->standard"),
        ("dall-e-2", {"quality": "hd"}, {"quality": "standard"}, "quality=hd->standard"),
        ("dall-e-3", {"quality": "auto"}, {}, "quality=auto->dropped"),
        ("dall-e-3", {"quality": "ultra"}, {}, "quality=ultra->dropped"),
        ("gpt-image-1", {"style": "natural"}, {}, "style=natural->dropped"),
        ("dall-e-3", {"style": "photo"}, {}, "style=photo->dropped"),
        ("dall-e-3", {"n": 3}, {"n": 3}, ""),
        ("gpt-image-1", {"response_format": "b64_json"}, {}, ""),
        ("dall-e-3", {"response_format": "b64_json"}, {"response_format": "b64_json"}, ""),
        ("dall-e-3", {"stream": False, "partial_images": 0}, {}, ""),
        ("dall-e-3", {"stream": True}, {}, ""),
        ("dall-e-3", {"stream": True, "partial_images": 2}, {}, "partial_images=2->dropped"),
        ("gpt-image-1", {"stream": True, "partial_images": 2}, {"stream": True, "partial_images": 2}, ""),
        ("gpt-image-1", {"response_format": "url"}, {}, ""),
        ("dall-e-3", {"size": "16:9"}, {"size": "1792x1024"}, "size=16:9->1792x1024"),
        ("dall-e-3", {"size": "2K"}, {"size": "1024x1024"}, "size=2K->1024x1024"),
        ("gpt-image-1", {"size": "2:3"}, {"size": "1024x1536"}, "size=2:3->1024x1536"),
        ("gpt-image-1", {"stream": False}, {"stream": False}, ""),
        ("gpt-image-1", {"output_format": "jpg"}, {"output_format": "jpeg"}, "output_format=jpg->jpeg"),
        ("gpt-image-1", {"output_format": "svg"}, {"output_format": "png"}, "output_format=svg->png"),
        ("dall-e-3", {"output_format": "webp", "user": "u"}, {"user": "u"}, "output_format=webp->dropped"),
        ("gpt-image-1", {"seed": 7, "watermark": True}, {}, "seed=7->dropped; watermark=true->dropped"),
        ("dall-e-3", {"guidance": 3.5}, {"guidance": 3.5}, ""),
        ("gpt-image-2", {"input_fidelity": "high"}, {}, "input_fidelity=high->dropped"),
        (
            "gpt-image-1",
            {"background": "transparent", "output_format": "jpeg"},
            {"output_format": "jpeg"},
            "background=transparent->dropped",
        ),
        ("dall-e-3", {"sandbox": {"status": 500}}, {}, 'sandbox={"status":500}->dropped'),
    ],
)
def test_a_request_is_fitted_and_every_change_is_listed(model, params, given, ledger):
    prompt = {"prompt": "an otter", "model": model}
    assert _fitted(model, prompt | params) == ({**prompt, **given}, ledger)


def test_compression_goes_with_the_format_it_was_for():
    given, ledger = _fitted("gpt-image-1", {"output_format": "webp", "output_compression": 70}, "azure-openai")
    assert given == {"output_format": "png"}
    assert ledger == "output_format=webp->png; output_compression=70->dropped"


def test_the_sandbox_is_told_how_to_misbehave():
    params = {"sandbox": {"status": 500}}
    assert _fitted("sandbox", params, "sandbox") == (params, "")


def test_for_the_model_the_caller_named_only_what_is_seen_to_anyway_is_left_out():
    params = {"prompt": "an otter", "quality": "hd", "size": "1000x1000", "n": 20, "complexity": "high"}
    for seen_to in ({"response_format": "b64_json"}, {"response_format": "url"}):
        assert _fitted("gpt-image-1", params | seen_to, named=True) == (params, "")
    assert _fitted("dall-e-3", params | {"stream": True}, named=True) == (params, "")


def test_what_the_named_model_does_not_have_is_left_out_and_listed():
    params = {"prompt": "an otter", "quality": "hd", "seed": 5, "sandbox": {"status": 500}}
    assert _fitted("gpt-image-1", params, named=True) == (
        {"prompt": "an otter", "quality": "hd"},
        'seed=5->dropped; sandbox={"status":500}->dropped',
    )


def test_values_are_listed_short_and_in_ascii():
    _, ledger = _fitted("dall-e-3", {"negative_prompt": "a; b\r\nset-cookie: é" + "x" * 100})
    assert ledger == "negative_prompt=a  b  set-cookie: ?xxxxxxxxxxxxxxxxxx...->dropped"


@pytest.mark.parametrize(
    ("model", "params", "words"),
    [
        ("dall-e-3", {"prompt": "x" * 4001}, "at most 4000 characters, this one has 4001"),
        ("dall-e-3", {"image": [upload()]}, "cannot work on a given one"),
        ("dall-e-2", {"image": [upload()] * 2}, "cannot work on this picture: it takes 1 at most, these are 2"),
        ("dall-e-2", {"image": [upload("jpeg")]}, "it takes png, this one is jpeg"),
        ("dall-e-2", {"image": [upload(size=(64, 32))]}, "it takes square pictures, this one is 64x32"),
    ],
)
def test_what_no_change_can_express_is_said(model, params, words):
    failure = inexpressible(find("openai", model), ImageRequest(params={"prompt": "an otter", **params}))
    assert words in failure.message
    assert (failure.cause, failure.reached, failure.billable) == (Cause.UNSUPPORTED, False, False)


def _row(**more):
    return row_of("openai", {"id": "a", "sizes": ["64x64"], **more})


@pytest.mark.parametrize(
    ("row", "path", "params", "words", "param"),
    [
        (_row(generate=False, edit=True), "generations", {}, "paints no new ones: send `image`", "image"),
        (_row(), "edits", {"image": [upload()]}, "cannot work on a given one", "image"),
        (_row(edit=True), "edits", {"image": [upload()], "mask": upload()}, "a takes no mask", "mask"),
        (_row(edit=True), "variations", {"image": [upload()]}, "makes no variations", None),
        (_row(), "generations", {"image": [upload()]}, "cannot work on a given one", "image"),
    ],
    ids=["new pictures", "an edit", "a mask", "a variation", "a picture among the words"],
)
def test_what_a_model_cannot_do_at_all_is_said(row, path, params, words, param):
    request = ImageRequest(params={"prompt": "an otter", **params}, path=f"/v1/images/{path}")
    failure = inexpressible(row, request)
    assert words in failure.message
    assert (failure.cause, failure.reached, failure.param) == (Cause.UNSUPPORTED, False, param)


def test_what_a_model_can_do_is_expressible():
    params = {"image": [upload(), upload("jpeg")], "mask": upload()}
    assert inexpressible(_row(edit=True, mask=True), ImageRequest(params=params)) is None
    assert inexpressible(_row(variation=True), ImageRequest(params=params, path="/v1/images/variations")) is not None
    params.pop("mask")
    assert inexpressible(_row(variation=True), ImageRequest(params=params, path="/v1/images/variations")) is None


@pytest.mark.parametrize("params", [{}, {"response_format": "b64_json"}, {"size": "1x1", "n": 5, "seed": 3}])
def test_what_can_be_adapted_is_not_inexpressible(params):
    for row in all_rows():
        if row.generate:
            assert inexpressible(row, ImageRequest(params={"prompt": "an otter", **params})) is None


_WORDS = st.sampled_from(
    [
        "auto",
        "low",
        "medium",
        "high",
        "standard",
        "hd",
        "vivid",
        "png",
        "jpeg",
        "jpg",
        "webp",
        "gif",
        "svg",
        "transparent",
    ]
)
_SIZES = (
    st.builds("{}x{}".format, st.integers(1, 5000), st.integers(1, 5000))
    | st.builds("{}:{}".format, st.integers(1, 30), st.integers(1, 30))
    | st.builds("{}K".format, st.integers(1, 9))
    | _WORDS
)
_PARAMS = st.fixed_dictionaries(
    {"prompt": st.text(min_size=1, max_size=50), "model": st.just("another")},
    optional={
        "n": st.integers(1, 20),
        "size": _SIZES,
        "response_format": st.sampled_from(["url", "b64_json"]),
        "output_compression": st.integers(0, 100),
        "partial_images": st.integers(0, 3),
        "seed": st.integers(),
        "stream": st.booleans(),
        "watermark": st.booleans(),
        "negative_prompt": st.text(),
        "sandbox": st.dictionaries(st.text(), st.integers(), max_size=3),
        "extra": st.text() | st.integers(),
        **dict.fromkeys(
            ("quality", "style", "background", "moderation", "output_format", "input_fidelity", "user"), _WORDS
        ),
    },
)
_SEEN_TO = ("response_format", "stream")
"""What is done for the caller whether or not the model can: any form is delivered, and any answer told as an event."""
_ENTRY = re.compile(r"[\x20-\x3a\x3c-\x7e]*")


@given(row=st.sampled_from(all_rows()), params=_PARAMS)
def test_nothing_vanishes_silently(row, params):
    fitted, changes = fit(row, params, named=False)
    listed = {change.param: change.given for change in changes}
    assert len(listed) == len(changes)
    for name, value in params.items():
        if said_aloud(row, name, value) or (name in _SEEN_TO and name not in row.takes):
            assert name not in fitted
            assert name not in listed
        elif name not in listed:
            assert fitted[name] == value
        elif listed[name] == "dropped":
            assert name not in fitted
        else:
            assert str(fitted[name]) == listed[name]
    assert set(fitted) <= set(params)
    for change in changes:
        assert _ENTRY.fullmatch(str(change))
        assert max(len(change.asked), len(change.given)) <= 40


@given(row=st.sampled_from(all_rows()), params=_PARAMS)
def test_what_was_fitted_is_what_the_model_takes(row, params):
    fitted, _ = fit(row, params, named=False)
    assert refusal(row, ImageRequest(params=fitted), fan_out=True) is None


@given(row=st.sampled_from(all_rows()), params=_PARAMS)
def test_what_the_model_takes_is_not_changed(row, params):
    params.pop("sandbox", None)
    if refusal(row, ImageRequest(params=params)) is None:
        fitted, changes = fit(row, params, named=False)
        assert changes == ()
        assert fitted == fit(row, params, named=True)[0]
