"""The leaf of the tree: one provider target, from the caller's request to pictures in the form that was asked for."""

from gateway.target.cached import REFRESH, Cached
from gateway.target.ceiling import Ceiling, too_dear
from gateway.target.fan_out import AT_ONCE, FanOut
from gateway.target.leaf import ImageTarget, Outside
from gateway.target.paid import Paid
from gateway.target.pools import Pools
from gateway.target.prepare import Prepared
from gateway.target.till import Till
from gateway.target.tokens import Tokens

__all__ = [
    "AT_ONCE",
    "REFRESH",
    "Cached",
    "Ceiling",
    "FanOut",
    "ImageTarget",
    "Outside",
    "Paid",
    "Pools",
    "Prepared",
    "Till",
    "Tokens",
    "too_dear",
]
