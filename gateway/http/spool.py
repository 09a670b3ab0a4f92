"""Where an upload is put while it comes in: memory while it is small, a file without a name when it is not."""

import asyncio
import contextlib
import logging
import os
import tempfile
from collections.abc import Callable
from typing import IO

from gateway.errors import Overloaded
from gateway.seldom import SELDOM

_log = logging.getLogger("gateway.http")

IN_MEMORY = 1 << 18

Closing = list[Callable[[], None]]
"""What has to be closed when a request is answered."""


class Spool:
    """Bytes that were written once and may be read by several at a time."""

    def __init__(self) -> None:
        """Begin empty, in memory."""
        self.size = 0
        self._memory = bytearray()
        self._file: IO[bytes] | None = None

    async def write(self, piece: bytes) -> None:
        """Add to the end; what is too much for memory is written to a file, off the event loop."""
        self._memory += piece
        self.size += len(piece)
        if len(self._memory) > IN_MEMORY:
            await self._to_file()

    async def finish(self) -> None:
        """Say that no more comes."""
        if self._file is not None and self._memory:
            await self._to_file()

    def at(self, offset: int, count: int) -> bytes:
        """Return some of the bytes; several may ask at once."""
        if self._file is None:
            return bytes(self._memory[offset : offset + count])
        return os.pread(self._file.fileno(), count, offset)

    def close(self) -> None:
        """Forget the bytes."""
        self._memory = bytearray()
        if self._file is not None:
            with contextlib.suppress(OSError):  # what could not be written has been said already
                self._file.close()

    async def _to_file(self) -> None:
        try:
            await asyncio.to_thread(self._flush)
        except OSError as error:
            _log.error("an upload cannot be put into a file: %s", error.strerror or type(error).__name__, extra=SELDOM)
            raise Overloaded(
                "The gateway has no room for this upload at the moment: send it again later, or a smaller one.",
                headers={"connection": "close", "retry-after": "5"},
            ) from None

    def _flush(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the request
        self._file.write(self._memory)
        self._file.flush()
        self._memory = bytearray()
