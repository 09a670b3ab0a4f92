"""What lies outside the router's own address, of which cassettes know nothing: the hub, and the partners' own hosts."""

import orjson
import pytest

from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.wire import Received, Target, Wait
from strategies import Cause, Success

HUB = "https://huggingface.co/api/models/black-forest-labs/FLUX.1-dev?expand=inferenceProviderMapping"
MODEL = "black-forest-labs/FLUX.1-dev"


def talk(model, answers):
    """Return what is sent, and the outcome."""
    request = ImageRequest(params={"model": model, "prompt": "an otter"})
    flow = PROVIDERS["huggingface"].flow(request, Target(provider="huggingface"))
    sent, given = [], None
    answers = iter(answers)
    try:
        while True:
            step = flow.send(given)
            given = None
            if not isinstance(step, Wait):
                sent.append(step)
                status, body = next(answers)
                given = Received(status, {}, orjson.dumps(body))
    except StopIteration as end:
        return sent, end.value


def listing(partner, name):
    return 200, {"inferenceProviderMapping": {partner: {"providerId": name, "status": "live", "task": "text-to-image"}}}


@pytest.mark.parametrize(
    ("partner", "name", "path"),
    [
        ("together", "black-forest-labs/FLUX.1-dev", "/together/v1/images/generations"),
        ("nscale", "flux-dev", "/nscale/v1/images/generations"),
    ],
)
def test_a_partner_is_asked_by_the_name_that_the_hub_lists(partner, name, path):
    sent, outcome = talk(f"{MODEL}:{partner}", [listing(partner, name), (200, {"data": [{"b64_json": "AAAA"}]})])

    assert [step.path for step in sent] == [HUB, path]
    assert sent[1].json["model"] == name
    assert isinstance(outcome, Success)


@pytest.mark.parametrize(
    "answer", [listing("nscale", "flux-dev"), listing("together", "../flux"), (401, {"error": "Repository not found"})]
)
def test_a_model_that_the_partner_does_not_run_is_unsupported(answer):
    _, failure = talk(f"{MODEL}:together", [answer])

    assert (failure.cause, failure.billable, failure.param) == (Cause.UNSUPPORTED, False, "model")


@pytest.mark.parametrize("answer", [(500, {}), (200, []), (200, {"inferenceProviderMapping": []})])
def test_a_hub_that_fails_has_cost_nothing(answer):
    _, failure = talk(f"{MODEL}:together", [answer])

    assert failure.cause in (Cause.PROVIDER_ERROR, Cause.INCOMPLETE)
    assert not failure.billable


def test_a_request_that_fal_queued_is_asked_after_through_the_router():
    queued = {"request_id": "req-1", "response_url": "https://queue.fal.run/fal-ai/flux/requests/req-1"}
    finished = {"images": [{"url": "https://v3.fal.media/files/otter.png"}]}

    sent, outcome = talk(
        "fal-ai:fal-ai/flux/dev",
        [(200, queued), (202, {"status": "IN_PROGRESS"}), (200, {"status": "COMPLETED"}), (200, finished)],
    )

    assert [step.path for step in sent] == [
        "/fal-ai/fal-ai/flux/dev?_subdomain=queue",
        "/fal-ai/fal-ai/flux/requests/req-1/status?_subdomain=queue",
        "/fal-ai/fal-ai/flux/requests/req-1/status?_subdomain=queue",
        "/fal-ai/fal-ai/flux/requests/req-1?_subdomain=queue",
    ]
    assert outcome.reply.pictures[0].url == "https://v3.fal.media/files/otter.png"


def test_a_task_of_wavespeed_is_asked_after_through_the_router():
    taken_on = {"data": {"id": "w1", "urls": {"get": "https://api.wavespeed.ai/api/v3/predictions/w1/result"}}}
    finished = {"data": {"status": "completed", "outputs": ["https://cdn.example/otter.png"]}}

    sent, outcome = talk(
        "wavespeed:wavespeed-ai/qwen-image",
        [(200, taken_on), (200, {"data": {"status": "processing"}}), (200, finished)],
    )

    path = "/wavespeed/api/v3/predictions/w1/result"
    assert [step.path for step in sent] == ["/wavespeed/api/v3/wavespeed-ai/qwen-image", path, path]
    assert outcome.reply.pictures[0].url == "https://cdn.example/otter.png"


@pytest.mark.parametrize("address", ["https://queue.fal.run/../elsewhere", "https://[", "", 5])
def test_an_address_that_leads_elsewhere_is_not_followed(address):
    sent, failure = talk("fal-ai:fal-ai/flux/dev", [(200, {"response_url": address})])

    assert len(sent) == 1
    assert failure.cause is Cause.INCOMPLETE
