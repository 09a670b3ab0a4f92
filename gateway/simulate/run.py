"""One simulation, from its first request to what is told of it."""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

from gateway import virtual_time
from gateway.admission import objection
from gateway.catalogue import Catalogue
from gateway.config.spec import ConfigSpec
from gateway.simulate.faults import Faults
from gateway.simulate.limits import check_limits
from gateway.simulate.stage import Stage, stage_of
from gateway.simulate.tally import Tally
from gateway.simulate.traffic import Arrival, Traffic

Progress = Callable[[float], None]
"""Is told which share of the work is done, now and then."""

_STEPS = 200
_SELDOM = 50_000, 20, 20


def simulated(
    spec: ConfigSpec,
    catalogue: Catalogue,
    traffic: Traffic,
    faults: Faults,
    *,
    requests: int,
    seed: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return what becomes of so many requests; raises `Unusable` where nobody would live to see it."""
    check_limits(spec, traffic, requests)
    with _collecting_seldom():
        return virtual_time.run(_simulated(spec, catalogue, traffic, faults, requests, seed, progress))


async def _simulated(
    spec: ConfigSpec,
    catalogue: Catalogue,
    traffic: Traffic,
    faults: Faults,
    requests: int,
    seed: int,
    progress: Progress | None,
) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    stage = stage_of(spec, catalogue, faults, seed=seed, began=traffic.began)
    tally = Tally(stage)
    door = _Door(stage, catalogue)
    step = max(requests // _STEPS, 1)
    async with asyncio.TaskGroup() as group:
        for number, arrival in enumerate(traffic.arrivals(requests, seed)):
            wait = arrival.at - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            code = door.refuses(arrival)
            if code is not None:
                tally.refuse(arrival.at, code)
            else:
                group.create_task(_one(stage, tally, number, arrival))
            if progress is not None and number % step == 0:
                progress(number / requests)
    if progress is not None:
        progress(1.0)
    return {"requests": requests, "seed": seed, **tally.told(loop.time())}


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Have the collector look less often: requests leave it nothing, and it looks at all that are under way."""
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def _one(stage: Stage, tally: Tally, number: int, arrival: Arrival) -> None:
    tally.add(arrival.at, await stage.play(number, arrival))


class _Door:
    """Refuses what the gateway would refuse before anything of it is sent."""

    def __init__(self, stage: Stage, catalogue: Catalogue) -> None:
        self._route = stage.route
        self._catalogue = catalogue
        self._known: dict[int, str | None] = {}

    def refuses(self, arrival: Arrival) -> str | None:
        """Return the code of the refusal; requests of one kind are all alike to it."""
        kind = arrival.kind
        if kind is not None and kind in self._known:
            return self._known[kind]
        problem = objection(arrival.request, self._route, self._catalogue)
        code = None if problem is None else problem.code
        if kind is not None:
            self._known[kind] = code
        return code
