"""What runs have left behind: series, log lines, models. Read from the log, never held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import RunNotFound
from pulsetrain.model.events import Event
from pulsetrain.model.runs import Run
from pulsetrain.ports import EventLog

_PAGE_EVENTS = 256
TIMELINE = (
    "run.status",
    "run.stage",
    "run.artifact",
    "alert",
    "command.requested",
    "command.applied",
    "command.rejected",
)
"""Types of the events that are marked on a run's charts (PROTOCOL §4)."""


class Points(msgspec.Struct):
    """One series in the order in which it was logged; `value` may hold the names of non-finite numbers."""

    step: list[int | None] = []
    time: list[float] = []
    value: list[float | str] = []


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True):
    seq: int
    stream: str
    text: str
    time: float
    level: str | None
    rank: int | None = None


class LogPage(msgspec.Struct, frozen=True):
    """`lines` oldest first; `before` is where the page of older lines begins, None where there is none."""

    cursor: Cursor
    lines: list[LogLine]
    before: int | None


class History:
    """Answers from the events of a run."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def series(self, run: str, keys: Sequence[str] = ()) -> tuple[Cursor, dict[str, Points]]:
        """All points of a run's series (of `keys`, if any are named). Raises RunNotFound."""
        await self._known(run)
        cursor, events = await self._log.run_events(run, ["run.metrics"])
        return cursor, fold_points(events, frozenset(keys))

    async def lines(self, run: str, *, before: int | None, limit: int) -> LogPage:
        """The newest `limit` lines (about: an event's lines stay together) before seq `before`. Raises RunNotFound."""
        await self._known(run)
        newest_first: list[LogLine] = []
        cursor: Cursor | None = None
        while len(newest_first) < limit:
            at, events = await self._log.run_events(run, ["run.log"], before=before, limit=_PAGE_EVENTS)
            # The first page is the newest: from its cursor no line is missed.
            cursor = cursor or at
            if not events:
                before = None
                break
            for event in reversed(events):
                newest_first += reversed(_lines(event))
                before = event.seq
                if len(newest_first) >= limit:
                    break
        assert cursor is not None
        return LogPage(cursor, newest_first[::-1], before)

    async def timeline(self, run: str) -> tuple[Cursor, list[Event]]:
        """What happened to a run, in order: states, stages, commands, alerts and files. Raises RunNotFound."""
        await self._known(run)
        return await self._log.run_events(run, TIMELINE)

    async def models(self) -> list[dict[str, Any]]:
        """The trained models with their real figures, newest first."""
        _, runs, _ = await self._log.runs(10_000)
        return [_model(run, made.name, made.size) for run in runs for made in run.artifacts if made.kind == "model"]

    async def _known(self, run: str) -> None:
        _, known = await self._log.run(run)
        if known is None:
            raise RunNotFound(f"There is no run {run!r}.")


def fold_points(events: Sequence[Event], keys: frozenset[str]) -> dict[str, Points]:
    """The columns of each series in `events`; rows without a value of a series leave no point in it."""
    series: dict[str, Points] = {}
    for event in events:
        steps, times = event.data["step"], event.data["time"]
        for key, column in event.data["values"].items():
            if keys and key not in keys:
                continue
            points = series.get(key)
            if points is None:
                points = series[key] = Points([], [], [])
            for step, time, value in zip(steps, times, column, strict=True):
                if value is not None:
                    points.step.append(step)
                    points.time.append(time)
                    points.value.append(value)
    return series


def _lines(event: Event) -> list[LogLine]:
    return [
        LogLine(
            event.seq,
            line.get("stream", "stdout"),
            line["text"],
            line.get("time", 0.0),
            line.get("level"),
            line.get("rank"),
        )
        for line in event.data["lines"]
    ]


def _model(run: Run, artifact: str, size: int) -> dict[str, Any]:
    loss = run.metrics.get("generator_loss") or run.metrics.get("loss")
    return {
        "name": run.name,
        "epoch": run.progress.epoch if run.progress else None,
        "loss": loss.last if loss else None,
        "date": run.ended_at or run.updated_at,
        "run": run.id,
        "artifact": artifact,
        "size": size,
        "trainer": run.trainer,
        "dataset": run.dataset,
    }
