"""What a provider is taken to do with one call: how long it takes, and what comes of it."""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.config.answers import ANSWERS, answer_of
from gateway.config.answers import UnknownAnswer as UnknownAct
from gateway.config.suggest import did_you_mean, listed, printable
from gateway.wire import Received, failure_of
from strategies import Cause, Failure

__all__ = ["ANSWERS", "Act", "UnknownAct", "act_of", "assumed"]

_SHOWN = 60

_SUCCESS = range(200, 300)
_STATUS_OF = {Cause.RATE_LIMITED: 429, Cause.PROVIDER_ERROR: 500, Cause.INVALID: 400, Cause.AUTH: 401}
_UNSENT = frozenset({Cause.UNREACHABLE, Cause.UNSUPPORTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call, as it is going to be played."""

    answer: int | Cause = 200
    seconds: float = 0.0
    """Until it answers; `timeout` never does."""
    retry_after: float | None = None
    """Seconds it asks to be left alone."""

    @property
    def paints(self) -> bool:
        """Whether a picture comes of it."""
        return isinstance(self.answer, int) and self.answer in _SUCCESS

    @property
    def hangs(self) -> bool:
        """Whether it never answers."""
        return self.answer is Cause.TIMEOUT

    @property
    def is_sent(self) -> bool:
        """Whether anything of the request leaves the gateway."""
        return self.answer not in _UNSENT

    def failure(self, provider: str) -> Failure:
        """Return what an answer without a picture means."""
        answer = _STATUS_OF.get(self.answer, self.answer) if isinstance(self.answer, Cause) else self.answer
        message = f"{provider} is taken to answer {self}"
        if isinstance(answer, int):
            headers = {} if self.retry_after is None else {"retry-after": f"{self.retry_after:g}"}
            return failure_of(Received(answer, headers, b""), message)
        status = 400 if answer is Cause.POLICY else None
        return Failure(cause=answer, message=message, status=status, reached=answer not in _UNSENT)

    def __str__(self) -> str:
        """Return it as it is written."""
        return str(self.answer)


def act_of(written: object, *, seconds: float = 0.0, retry_after: float | None = None) -> Act:
    """Return what a status, or the word of a cause, stands for; raises `UnknownAct`."""
    return Act(answer=answer_of(written), seconds=seconds, retry_after=retry_after)


def assumed(written: str, names: Collection[str]) -> dict[str, Act]:
    """Return what targets are taken to answer, from `primary=429,backup=timeout`; raises `UnknownAct`."""
    acts = {}
    for pair in filter(None, (part.strip() for part in written.split(","))):
        target, equals, answer = pair.rpartition("=")
        said = printable(pair[:_SHOWN])
        if not equals or not target.strip():
            raise UnknownAct(f"`{said}` is no TARGET=ANSWER, such as primary=429 or primary=timeout.")
        target = target.strip()
        if target not in names:
            guess = did_you_mean(target, names)
            known = f" Its targets are called {listed(sorted(names), 'and')}." if guess == "." and names else ""
            raise UnknownAct(f"`{said}`: no target of this config is called that{guess}{known}")
        acts[target] = act_of(answer.strip())
    return acts
