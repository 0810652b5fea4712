"""The fold: `(state, event) → state`.

`clients/js/src/fold.ts` holds the same rules; `protocol/fixtures/fold.json` checks both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from .events import Event
from .runs import (
    FINAL,
    Alert,
    Artifact,
    Control,
    Metric,
    PendingCommand,
    Progress,
    Resources,
    Results,
    Run,
    Stage,
    TableState,
    may_move,
)

MAX_ALERTS = 20
"""The newest ones are kept in the state; all of them are in the log."""
NON_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})


def fold(run: Run | None, event: Event) -> Run | None:
    """`run` after `event`. Updates `run` in place and returns it, so that the cost does not grow with the state.

    An event of another run, or one that was folded before (seq not above `last_seq`), changes nothing.
    """
    if event.type == "run.created":
        return _created(event) if run is None else run
    if run is None or event.run != run.id or event.seq <= run.last_seq:
        return run
    rule = _RULES.get(event.type)
    if rule is not None:
        rule(run, event)
    run.last_seq = event.seq
    run.updated_at = event.time
    return run


def _created(event: Event) -> Run:
    data = event.data
    assert event.run is not None
    return Run(
        id=event.run,
        name=data["name"],
        created_at=event.time,
        updated_at=event.time,
        first_seq=event.seq,
        last_seq=event.seq,
        project=data.get("project"),
        trainer=data.get("trainer"),
        command=data.get("command"),
        dataset=data.get("dataset"),
        parameters=data.get("parameters") or {},
        tags=data.get("tags") or [],
        by=data.get("by"),
        resume_from=data.get("resume_from"),
        retry_of=data.get("retry_of"),
        cloned_from=data.get("cloned_from"),
        retries=data.get("retries") or 0,
        priority=data.get("priority") or 0,
        resources=msgspec.convert(data["resources"], Resources) if data.get("resources") else None,
        watchdogs=data.get("watchdogs") or [],
        dataset_digest=data.get("dataset_digest"),
        stages=[Stage(name) for name in data.get("stages") or []],
    )


def _status(run: Run, event: Event) -> None:
    data = event.data
    new = data["state"]
    if new != run.state and not may_move(run.state, new):
        return
    if new == "running" and run.started_at is None:
        run.started_at = event.time
    run.state = new
    run.message = data.get("message")
    if new in FINAL or new == "lost":
        run.ended_at = event.time
        run.return_code = data.get("return_code")
        run.signal = data.get("signal")
        run.ended_by = data.get("ended_by")
        run.processes_left = data.get("processes_left")
        if new in FINAL:
            run.responsive = True
            run.commands = []
            _end_stages(run, event.time)
    else:
        run.ended_at = None


def _end_stages(run: Run, time: str) -> None:
    for stage in run.stages:
        if stage.state == "running":
            stage.state = "done" if run.state == "succeeded" else run.state
            stage.ended_at = time


def _lease(run: Run, event: Event) -> None:
    run.responsive = bool(event.data["held"])
    run.last_seen = event.data.get("last_seen")


def _stage(run: Run, event: Event) -> None:
    name, state = event.data["name"], event.data.get("state", "running")
    known = next((stage for stage in run.stages if stage.name == name), None)
    if known is None:
        known = Stage(name)
        run.stages.append(known)
    if state == "running":
        for other in run.stages:
            if other is not known and other.state == "running":
                other.state, other.ended_at = "done", event.time
        known.started_at = known.started_at or event.time
        known.ended_at = None
        run.stage = name
    else:
        known.started_at = known.started_at or event.time
        known.ended_at = event.time
    known.state = state


def _progress(run: Run, event: Event) -> None:
    run.progress = msgspec.convert({**event.data, "time": event.time}, Progress, strict=False)


def _metrics(run: Run, event: Event) -> None:
    steps, times = event.data["step"], event.data["time"]
    for key, column in event.data["values"].items():
        metric = run.metrics.get(key)
        for step, time, value in zip(steps, times, column, strict=True):
            if value is None:
                continue
            if metric is None:
                metric = run.metrics[key] = Metric(value, step, time, None, None, 0)
            metric.last, metric.step, metric.time = value, step, time
            metric.count += 1
            if value not in NON_FINITE:
                metric.min = value if metric.min is None or value < metric.min else metric.min
                metric.max = value if metric.max is None or value > metric.max else metric.max


def _log(run: Run, event: Event) -> None:
    for line in event.data["lines"]:
        run.log_lines += 1
        if line.get("level") == "error":
            run.errors += 1
            run.last_error = line["text"]


def _result(run: Run, event: Event) -> None:
    success = event.data.get("success")
    results: Results = run.results
    if success is True:
        results.passed += 1
    elif success is False:
        results.failed += 1
    else:
        results.unknown += 1


def _artifact(run: Run, event: Event) -> None:
    new = msgspec.convert(event.data, Artifact)
    for index, artifact in enumerate(run.artifacts):
        if artifact.name == new.name:
            run.artifacts[index] = new
            return
    run.artifacts.append(new)


def _system(run: Run, event: Event) -> None:
    run.system = event.data


def _queue(run: Run, event: Event) -> None:
    run.priority = event.data["priority"]
    run.order = event.data.get("order")


def _controls(run: Run, event: Event) -> None:
    run.controls = msgspec.convert(event.data["controls"], list[Control])
    run.actions = msgspec.convert(event.data.get("actions") or [], list[str])


def _table(run: Run, event: Event) -> None:
    run.tables[event.data["name"]] = TableState(event.data["columns"], event.data["rows"], event.time)


def _alert(run: Run, event: Event) -> None:
    run.alerts = [*run.alerts[1 - MAX_ALERTS :], msgspec.convert({**event.data, "time": event.time}, Alert)]


def _requested(run: Run, event: Event) -> None:
    data: dict[str, Any] = event.data
    run.commands.append(
        PendingCommand(data["id"], data["command"], data.get("arguments") or {}, data.get("by"), event.time)
    )


def _answered(run: Run, event: Event) -> None:
    run.commands = [command for command in run.commands if command.id != event.data["id"]]


_RULES: dict[str, Callable[[Run, Event], None]] = {
    "run.status": _status,
    "run.lease": _lease,
    "run.stage": _stage,
    "run.progress": _progress,
    "run.metrics": _metrics,
    "run.log": _log,
    "run.result": _result,
    "run.artifact": _artifact,
    "run.system": _system,
    "run.queue": _queue,
    "run.controls": _controls,
    "run.table": _table,
    "alert": _alert,
    "command.requested": _requested,
    "command.applied": _answered,
    "command.rejected": _answered,
}
