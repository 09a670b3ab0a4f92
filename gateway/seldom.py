"""What there is reason to say with every request, while something is down, is said now and then."""

import logging
import time
from collections.abc import Mapping

SELDOM: Mapping[str, bool] = {"seldom": True}
"""To be given as `extra` with words that might otherwise be logged thousands of times a second."""

_SECONDS = 10.0


class Seldom(logging.Filter):
    """Lets the same words pass once in ten seconds, and then says how often they were held back."""

    def __init__(self) -> None:
        """Hold nothing back yet."""
        super().__init__()
        self._said: dict[str, tuple[float, int]] = {}
        """When it was said last, and how often not since, by the words before anything is put into them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide about one record."""
        if not getattr(record, "seldom", False):
            return True
        now, words = time.monotonic(), str(record.msg)
        last, held_back = self._said.get(words, (now - _SECONDS, 0))
        if now - last < _SECONDS:
            self._said[words] = last, held_back + 1
            return False
        self._said[words] = now, 0
        if held_back:
            record.msg = f"{words} (and {held_back} more like this)"
        return True
