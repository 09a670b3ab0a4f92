"""Targets that allow no changes: what an adapter would have to change is refused before anything is sent."""

import pytest

from gateway.dialect.encode import Bent, Unbending
from gateway.images import ImageRequest, InMemory, Upload
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.wire import Target


def refused(provider, **params):
    """Return the changes for which a strict target sends nothing."""
    picture = Upload(content=InMemory(b"x" * 500_000), format="png", width=64, height=64)
    request = ImageRequest(params=Unbending({"prompt": "a hat", "image": [picture], **params}))
    target = Target(provider=provider, credentials={"api_key": Secret("not-real")})
    with pytest.raises(Bent) as bent:
        next(PROVIDERS[provider].flow(request, target))
    return str(bent.value)


def test_midjourney_takes_a_picture_as_a_prompt_only_where_that_may_be():
    assert refused("midjourney", model="midjourney") == "image=edit->image prompt"


@pytest.mark.parametrize("model", ["phoenix-1.0", "gemini-2.5-flash-image"])
def test_leonardo_is_handed_no_picture_for_a_request_that_it_cannot_take(model):
    assert refused("leonardo", model=model, style="vivid") == "style=vivid->dropped"


def test_replicate_is_handed_no_picture_for_a_request_that_it_cannot_take():
    assert refused("replicate", model="black-forest-labs/flux-dev", style="vivid") == "style=vivid->dropped"


def test_fal_is_not_asked_for_one_picture_where_several_are_wanted():
    assert refused("fal", model="fal-ai/luma-photon/modify", n=2) == "n=2->dropped"
