"""What is asked for under a key, and its answer, wherever that is noted."""

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

KEEP_SECONDS = 86_400.0

Headers = list[tuple[bytes, bytes]]

Verdict = Literal["running", "reused", "unknown", "lost"]
"""Somebody is at it; for something else; nobody knows what became of it; it was answered, and that is not kept."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was given before."""

    status: int
    headers: Headers
    size: int
    pieces: Callable[[], AsyncGenerator[bytes, None]]
    """Yields the body; raises `OSError` where it has been removed meanwhile."""


class Claim(Protocol):
    """The right to make one request: nobody else has it until this one is given back, or its process ends."""

    async def keep(self, status: int, headers: Headers, pieces: Iterable[bytes]) -> None:
        """Keep the answer and give the right back; raises `OSError` where the answer cannot be kept."""
        ...

    async def forget(self) -> None:
        """Give the right back as if nothing had been asked."""
        ...

    async def abandon(self) -> None:
        """Give the right back without a word about what became of the request."""
        ...


class Claims(Protocol):
    """Where intents and answers are noted."""

    async def claim(self, name: str, fingerprint: str) -> Claim | Answered | Verdict:
        """Return the right to make a request, noted for good, or why it must not be made.

        Raises `OSError` where the intent cannot be noted.
        """
        ...

    async def sweep(self) -> None:
        """Remove what is older than a day, and what there is too much of."""
        ...
