"""`GET /metrics`: what the gateway counted, and how it is, whichever of its workers is asked."""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from gateway.siblings import Siblings
from gateway.telemetry.families import Rows
from gateway.telemetry.gauges import Gauges
from gateway.telemetry.tallies import Tallies
from gateway.telemetry.workers import tell, whole


class Metrics:
    """The endpoint, and what goes on beside it where there are several workers."""

    def __init__(self, tallies: Tallies, gauges: Gauges) -> None:
        """Take what is told."""
        self._tallies = tallies
        self._gauges = gauges
        self._siblings: Siblings | None = None
        self._task: asyncio.Task[None] | None = None
        self._number = 0
        """How often the values were taken together."""
        self._scrapes: dict[bool, asyncio.Task[tuple[bytes, str]]] = {}

    async def __call__(self, request: Request) -> Response:
        """Answer one scrape; who comes while another one is being answered is told the same."""
        accept = request.headers.get("accept", "")
        openmetrics = "openmetrics" in accept
        task = self._scrapes.get(openmetrics)
        if task is None:
            task = self._scrapes[openmetrics] = asyncio.create_task(self._scrape(accept))
            task.add_done_callback(lambda _: self._scrapes.pop(openmetrics))
        content, kind = await asyncio.shield(task)
        return Response(content, headers={"content-type": kind, "cache-control": "no-store"})

    def join(self, siblings: Siblings) -> None:
        """Have the other workers of this run tell of this one too."""
        self._siblings = siblings
        self._task = asyncio.create_task(siblings.tell(lambda: self._look(siblings)))

    async def leave(self) -> None:
        """Tell the others once more, and no longer."""
        siblings = self._siblings
        if siblings is None or self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await siblings.told(self._look(siblings))

    async def _scrape(self, accept: str) -> tuple[bytes, str]:
        rows = self._rows()
        return await asyncio.to_thread(self._written, rows, self._number, accept)

    def _rows(self) -> Rows:
        self._number += 1
        rows = self._tallies.rows()
        self._gauges.read(rows)
        return rows

    def _written(self, rows: Rows, number: int, accept: str) -> tuple[bytes, str]:
        from gateway.telemetry.exposition import exposed  # noqa: PLC0415 - what only a scrape needs delays no start

        _read_process(rows)
        siblings = self._siblings
        if siblings is None:
            return exposed(rows, accept)
        # Whoever is asked next tells no less of this worker than it tells of itself now.
        with contextlib.suppress(OSError):
            tell(siblings, rows, number)
        return exposed(whole(siblings, rows), accept)

    def _look(self, siblings: Siblings) -> Callable[[], None]:
        rows, number = self._rows(), self._number

        def write() -> None:
            _read_process(rows)
            tell(siblings, rows, number)

        return write


def _read_process(rows: Rows) -> None:
    from gateway.telemetry.process import read_process  # noqa: PLC0415 - as above

    read_process(rows)
