"""Asking a provider's flow, without a network, what it would make of a parameter."""

from dataclasses import replace

from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.dialect.encode import Bent, Unbending
from gateway.providers import PROVIDERS
from gateway.target import ImageTarget, Outside
from gateway.transport import Transport
from gateway.wire import Draw, Send

VALUES = {
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


def leaf_of(row):
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


def first_sent(leaf, request):
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


def owned_up_to(leaf, prepared):
    """Return the parameters that the adapter itself would list as changed."""
    unbending = replace(prepared.request, params=Unbending(prepared.request.params))
    try:
        first_sent(leaf, unbending)
    except Bent as bent:
        return {change.partition("=")[0] for change in str(bent).split("; ")}
    return set()
