"""`x-gateway-assume`: what a caller takes targets to answer, for one request, without their being asked."""

from collections.abc import Mapping

from gateway.compile import Route
from gateway.errors import GatewayError
from gateway.rehearsal import Act, UnknownAct, assumed

ASSUME = "x-gateway-assume"
_LONGEST = 2000


def acts_in(headers: Mapping[str, str], route: Route, *, only_failures: bool) -> dict[str, Act]:
    """Return what targets are taken to answer; a request that is to be painted can only take them to fail."""
    written = headers.get(ASSUME, "")
    if len(written) > _LONGEST:
        raise GatewayError(f"{ASSUME} may be {_LONGEST} characters long at most.", param=ASSUME)
    known = {name for path, target in route.targets.items() for name in (path, target.name) if name}
    try:
        acts = assumed(written, known)
    except UnknownAct as unknown:
        raise GatewayError(f"{ASSUME}: {unknown}", param=ASSUME) from None
    painting = next((target for target, act in acts.items() if act.paints), None)
    if painting is not None and only_failures:
        message = f"{ASSUME}: {painting} cannot be taken to answer with a picture, as there is none; leave it out."
        raise GatewayError(message, param=ASSUME)
    return acts
