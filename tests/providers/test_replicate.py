"""What cassettes cannot show, as their pictures are small: large ones are handed in before they are worked on."""

import orjson
import pytest

from gateway.images import ImageRequest, InMemory, Upload
from gateway.providers import PROVIDERS
from gateway.wire import Received, Target
from strategies import Cause, Success

FILE = "https://api.replicate.com/v1/files/file-1"


def upload(size):
    return Upload(content=InMemory(b"x" * size), format="png", width=64, height=64)


def talk(params, answers):
    """Return what is sent, and the outcome."""
    flow = PROVIDERS["replicate"].flow(ImageRequest(params=params), Target(provider="replicate"))
    sent, given = [], None
    answers = iter(answers)
    try:
        while True:
            sent.append(flow.send(given))
            status, body = next(answers)
            given = Received(status, {}, orjson.dumps(body))
    except StopIteration as end:
        return sent, end.value


def test_large_pictures_and_masks_are_handed_in_and_small_ones_go_along():
    small, large = upload(100), upload(500_000)
    params = {"model": "black-forest-labs/flux-fill-pro", "prompt": "a hat", "image": [small], "mask": large}

    sent, outcome = talk(
        params,
        [
            (201, {"id": "file-1", "urls": {"get": FILE}}),
            (201, {"status": "succeeded", "output": "https://a.example/1"}),
        ],
    )

    assert isinstance(outcome, Success)
    assert [step.path for step in sent] == ["/files", "/models/black-forest-labs/flux-fill-pro/predictions"]
    (content,) = sent[0].form
    assert (content.name, content.value.form, content.value.mask) == ("content", "bytes", "white")
    given = sent[1].json["input"]
    assert given["mask"] == FILE
    assert given["image"].upload is small


def test_each_of_several_large_pictures_is_handed_in():
    params = {"model": "black-forest-labs/flux-2-pro", "prompt": "a hat", "image": [upload(500_000), upload(500_001)]}
    place = {"urls": {"get": FILE}}

    sent, _ = talk(params, [(201, place), (201, place), (201, {"status": "failed"})])

    assert sent[2].json["input"]["input_images"] == [FILE, FILE]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [((401, {}), Cause.AUTH), ((200, {"urls": 3}), Cause.INCOMPLETE), ((200, None), Cause.INCOMPLETE)],
)
def test_a_picture_that_cannot_be_handed_in_costs_nothing(answer, cause):
    params = {"model": "black-forest-labs/flux-dev", "prompt": "a hat", "image": [upload(500_000)]}

    _, failure = talk(params, [answer])

    assert (failure.cause, failure.billable) == (cause, False)
