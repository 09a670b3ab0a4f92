"""How many pictures a call is asked for, of models that the catalogue does not know: the rest is fanned out."""

import pytest

from gateway.catalogue import BUILT_IN
from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.target.prepare import prepare


@pytest.mark.parametrize(
    ("provider", "model", "more", "calls"),
    [
        ("fal", "fal-ai/luma-photon/modify", {}, 3),
        ("fal", "fal-ai/brand-new", {}, 1),
        ("openrouter", "maker/brand-new", {"modalities": ["image"]}, 3),
        ("openrouter", "maker/brand-new", {}, 1),
    ],
)
def test_calls_for_three_pictures(provider, model, more, calls):
    config = {"provider": provider, "api_key": "not-real", "fan_out": True}
    spec = parse(Document(data=config, file="test.yaml"), virtual_keys={}).root
    request = ImageRequest(params={"model": model, "prompt": "an otter", "n": 3, **more})
    prepared = prepare(request, spec, BUILT_IN, n_max=PROVIDERS[provider].n_max, checks=True)
    assert (prepared.asked, prepared.calls) == (3, calls)
