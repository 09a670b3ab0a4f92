"""One target, played: everything of it is real but the provider, who does as a script says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.catalogue import price, price_range
from gateway.images import ImageReply, ImageRequest, Picture
from gateway.rehearsal.acts import Act
from gateway.target import ImageTarget
from gateway.target.prepare import Prepared
from gateway.wire import Draw, Outcome, Wait
from strategies import Context, Failure, Success

# The smallest PNG there is: one transparent pixel. Nobody looks at it.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636000000000050001a5f645400000"
    "000049454e44ae426082"
)

Script = Callable[["Player", ImageRequest, Context], Act]
"""Says what the provider does with the call that is made now."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Player(ImageTarget):
    """A target whose provider is an actor; the sandbox, which is here anyway, does as its orders say as well."""

    script: Script

    async def __call__(self, request: ImageRequest, context: Context, /) -> Outcome:
        """Make one attempt, as far as it can be made without sending anything."""
        attempt = context.attempt
        if attempt is None:
            raise RuntimeError("a target runs inside an attempt")
        ready = self.ready(request)
        if isinstance(ready, Failure):
            return ready
        prepared, _ = ready
        act = self.script(self, request, context)
        attempt.sent = act.is_sent
        if act.hangs:
            await asyncio.sleep(context.remaining() + 1.0)  # the attempt's own limit, or the deadline, ends it before
        seconds, failure = act.seconds, None
        if not act.paints:
            failure = act.failure(self.spec.provider)
        elif self.adapter.local:
            own, failure = self._by_itself(prepared.request, context)
            seconds += own
        if seconds:
            await asyncio.sleep(seconds)
        return Success(self._reply(prepared)) if failure is None else failure

    def _by_itself(self, request: ImageRequest, context: Context) -> tuple[float, Failure | None]:
        """Return what the sandbox does of its own accord, short of painting: it may be told to wait, or to fail."""
        flow, seconds, given = self.adapter.flow(request, self.wire_for(request)), 0.0, None
        try:
            while True:
                match flow.send(given):
                    case Wait(pause):
                        seconds, given = seconds + pause, None
                    case Draw():
                        given = context.journey.rng.random()
                    case _:
                        return seconds, None
        except StopIteration as done:
            return seconds, done.value if isinstance(done.value, Failure) else None
        finally:
            flow.close()

    def _reply(self, prepared: Prepared) -> ImageReply:
        params = prepared.request.params
        count = params.get("n")
        count = count if type(count) is int and count > 0 else 1
        return ImageReply(
            pictures=(Picture(data=PIXEL),) * count,
            adaptations=prepared.adaptations,
            provider=self.spec.provider,
            model=params.get("model"),
            cost_usd=self._cost(prepared, count),
        )

    def _cost(self, prepared: Prepared, count: int) -> float | None:
        """Return what the pictures cost; where size or quality is left to the model, at most."""
        row, params = prepared.row, prepared.request.params
        if row is None:
            return 0.0 if self.adapter.local else None
        cost = price(row, params, count, None)
        if cost is None:
            prices = price_range(row, params, count)
            cost = None if prices is None else prices[1]
        return cost
