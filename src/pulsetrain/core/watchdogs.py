"""The watchdogs of all runs: fed by the commits and by one timer, they write alerts and command the runs."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pulsetrain.model.errors import PulsetrainError
from pulsetrain.model.events import Event, NewEvent, unix_time
from pulsetrain.model.log import Stored
from pulsetrain.model.runs import FINAL, Run
from pulsetrain.model.watchdogs import Alarm, Guard
from pulsetrain.ports import Clock, EventLog, Transaction
from pulsetrain.wire.codec import event_from_json

from .runs import Runs

logger = logging.getLogger(__name__)

BY = "watchdog"
_TYPES = frozenset({"run.status", "run.metrics", "run.progress", "run.stage", "run.result"})
_TICK_SECONDS = 1.0
_DISK_SECONDS = 15.0
_REPLAYED = 2000
"""Events of a run's metrics that a starting server shows its watchdogs again, so that they know what is usual."""


class Watchdogs:
    """Watches the runs that have not ended."""

    def __init__(
        self, log: EventLog, clock: Clock, runs: Runs, folder: Path, free_percent: Callable[[Path], float] | None = None
    ) -> None:
        """`folder` lies on the disk that is watched; `free_percent` measures it."""
        self._log = log
        self._clock = clock
        self._runs = runs
        self._folder = folder
        self._free_percent = free_percent or free_share
        self._guards: dict[str, Guard] = {}
        self._early: list[Stored] | None = []
        self._timer: asyncio.Task[None] | None = None
        self._barking: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Watch what runs now, and what comes."""
        self._log.on_commit(self._committed)
        known = {run.id: run.last_seq for run in await self._log.active_runs() if await self._take_in(run)}
        early, self._early = self._early or [], None
        self._committed([event for event in early if event.seq > known.get(event.run or "", 0)])
        self._timer = asyncio.create_task(self._look_forever(), name="watchdogs")

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)
        await asyncio.gather(*self._barking, return_exceptions=True)

    async def _take_in(self, run: Run) -> bool:
        """Watch a run that the server before this one has watched already: what that one saw is not told again."""
        if not run.watchdogs:
            return False
        now = self._clock.monotonic()
        guard = self._guards[run.id] = Guard(run.watchdogs, now)
        _, events = await self._log.run_events(run.id, ["run.metrics"], limit=_REPLAYED)
        for event in events:
            guard.event(event.type, event.data, now)
        guard.event("run.status", {"state": run.state}, now)
        for alert in run.alerts:
            if alert.watchdog is not None and unix_time(alert.time) >= _last_active(run):
                guard.barked(alert.watchdog)
        return True

    # ---- what they see ----

    def _committed(self, events: Sequence[Stored]) -> None:
        if self._early is not None:
            self._early += events
            return
        for event in events:
            if event.run is not None and (event.type == "run.created" or event.type in _TYPES):
                self._show(event.run, event)

    def _show(self, run: str, stored: Stored) -> None:
        if stored.type == "run.created":
            watchdogs = event_from_json(stored.body).data.get("watchdogs")
            if watchdogs:
                self._guards[run] = Guard(watchdogs, self._clock.monotonic())
            return
        guard = self._guards.get(run)
        if guard is None:
            return
        event: Event = event_from_json(stored.body)
        self._bark(run, guard.event(event.type, event.data, self._clock.monotonic()))
        if guard.state in FINAL:
            del self._guards[run]

    async def _look_forever(self) -> None:
        disk_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = self._clock.monotonic()
            for run, guard in list(self._guards.items()):
                self._bark(run, guard.tick(now))
            if now >= disk_at:
                disk_at = now + _DISK_SECONDS
                await self._look_at_the_disk()

    async def _look_at_the_disk(self) -> None:
        watching = [(run, guard) for run, guard in self._guards.items() if guard.looks_at_the_disk]
        if not watching:
            return
        try:
            free = await asyncio.to_thread(self._free_percent, self._folder)
        except OSError as problem:
            logger.warning("The disk of the data folder cannot be looked at: %s", problem)
            return
        for run, guard in watching:
            if guard.state != "queued":
                self._bark(run, guard.disk(free))

    # ---- what they do ----

    def _bark(self, run: str, alarms: Iterable[Alarm]) -> None:
        for alarm in alarms:
            task = asyncio.create_task(self._act(run, alarm), name=f"{alarm.watchdog} of {run}")
            self._barking.add(task)
            task.add_done_callback(self._barking.discard)

    async def _act(self, run: str, alarm: Alarm) -> None:
        data = {
            "severity": alarm.severity,
            "message": alarm.message,
            "watchdog": alarm.watchdog,
            "action": alarm.action,
            "step": alarm.step,
        }

        def decide(log: Transaction) -> Sequence[NewEvent]:
            known = log.run(run)
            return [NewEvent("alert", data, run)] if known is not None and known.active else []

        try:
            alerted = await self._log.append(decide)
            if alerted.events and alarm.action == "stop":
                await self._runs.stop(run, by=BY)
            elif alerted.events and alarm.action == "pause":
                await self._runs.command(run, "pause", {}, by=BY)
        except PulsetrainError as problem:
            # It may have ended, or been paused by somebody, between the look and the bark.
            logger.warning("The watchdog %s of run %s could not act: %s", alarm.watchdog, run, problem)


def free_share(folder: Path) -> float:
    """How much of the disk that `folder` lies on is free, in percent. Raises OSError."""
    usage = shutil.disk_usage(folder)
    return 100 * usage.free / usage.total if usage.total else 100.0


def _last_active(run: Run) -> float:
    """Unix seconds of the last that was heard of the run's work."""
    times = [metric.time for metric in run.metrics.values()]
    if run.progress is not None and run.progress.time is not None:
        times.append(unix_time(run.progress.time))
    return max(times, default=0.0)
