"""For every model: whatever is asked for is sent, said in the provider's words, or listed among the changes."""

import itertools
import random
from dataclasses import replace

import pytest

from gateway.catalogue import BUILT_IN
from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.dialect.encode import Bent, Unbending
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.target import ImageTarget, Outside
from gateway.target.prepare import Prepared
from gateway.transport import Transport
from gateway.wire import Draw, Send
from tests.providers.test_cassettes import Drawn, upload

REQUESTS = 500
_ROWS = [row for row in BUILT_IN.all_rows() if row.provider != "sandbox"]

# What is done whatever is sent: by fan-out, by delivery, by an event that is made of the answer.
_SEEN_TO = frozenset({"prompt", "model", "n", "response_format", "stream", "partial_images", "image", "mask"})
# Their pictures go ahead of the request, in one of their own.
_UPLOADS_FIRST = frozenset({"leonardo", "comfyui"})
_LEFT_TO_PROVIDER = "auto"
_VALUES = {
    "size": ["auto", "1024x1024", "1000x1300", "1792x1024", "512x512", "16:9", "2K", "3840x2160", "640x1536"],
    "quality": ["auto", "low", "medium", "high", "standard", "hd", "ultra"],
    "style": ["vivid", "natural", "anime"],
    "background": ["auto", "transparent", "opaque"],
    "moderation": ["auto", "low"],
    "output_format": ["png", "jpeg", "webp", "jpg", "gif"],
    "output_compression": [0, 60, 100],
    "input_fidelity": ["low", "high"],
    "watermark": [True, False],
    "seed": [0, 7, 123_456_789],
    "negative_prompt": ["fog", "fog and rain"],
    "user": ["user-1234"],
    "n": [1, 2, 5],
    "response_format": ["url", "b64_json"],
    "of_its_own": ["something else"],
}
_OPTIONS = {
    "azure-openai": {"azure_resource_name": "pictures", "azure_api_version": "v1", "azure_deployment_id": "image-2"},
    "workers-ai": {"workers_ai_account_id": "account-1"},
    "vertex-ai": {"vertex_project_id": "project-1"},
}
_NEITHER_HOST = {"automatic1111", "comfyui", "midjourney", "openai-compatible"}


def _leaf(row):
    """Return a target for the model that callers do not name, so that all they say has to be fitted to it."""
    options = dict(_OPTIONS.get(row.provider, {}))
    if row.provider == "azure-openai":
        options["azure_model_name"] = row.id
    if row.provider in _NEITHER_HOST:
        options["custom_host"] = "http://127.0.0.1:9"
    key = {"api_key": "test-key-not-real"} if "api_key" in PROVIDERS[row.provider].fields.credentials else {}
    config = {
        "provider": row.provider,
        "override_params": {"model": row.id},
        "fan_out": True,
        **options,
        **key,
    }
    spec = parse(Document(data=config, file="test.yaml"), virtual_keys={}).root
    outside = Outside(transport=Transport(max_response_bytes=0, trust_loopback=True))
    return ImageTarget(spec, PROVIDERS[row.provider], outside, False)


def _requests(row):
    chance = random.Random(f"{row.provider}/{row.id}")
    for _ in range(REQUESTS):
        params = {"prompt": "a small otter", "model": "what the caller had in mind"}
        params |= {name: chance.choice(values) for name, values in _VALUES.items() if chance.random() < 0.35}
        edits = row.edit and row.provider not in _UPLOADS_FIRST and chance.random() < 0.3
        if edits or not row.generate:
            params["image"] = [upload(Drawn(), "image 1")]
            if row.mask and chance.random() < 0.5:
                params["mask"] = upload(Drawn(), "mask")
        yield ImageRequest(params=params)


def _first(leaf, request):
    """Return what is sent first, or the failure in its place."""
    flow = leaf.adapter.flow(request, leaf.wire)
    given = None
    try:
        while True:
            step = flow.send(given)
            if isinstance(step, Send):
                return step
            given = 0.5 if isinstance(step, Draw) else None
    except StopIteration as done:
        return done.value
    finally:
        flow.close()


def _owned_up_to(leaf, prepared):
    """Return the parameters that the adapter itself would list as changed."""
    unbending = replace(prepared.request, params=Unbending(prepared.request.params))
    try:
        _first(leaf, unbending)
    except Bent as bent:
        return {change.partition("=")[0] for change in str(bent).split("; ")}
    return set()


def _vanished(leaf, request):
    """Return the parameters of which nothing is left, and nothing is said."""
    prepared = leaf.prepare(request)
    if not isinstance(prepared, Prepared):
        return set()  # it is told that this cannot be done
    told = {change.param for change in prepared.adaptations}
    params = prepared.request.params
    open_ = [name for name in request.params if name not in _SEEN_TO and name not in told]
    open_ = [name for name in open_ if request.params[name] != _LEFT_TO_PROVIDER]
    gone = {name for name in open_ if name not in params}
    open_ = [name for name in open_ if name in params]
    if not open_:
        return gone
    told = _owned_up_to(leaf, prepared)
    sent = _first(leaf, prepared.request)
    if not isinstance(sent, Send):
        return gone
    for name in open_:
        if name in told:
            continue
        without = {other: value for other, value in params.items() if other != name}
        if _first(leaf, replace(prepared.request, params=without)) == sent and not _matters(leaf, request, name, sent):
            gone.add(name)
    return gone


def _matters(leaf, request, name, sent):
    """Whether another value would make a difference: then this one asks for just what is done without it."""
    for value in _VALUES[name]:
        prepared = leaf.prepare(replace(request, params={**request.params, name: value}))
        if not isinstance(prepared, Prepared) or any(change.param == name for change in prepared.adaptations):
            return True
        if name in _owned_up_to(leaf, prepared) or _first(leaf, prepared.request) != sent:
            return True
    return False


@pytest.mark.parametrize("provider", sorted({row.provider for row in _ROWS}))
def test_nothing_that_is_asked_for_vanishes(provider):
    found = {}
    for row in _ROWS:
        if row.provider == provider:
            leaf = _leaf(row)
            for request in _requests(row):
                for name in _vanished(leaf, request):
                    found.setdefault((row.id, name), request.params)
    assert found == {}, "\n".join(
        f"{model}: {name} in {params}" for (model, name), params in itertools.islice(found.items(), 12)
    )
