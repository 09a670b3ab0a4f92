"""Where an upload is put while it comes in: memory while it is small, a file without a name when it is not."""

import asyncio
import os
import tempfile
from typing import IO

IN_MEMORY = 1 << 20


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
            await asyncio.to_thread(self._flush)

    async def finish(self) -> None:
        """Say that no more comes."""
        if self._file is not None and self._memory:
            await asyncio.to_thread(self._flush)

    def at(self, offset: int, count: int) -> bytes:
        """Return some of the bytes; several may ask at once."""
        if self._file is None:
            return bytes(self._memory[offset : offset + count])
        return os.pread(self._file.fileno(), count, offset)

    def close(self) -> None:
        """Forget the bytes."""
        self._memory = bytearray()
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the request
        self._file.write(self._memory)
        self._file.flush()
        self._memory = bytearray()
