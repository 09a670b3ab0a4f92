"""Why something is not simulated."""

from collections.abc import Sequence

from gateway.errors import Problem


class Unusable(Exception):
    """What was asked for cannot be simulated; says in one sentence why, and what to do instead."""

    def __init__(self, message: str) -> None:
        """Keep the sentence, without what could turn a terminal around: names in it are anybody's."""
        super().__init__("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in message))

    @classmethod
    def by(cls, problems: Sequence[Problem]) -> "Unusable":
        """Return the first of several problems, with its place, and how many more there are."""
        more = len(problems) - 1
        rest = f" ({more} more like this)" if more else ""
        return cls(f"{problems[0]}{rest}")
