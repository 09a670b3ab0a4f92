"""How nodes may fail, as bits: one for each kind of failure that fallbacks tell apart."""

import functools
from collections.abc import Iterable

from gateway.compile import fallback_rule
from gateway.config.spec import ConditionalSpec, FallbackSpec, LoadBalanceSpec, NodeSpec, TargetSpec
from gateway.explain.failures import ANY_FAILURE
from gateway.lint.ground import Site
from strategies import NO_ROUTE, Cause, Failure, FallbackRule

_BUDGET = Failure(cause=Cause.BUDGET, message="")
_DEADLINE = Failure(cause=Cause.DEADLINE, message="")


def _kinds() -> tuple[Failure, ...]:
    every = (*ANY_FAILURE, NO_ROUTE, _BUDGET, _DEADLINE)
    return tuple({(each.cause, each.seen_status): each for each in every}.values())


_KINDS = _kinds()
_BIT = {(kind.cause, kind.seen_status): 1 << index for index, kind in enumerate(_KINDS)}
_OWN_DEADLINE = _BIT[_DEADLINE.cause, _DEADLINE.seen_status]
_NO_ROUTE = _BIT[NO_ROUTE.cause, NO_ROUTE.seen_status]
_ANY = (1 << len(_KINDS)) - 1 & ~_OWN_DEADLINE
_FREE = _ANY & ~sum(1 << index for index, kind in enumerate(_KINDS) if kind.billable)
"""What may have been billed ends a request whose target says `billing: strict`."""


def failing(site: Site) -> int:
    """Return how a node may fail so that something around it could still go on.

    A target that is passed over is no failure here: after it every fallback goes on.
    """
    own = _OWN_DEADLINE if site.above is not None and site.deadline < site.above.deadline else 0
    return own | _inside(site)


def _inside(site: Site) -> int:
    spec = site.spec
    match spec:
        case TargetSpec():
            return _FREE if spec.billing == "strict" else _ANY
        case FallbackSpec():
            passed, found = passed_by(fallback_rule(spec)), 0
            for child in site.children[:-1]:
                found |= failing(child) & ~passed
            return found | failing(site.children[-1])
        case LoadBalanceSpec():
            return _any_of(child for child, weight in zip(site.children, spec.weights, strict=True) if weight)
        case ConditionalSpec():
            return _any_of(site.children) | (_NO_ROUTE if spec.default is None else 0)
        case _:
            return failing(site.children[0])


def _any_of(sites: Iterable[Site]) -> int:
    return functools.reduce(lambda found, site: found | failing(site), sites, 0)


@functools.lru_cache(maxsize=256)
def passed_by(rule: FallbackRule) -> int:
    """Return the failures after which a fallback moves on."""
    return sum(1 << index for index, kind in enumerate(_KINDS) if rule.falls_through(kind))


def stopping(site: Site) -> int | None:
    """Return the index of the first target of a fallback after whose failures nothing is asked, but for the last."""
    spec: NodeSpec = site.spec
    if not isinstance(spec, FallbackSpec):
        return None
    passed = passed_by(fallback_rule(spec))
    found = (index for index, child in enumerate(site.children[:-1]) if not failing(child) & passed)
    return next(found, None)
