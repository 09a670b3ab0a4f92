"""What a provider has no way to do: failures that are found before anything is sent."""

from gateway.images import ImageRequest
from gateway.wire import Target
from strategies import Cause, Failure

_SPOKEN = {"generate": "paint new pictures", "edit": "change given pictures", "vary": "make variations of a picture"}


def unsupported(message: str, param: str | None = None) -> Failure:
    """Return the failure of a request that the target cannot express."""
    return Failure(cause=Cause.UNSUPPORTED, message=message, reached=False, param=param)


def cannot(request: ImageRequest, target: Target) -> Failure:
    """Return the failure of an operation that the provider, or this model of it, does not have."""
    what = f"{request.model} of {target.provider}" if request.model else target.provider
    return unsupported(f"{what} cannot {_SPOKEN[request.operation]}", None if request.operation == "vary" else "image")


def no_mask(request: ImageRequest, target: Target) -> Failure | None:
    """Return the failure of a mask that the provider has no use for: it would change the whole picture."""
    if request.mask is None:
        return None
    what = f"{request.model} of {target.provider}" if request.model else target.provider
    return unsupported(f"{what} takes no mask, and would change the whole picture", "mask")
