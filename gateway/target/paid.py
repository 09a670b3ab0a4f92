"""Around one attempt at a target: nothing is sent that its accounts cannot pay for."""

from dataclasses import dataclass

from gateway.images import ImageReply, ImageRequest
from gateway.ledger import Account, End
from gateway.target.leaf import ImageTarget
from gateway.target.till import Reservation
from gateway.wire import Outcome
from strategies import Context, Failure, Node, Success


@dataclass(frozen=True, slots=True, eq=False)
class Paid:
    """Reserves what an attempt may cost at most, and settles what it did cost."""

    inner: Node[ImageRequest, ImageReply]
    target: ImageTarget

    async def __call__(self, request: ImageRequest, context: Context, /) -> Outcome:
        """Make the attempt, where it can be paid for."""
        own, till = self._own(), self.target.outside.till
        if not own and not request.payers:
            return await self.inner(request, context)
        prepared = self.target.prepare(request)
        if isinstance(prepared, Failure):
            return await self.inner(request, context)  # it fails before anything is sent
        usd, images = self.target.estimate(prepared), prepared.asked
        request = request.with_params(request.params, prepared)
        for account in own:
            refused = account.rates and await till.admit(account, images)
            if refused:
                return refused
        payers = (*request.payers, *(account for account in own if account.limit is not None))
        if not payers:
            return await self.inner(request, context)
        reservation = await till.reserve(payers, usd, images, max(context.remaining(), 0.0))
        if isinstance(reservation, Failure):
            return reservation
        return await self._attempted(request, context, reservation)

    async def _attempted(self, request: ImageRequest, context: Context, reservation: Reservation) -> Outcome:
        till, path, begun = self.target.outside.till, self.target.spec.path, len(context.journey.attempts)
        outcome: Outcome | None = None
        try:
            outcome = await self.inner(request, context)
        finally:
            if isinstance(outcome, Success):
                reply = outcome.reply
                count = len(reply.pictures) if reply.events is None else None
                await till.end(reservation, "settled", reply.cost_usd, count)
            else:
                own = [each for each in context.journey.attempts[begun:] if each.target == path]
                sent = any(each.sent for each in own)
                spent = sent if outcome is None else outcome.billable
                end: End = "maybe_billed" if spent else "released"
                await till.end(reservation, end)
        return outcome

    def _own(self) -> tuple[Account, ...]:
        """Return whose limits this target has a part in, whoever asks: its virtual key's, its provider's."""
        spec, budgets = self.target.spec, self.target.outside.till.budgets
        if spec.account is None and not budgets:
            return ()
        found = [] if spec.account is None else [spec.account]
        for budget in budgets:
            if budget.per == "provider":
                account = budget.account_of(spec.provider)
            else:
                account = budget.account_of(spec.virtual_key, spec.counted_as)
            if account is not None:
                found.append(account)
        return tuple(found)
