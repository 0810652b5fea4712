"""What earlier runs took: the newest successful ones of each trainer, by data set, kept from the commits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from pulsetrain.model.eta import KEPT, Past, expected_seconds, past_of
from pulsetrain.model.events import Event, unix_time
from pulsetrain.model.log import Stored
from pulsetrain.model.runs import Run
from pulsetrain.ports import EventLog

_LOOK_BACK = 1000
"""Runs that a starting server looks through."""

_Key = tuple[str, str | None]


class Pasts:
    """Answers from memory."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._on_data: dict[_Key, deque[Past]] = {}
        self._of_trainer: dict[str, deque[Past]] = {}
        self._at_work: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take what the log holds; from then on the commits tell."""
        self._log.on_commit(self._committed)
        _, runs, _ = await self._log.runs(_LOOK_BACK)
        for run in reversed(_newest(runs)):
            await self._take_in(run)

    async def close(self) -> None:
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def of(self, trainer: str | None, dataset: str | None) -> list[Past]:
        """What runs of `trainer` took, newest first: on this data set, else on any; none for other runs."""
        if trainer is None:
            return []
        return list(self._on_data.get((trainer, dataset)) or self._of_trainer.get(trainer) or ())

    def like(self, run: Run) -> list[Past]:
        """What runs like `run` took, newest first."""
        return self.of(run.trainer, run.dataset)

    def expected(self, trainer: str | None, dataset: str | None, parameters: dict[str, Any]) -> float | None:
        """Seconds that such a run will take; None where nothing tells."""
        epochs = parameters.get("epochs")
        return expected_seconds(self.of(trainer, dataset), epochs if isinstance(epochs, int) and epochs > 0 else None)

    def _committed(self, events: Sequence[Stored]) -> None:
        for event in events:
            if event.type == "run.status" and event.run is not None and b'"succeeded"' in event.body:
                task = asyncio.create_task(self._learn(event.run), name=f"past of {event.run}")
                self._at_work.add(task)
                task.add_done_callback(self._at_work.discard)

    async def _learn(self, run: str) -> None:
        _, known = await self._log.run(run)
        if known is not None:
            await self._take_in(known)

    async def _take_in(self, run: Run) -> None:
        if run.trainer is None or run.state != "succeeded":
            return
        _, moves = await self._log.run_events(run.id, ["run.status"])
        past = past_of(run, pauses(moves))
        if past is not None:
            self._on_data.setdefault((run.trainer, run.dataset), deque(maxlen=KEPT)).appendleft(past)
            self._of_trainer.setdefault(run.trainer, deque(maxlen=KEPT)).appendleft(past)


def pauses(moves: Iterable[Event]) -> list[tuple[float, float]]:
    """From when to when a run was paused, by its `run.status` events."""
    found: list[tuple[float, float]] = []
    since: float | None = None
    for event in moves:
        if event.data.get("state") == "paused":
            since = unix_time(event.time) if since is None else since
        elif since is not None:
            found.append((since, unix_time(event.time)))
            since = None
    return found


def _newest(runs: Sequence[Run]) -> list[Run]:
    """Of `runs`, newest first, those that are needed: a few of each trainer and data set."""
    count: dict[_Key, int] = {}
    needed: list[Run] = []
    for run in runs:
        if run.trainer is None or run.state != "succeeded":
            continue
        key = (run.trainer, run.dataset)
        count[key] = count.get(key, 0) + 1
        if count[key] <= KEPT:
            needed.append(run)
    return needed
