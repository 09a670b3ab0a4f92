"""The providers that answer in OpenAI's format: no body breaks them, and no row claims more than is sent."""

import pytest

from gateway.catalogue import BUILT_IN
from gateway.dialect.encode import OMITTED, Adapted, Bent, Unbending
from gateway.dialect.openai_like import aspect, number, spread
from gateway.images import ImageRequest, InMemory, Upload
from gateway.providers import PROVIDERS
from gateway.wire import Received, Target
from strategies import Failure

_MODELS = {
    "together-ai": "black-forest-labs/FLUX.2-pro",
    "recraft-ai": "recraftv3",
    "x-ai": "grok-imagine-image-2.0",
    "deepinfra": "black-forest-labs/FLUX-1-schnell",
    "nebius": "black-forest-labs/flux-schnell",
    "volcengine": "doubao-seedream-4-5-251128",
    "zhipu": "cogview-4-250304",
    "openrouter": "google/gemini-2.5-flash-image",
}
_ODD = (
    *(b"", b"null", b"7", b"[]", b'"text"', b"{}", b"[[]]", b'{"data": 7}', b'{"data": [7]}', b'{"data": [null]}'),
    *(b'{"data": [{}]}', b'{"data": [{"url": 7, "b64_json": []}]}', b'{"data": {"url": "https://a.example"}}'),
    *(b'{"data": [{"error": "text"}]}', b'{"error": []}', b'{"error": [1]}'),
    *(b'{"error": {"metadata": {"reasons": [], "raw": "{"}}}', b'{"error": {"metadata": {"raw": "[1]"}}}'),
    *(b'{"choices": []}', b'{"choices": [null]}', b'{"choices": [{}]}', b'{"choices": [{"message": null}]}'),
    *(b'{"choices": [{"message": {"images": [7, {"image_url": 7}, {"image_url": {"url": 7}}]}}]}',),
    *(b'{"choices": [{"message": {"content": [null, "text"]}, "finish_reason": {}}], "usage": {"cost": "0"}}',),
    *(b'{"image": {}}', b'{"image": {"url": ""}}', b'{"data": [], "content_filter": 7}', b"<html>", b"\xff\xfe"),
    *(b'{"data": [{"respect_moderation": false}, 7, {"respect_moderation": "no"}]}',),
)


def picture(*, width=64, height=64):
    return Upload(content=InMemory(b"picture"), format="png", width=width, height=height)


def answered(slug, received, **params):
    request = ImageRequest(params={"model": _MODELS[slug], "prompt": "a small otter", **params})
    flow = PROVIDERS[slug].flow(request, Target(provider=slug))
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(received)
    return end.value.value


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("body", _ODD)
@pytest.mark.parametrize("slug", _MODELS)
def test_an_odd_body_is_a_failure(slug, body, status):
    assert isinstance(answered(slug, Received(status, {}, body)), Failure)


@pytest.mark.parametrize("body", _ODD)
def test_an_odd_body_of_a_chat_is_a_failure(body):
    assert isinstance(answered("openrouter", Received(200, {}, body), modalities=["image"]), Failure)


@pytest.mark.parametrize(
    ("slug", "body"),
    [
        ("x-ai", b'{"data": [{"url": "https://a.example/1"}], "usage": {"cost_in_usd_ticks": "7"}}'),
        ("x-ai", b'{"data": [{"url": "https://a.example/1"}], "usage": {"cost_in_usd_ticks": -7}}'),
        ("openrouter", b'{"data": [{"b64_json": "AAAA"}], "usage": {"cost": true}}'),
        ("recraft-ai", b'{"data": [{"url": "https://a.example/1"}], "credits": "40"}'),
        ("recraft-ai", b'{"data": [{"url": "https://a.example/1"}]}'),
    ],
)
def test_a_cost_that_is_none_does_not_cost_the_picture(slug, body):
    reply = answered(slug, Received(200, {}, body)).reply
    assert len(reply.pictures) == 1
    assert reply.cost_usd is None


def test_a_usage_in_openais_words_stays():
    body = b'{"data": [{"b64_json": "AAAA"}], "usage": {"input_tokens": 8, "output_tokens": 9, "cost": 0.5}}'
    reply = answered("openrouter", Received(200, {}, body)).reply
    assert reply.about["usage"]["input_tokens"] == 8
    assert reply.cost_usd == 0.5


@pytest.mark.parametrize("slug", _MODELS)
def test_a_model_is_needed(slug):
    flow = PROVIDERS[slug].flow(ImageRequest(params={"prompt": "a small otter"}), Target(provider=slug))
    if slug == "recraft-ai":
        assert next(flow).json == {"prompt": "a small otter"}
        return
    with pytest.raises(StopIteration) as end:
        next(flow)
    assert (end.value.value.cause, end.value.value.param) == ("unsupported", "model")


@pytest.mark.parametrize("slug", _MODELS)
def test_what_a_provider_has_nothing_like_is_never_sent_where_nothing_may_change(slug):
    request = ImageRequest(params=Unbending({"model": _MODELS[slug], "prompt": "a small otter", "style": "vivid"}))
    with pytest.raises(Bent, match="style=vivid->dropped"):
        next(PROVIDERS[slug].flow(request, Target(provider=slug)))


_SAMPLES = {"seed": 7, "negative_prompt": "fog", "user": "user-000001", "watermark": True, "output_compression": 50}
_ROWS = [row for row in BUILT_IN.all_rows() if row.provider in _MODELS]


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: f"{row.provider}/{row.id}")
def test_what_a_row_says_a_model_takes_is_sent_as_it_is(row):
    sizes = (row.default_size, "auto", *getattr(row.sizes, "names", ()), *getattr(row.sizes, "ratios", ()))
    values = {name: [_SAMPLES[name]] for name in row.takes & _SAMPLES.keys()}
    values |= {"size": [size for size in sizes if size and row.sizes and row.sizes.accepts(size)], **row.choices}
    asked = [{name: value} for name in values for value in values[name]]
    pictures = {} if row.generate else {"image": [picture()]}
    mask = {"mask": picture()} if row.mask and not row.generate else {}
    for params in [{}, *asked]:
        given = Unbending({"model": row.id, "prompt": "a small otter", **pictures, **mask, **params})
        if row.promptless:
            del given["prompt"]
        assert next(PROVIDERS[row.provider].flow(ImageRequest(params=given), Target(provider=row.provider)))


_SHAPE = aspect(("1:1", "16:9"), ("1k", "2k"), "resolution")


@pytest.mark.parametrize(
    ("size", "turned"),
    [
        ("1024x1024", {"aspect_ratio": "1:1"}),
        ("1792x1024", {"aspect_ratio": "16:9", "resolution": "2k"}),
        ("4096x4096", {"aspect_ratio": "1:1", "resolution": "2k"}),
        ("16:9", {"aspect_ratio": "16:9"}),
        ("1K", {"resolution": "1k"}),
        ("4K", Adapted({"resolution": "2k"}, "2k")),
        ("1200x1000", Adapted({"aspect_ratio": "1:1"}, "1:1")),
        ("auto", OMITTED),
    ],
)
def test_a_size_becomes_a_shape_and_a_grade(size, turned):
    assert _SHAPE(size) == turned


def test_what_the_caller_names_itself_stays():
    body = {"size": {"aspect_ratio": "1:1", "resolution": "2k"}, "aspect_ratio": "3:2"}
    assert spread(body) == {"aspect_ratio": "3:2", "resolution": "2k"}


def test_a_number_is_no_truth_value_and_not_negative():
    assert [number(value) for value in (1, 0.5, 0, True, -1, "1", None)] == [1, 0.5, 0, None, None, None, None]


def sent_size(model, size):
    request = ImageRequest(params={"model": model, "prompt": "a small otter", "size": size})
    return next(PROVIDERS["volcengine"].flow(request, Target(provider="volcengine"))).json["size"]


@pytest.mark.parametrize("size", ["1024x1024", "1x16", "1792x1024", "333x777", "5000x5000", "8192x8192", "3:2", "21:9"])
@pytest.mark.parametrize(
    ("model", "fewest", "most"),
    [
        ("doubao-seedream-4-5-251128", 3_686_400, 16_777_216),
        ("doubao-seedream-5-0-260128", 3_686_400, 16_777_216),
        ("doubao-seedream-5-0-pro-260628", 921_600, 4_624_220),
        ("doubao-seedream-4-0-250828", 921_600, 16_777_216),
    ],
)
def test_a_size_is_brought_within_what_seedream_paints(model, fewest, most, size):
    width, height = map(int, sent_size(model, size).split("x"))
    assert fewest <= width * height <= most


def test_an_endpoint_of_the_customers_own_name_gets_the_size_as_it_is():
    assert sent_size("ep-20261121", "64x64") == "64x64"
