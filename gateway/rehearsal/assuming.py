"""A route in which some targets are played and the others are real: how one finds out what happens when one fails."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.compile import Route, compile_config
from gateway.config.spec import TargetSpec
from gateway.images import ImageRequest
from gateway.rehearsal.acts import Act
from gateway.rehearsal.player import Player
from gateway.target import ImageTarget, Pools, Till
from strategies import Context


def assuming(route: Route, acts: Mapping[str, Act], leaf_of: Callable[[TargetSpec, bool], ImageTarget]) -> Route:
    """Return a route whose targets of some names or paths answer as they are said to, without being asked.

    What is played counts nowhere: no breaker hears of it, and no budget.
    """
    pools, till = Pools(), Till()

    def leaf(spec: TargetSpec, checks: bool) -> ImageTarget:  # noqa: FBT001 - called by position
        real = leaf_of(spec, checks)
        act = acts.get(spec.path) or acts.get(spec.name or "")
        if act is None:
            return real
        outside = replace(real.outside, pools=pools, till=till)
        return Player(spec, real.adapter, outside, checks, script=_always(act))

    return compile_config(route.spec, leaf)


def _always(act: Act) -> Callable[[Player, ImageRequest, Context], Act]:
    return lambda _player, _request, _context: act
