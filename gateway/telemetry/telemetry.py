"""All that watches one gateway, put together."""

from gateway.config.snapshot import Snapshot
from gateway.siblings import Siblings
from gateway.target import Pools
from gateway.telemetry.gauges import Gauges, Running
from gateway.telemetry.labels import IsStored, KnownWords
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.tallies import Tallies
from gateway.telemetry.targets import Targets
from gateway.telemetry.traces import Ends
from gateway.telemetry.tracing import traces_for


class Telemetry:
    """What requests are counted and traced by, and what tells of it."""

    def __init__(self, running: Running, pools: Pools, is_stored: IsStored) -> None:
        """Begin with nothing counted; `is_stored` says whether a workspace keeps a config under an id."""
        self._is_stored = is_stored
        self._words = KnownWords(running.live.snapshot, is_stored)
        self.traces = traces_for(running.settings)
        self.tallies = Tallies(lambda: self._words)
        self.targets = Targets(pools, lambda: self._words)
        self.gauges = Gauges(running, self.targets, Ends() if self.traces is None else self.traces.exporter.ends)
        self.metrics = Metrics(self.tallies, self.gauges)

    def learn(self, snapshot: Snapshot) -> None:
        """Know the configs as they are now."""
        self._words = KnownWords(snapshot, self._is_stored, self._words)
        self.tallies.forget_words()

    def join(self, siblings: Siblings) -> None:
        """Tell of the other workers too."""
        self.metrics.join(siblings)

    async def close(self) -> None:
        """Tell what is left to be told."""
        await self.metrics.leave()
        if self.traces is not None:
            await self.traces.exporter.close()
