"""The store of one process: bounded in bytes, and what was not asked for the longest goes first."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

_ENTRY_BYTES = 300
"""What an entry takes beside its key and its value."""


class Memory:
    """Live state that ends with its process."""

    def __init__(self, bytes_max: int) -> None:
        """Begin empty; with no room for anything, nothing is kept."""
        self.used = 0
        self._bytes_max = bytes_max
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    async def get(self, key: bytes) -> bytes | None:
        """Return what is kept, if it is."""
        entry = self._found(key)
        return None if entry is None else entry.value

    async def put(self, key: bytes, value: bytes, seconds: float) -> None:
        """Keep something for so many seconds, in the place of what was there."""
        self._keep(key, value, asyncio.get_running_loop().time() + seconds)

    async def add(self, key: bytes, value: bytes, seconds: float) -> bool:
        """Keep something unless there is something already; return whether it is kept now."""
        if self._found(key) is not None:
            return False
        return self._keep(key, value, asyncio.get_running_loop().time() + seconds)

    async def drop(self, key: bytes) -> None:
        """Forget what is kept."""
        self._forget(key)

    async def count(self, key: bytes, seconds: float) -> int:
        """Add one to a number and return it; so many seconds after its first one it begins anew."""
        entry = self._found(key)
        number = 1 if entry is None else int(entry.value) + 1
        ends = asyncio.get_running_loop().time() + seconds if entry is None else entry.ends
        self._keep(key, b"%d" % number, ends)
        return number

    def _found(self, key: bytes) -> "_Entry | None":
        entry = self._entries.get(key)
        if entry is None:
            return None
        # What is over and nobody asks for is the longest unasked before long: it needs no search of its own.
        if entry.ends <= asyncio.get_running_loop().time():
            self._forget(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def _keep(self, key: bytes, value: bytes, ends: float) -> bool:
        self._forget(key)
        entry = _Entry(value, ends, len(key) + len(value) + _ENTRY_BYTES)
        if entry.size > self._bytes_max:
            return False
        while self.used + entry.size > self._bytes_max:
            self._forget(next(iter(self._entries)))
        self._entries[key] = entry
        self.used += entry.size
        return True

    def _forget(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used -= entry.size


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    ends: float
    """On the loop's clock."""
    size: int
