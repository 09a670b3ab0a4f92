"""Numbers as results tell them."""

import math
from collections.abc import Sequence

_DIGITS = 6


def rounded(number: float) -> float:
    """Return a number without the noise behind its sixth digit."""
    return round(number, _DIGITS) + 0.0  # never -0.0


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the least value that such a share of them do not exceed, `None` where there are none."""
    return rounded(ordered[max(math.ceil(len(ordered) * share) - 1, 0)]) if ordered else None
