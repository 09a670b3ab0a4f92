"""How long the search for faults is: short and the same in every run, long and new each time with `FUZZ=long`."""

import os

from hypothesis import HealthCheck, Phase, settings

LONG = os.environ.get("FUZZ") == "long"


def tries(short, long):
    """Return how many cases hypothesis makes, by the length of the run."""
    phases = (Phase.explicit, Phase.generate, Phase.shrink) if LONG else (Phase.explicit, Phase.generate)
    return settings(
        max_examples=long if LONG else short,
        derandomize=not LONG,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
