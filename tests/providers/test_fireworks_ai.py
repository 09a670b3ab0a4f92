"""What a cassette of Fireworks AI cannot show: which of its requests cost nothing."""

from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.wire import Received, Send, Target, Wait


def test_asking_after_a_job_is_free_though_it_is_a_post():
    request = ImageRequest(params={"model": "flux-kontext-pro", "prompt": "a small otter"})
    flow = PROVIDERS["fireworks-ai"].flow(request, Target(provider="fireworks-ai"))

    ordered = next(flow)
    assert isinstance(flow.send(Received(200, {}, b'{"request_id": "job-1"}')), Wait)
    asked = flow.send(None)

    assert isinstance(asked, Send)
    assert (ordered.free, asked.method, asked.free) == (False, "POST", True)
