"""Reka: models that look at pictures and paint none, so that every request ends before anything is sent."""

from gateway.dialect.address import at, key_in
from gateway.dialect.unable import unsupported
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Target


def _flow(_request: ImageRequest, target: Target) -> Flow:
    yield from ()
    return unsupported(
        f"{target.provider} has no image API: its models look at pictures and paint none;"
        " send this to a provider that paints, such as openai, google, stability-ai or black-forest-labs"
    )


ADAPTERS = (
    Adapter(
        name="reka-ai",
        base_url=at("https://api.reka.ai"),
        authorize=key_in("x-api-key", ""),
        flow=_flow,
    ),
)
