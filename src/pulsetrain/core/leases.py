"""Leases: a run is alive while its supervisor says so. A lapse is an event, and so is its healing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from pulsetrain.model.events import NewEvent
from pulsetrain.ports import Clock, EventLog, Transaction

logger = logging.getLogger(__name__)

Lapsed = Callable[[str], Awaitable[None]]


class Leases:
    """Who was heard of and when. One sweep a second serves all runs.

    `lease_seconds` of silence make a run unresponsive, `lost_after_seconds` lost. Both heal when data returns.
    """

    def __init__(self, log: EventLog, clock: Clock, lease_seconds: float, lost_after_seconds: float) -> None:
        self.seconds = lease_seconds
        self._log = log
        self._clock = clock
        self._lost_after = lost_after_seconds
        self._seen: dict[str, float] = {}
        self._lapsed: set[str] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._healing: set[asyncio.Task[None]] = set()
        self._on_lapse: Lapsed | None = None

    async def start(self, on_lapse: Lapsed) -> None:
        """Grant every live run a fresh lease, since its silence may have been ours, and begin to sweep."""
        self._on_lapse = on_lapse
        for run in await self._log.active_runs():
            if run.state != "queued":
                self._seen[run.id] = self._clock.monotonic()
                if not run.responsive:
                    self._lapsed.add(run.id)
        self._sweeper = asyncio.create_task(self._sweep_forever(), name="leases")

    def seen(self, run: str) -> None:
        """A producer of `run` was heard of just now."""
        self._seen[run] = self._clock.monotonic()
        if run in self._lapsed:
            self._lapsed.discard(run)
            task = asyncio.create_task(self._append(run, held=True))
            self._healing.add(task)
            task.add_done_callback(self._healing.discard)

    def forget(self, run: str) -> None:
        """`run` has ended: its silence means nothing any more."""
        self._seen.pop(run, None)
        self._lapsed.discard(run)

    async def sweep(self) -> None:
        """Say which runs have gone silent since the last sweep."""
        now = self._clock.monotonic()
        for run, seen in list(self._seen.items()):
            silent = now - seen
            if silent > self.seconds and run not in self._lapsed:
                self._lapsed.add(run)
                await self._append(run, held=False, last_seen=self._clock.time() - silent)
                if self._on_lapse is not None:
                    await self._on_lapse(run)
            elif silent > self._lost_after:
                self._seen.pop(run, None)
                await self._lose(run)

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await asyncio.gather(*self._healing, return_exceptions=True)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.seconds / 4))
            try:
                await self.sweep()
            except Exception:
                # A full disk must not end the watch over all runs.
                logger.exception("The leases could not be swept; trying again.")

    async def _append(self, run: str, *, held: bool, last_seen: float | None = None) -> None:
        said = self._clock.time() if last_seen is None else last_seen

        def decide(log: Transaction) -> Sequence[NewEvent]:
            known = log.run(run)
            if known is None or known.responsive == held or (not known.active and known.state != "lost"):
                return []
            return [NewEvent("run.lease", {"held": held, "last_seen": said}, run)]

        await self._log.append(decide)

    async def _lose(self, run: str) -> None:
        def decide(log: Transaction) -> Sequence[NewEvent]:
            known = log.run(run)
            if known is None or not known.active:
                return []
            message = "Nothing was heard of this run for a long time. It comes back when its data does."
            return [NewEvent("run.status", {"state": "lost", "message": message}, run)]

        await self._log.append(decide)
