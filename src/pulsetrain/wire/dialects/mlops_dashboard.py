"""The dialect of the MLOps dashboard (CONTRACTS B): events and the folded run in, its messages out. Pure."""

from __future__ import annotations

from typing import Any

from pulsetrain.model.events import Event, iso_time, unix_time
from pulsetrain.model.runs import Run

Message = dict[str, Any]

TYPES = frozenset(
    {
        "run.created",
        "run.status",
        "run.stage",
        "run.progress",
        "run.metrics",
        "run.artifact",
        "model.created",
        "deployment.changed",
        "dataset.created",
        "dataset.deleted",
    }
)
"""What a client of this dialect hears of, and what the folded runs need for it."""

ACTIVITY_TYPES = frozenset({"run.created", "run.status", "model.created", "deployment.changed", "dataset.created"})

ACCURACY, FINAL_ACCURACY = "live_accuracy", "accuracy"
PREDICTIONS = "predictions_processed"
_TOLD = frozenset({ACCURACY, FINAL_ACCURACY, PREDICTIONS})
STATUS = {
    "queued": "starting",
    "starting": "starting",
    "running": "training",
    "paused": "training",
    "succeeded": "completed",
    "failed": "failed",
    "stopped": "stopped",
    "lost": "failed",
}


def messages(event: Event, run: Run | None) -> list[Message]:
    """What `event` says in this dialect; `run` is the run that it concerns, with the event folded in."""
    made = _training(event, run) if run is not None else []
    if event.type == "deployment.changed" and event.data["state"] == "serving":
        made.append(_deployed(event))
    found = activity(event, run)
    if found is not None:
        made.append({"type": "activity_update", "activity": found})
    return [{**message, "timestamp": event.time, "seq": event.seq} for message in made]


def _training(event: Event, run: Run) -> list[Message]:
    if event.type == "run.status" and not run.active:
        return [_ended(event, run)] if run.state != "succeeded" or not _has_model(run) else []
    if event.type == "model.created":
        # The run has said that it ended; this is the moment from which its model can be named.
        return [_ended(event, run, event.data["id"])]
    told = event.data["values"].keys() if event.type == "run.metrics" else ()
    telling = event.type in ("run.progress", "run.stage") or not _TOLD.isdisjoint(told)
    return [_progress(event, run)] if telling and run.active and run.state != "queued" else []


def _progress(event: Event, run: Run) -> Message:
    names = [stage.name for stage in run.stages]
    progress = run.progress
    return {
        "type": "training_progress",
        "job_id": run.id,
        "status": "training",
        "progress": progress.percent if progress else None,
        "current_stage": run.stage,
        "message": run.message or (f"{run.stage}..." if run.stage else "Training..."),
        "elapsed_time": spoken(elapsed_seconds(run, unix_time(event.time))),
        "estimated_remaining": spoken(progress.eta_seconds if progress else None),
        "live_accuracy": accuracy(run),
        "predictions_processed": predictions(run),
        "stage_index": names.index(run.stage) + 1 if run.stage in names else None,
        "total_stages": len(names) or None,
    }


def _ended(event: Event, run: Run, model: str | None = None) -> Message:
    took = spoken(elapsed_seconds(run, unix_time(event.time)))
    if run.state == "succeeded":
        return {
            "type": "training_completed",
            "job_id": run.id,
            "status": "completed",
            "progress": 100,
            "current_stage": "Training Complete",
            "message": run.message or "Training completed successfully",
            "final_accuracy": accuracy(run, FINAL_ACCURACY, ACCURACY),
            "model_id": model,
            "total_time": took,
            "predictions_processed": predictions(run),
        }
    stopped = run.state == "stopped"
    return {
        "type": "training_failed",
        "job_id": run.id,
        "status": STATUS[run.state],
        "current_stage": "Stopped" if stopped else "Error",
        "message": run.message or ("Training was stopped" if stopped else "Training failed"),
        "error": None if stopped else run.last_error or run.message,
        "elapsed_time": took,
    }


def _deployed(event: Event) -> Message:
    data = event.data
    return {
        "type": "model_deployed",
        "event": "deployment",
        "model_id": data["model"],
        "model_name": data["name"],
        # The log's word on a deployment holds no accuracy; GET /api/models/{id} does.
        "model_accuracy": None,
        "message": f"{data['name']} version {data['version']} is deployed",
        "priority": "high",
    }


def activity(event: Event, run: Run | None) -> dict[str, Any] | None:
    """One line for the list of what happened lately; None for what does not belong there. Its id is the event's."""
    found = _activity(event, run)
    if found is None:
        return None
    title, description, status = found
    told = {"id": f"e{event.seq}", "title": title, "description": description}
    return {**told, "status": status, "timestamp": event.time}


def _activity(event: Event, run: Run | None) -> tuple[str, str, str] | None:
    data = event.data
    if event.type == "run.status" and run is not None:
        return {
            "running": ("Training started", run.name, "info"),
            "succeeded": ("Training completed", run.name, "success"),
            "failed": ("Training failed", f"{run.name}: {run.message or 'no reason was given'}", "error"),
            "stopped": ("Training stopped", run.name, "warning"),
            "lost": ("Training is silent", run.name, "error"),
        }.get(data["state"])
    if event.type == "model.created":
        return "Model registered", f"{data['name']} version {data['version']}", "success"
    if event.type == "deployment.changed":
        name = data["name"]
        return {
            "serving": ("Model deployed", f"{name} version {data['version']}", "success"),
            "failed": ("Deployment failed", f"{name}: {data.get('message')}", "error"),
            "removed": ("Deployment removed", name, "info"),
        }.get(data["state"])
    if event.type == "dataset.created":
        return "Data set added", data["name"], "info"
    return None


def training_state(run: Run, model: str | None, now: float) -> dict[str, Any]:
    """The polling fallback: the whole of a training at the Unix time `now`."""
    progress = run.progress
    ended = unix_time(run.ended_at) if run.ended_at else None
    state = {
        "job_id": run.id,
        "status": STATUS[run.state],
        "progress": 100 if run.state == "succeeded" else progress.percent if progress else None,
        "message": run.message or (f"{run.stage}..." if run.stage else None),
        "accuracy": accuracy(run, FINAL_ACCURACY, ACCURACY),
        "model_id": model,
        "current_stage": run.stage,
        "stages_completed": [stage.name for stage in run.stages if stage.state == "done"],
        "start_time": run.started_at,
        "elapsed_time": elapsed_seconds(run, ended or now),
        "estimated_remaining": progress.eta_seconds if progress and run.active else None,
        "live_accuracy": accuracy(run),
        "predictions_processed": predictions(run),
    }
    if run.ended_at is not None:
        state["completed_at"] = run.ended_at
    if run.state in ("failed", "lost"):
        state["error"] = run.last_error or run.message
    return state


def accuracy(run: Run, *names: str) -> float | None:
    """The newest accuracy that the run measured; of several `names` the first that it has."""
    for name in names or (ACCURACY, FINAL_ACCURACY):
        metric = run.metrics.get(name)
        if metric is not None and not isinstance(metric.last, str):
            return metric.last
    return None


def predictions(run: Run) -> int | None:
    """How many predictions the run has made, where it counts them."""
    metric = run.metrics.get(PREDICTIONS)
    return int(metric.last) if metric is not None and not isinstance(metric.last, str) else None


def elapsed_seconds(run: Run, now: float) -> float | None:
    return round(max(0.0, now - unix_time(run.started_at)), 3) if run.started_at else None


def spoken(seconds: float | None) -> str | None:
    """A duration as this dialect writes it: `2m 5s`."""
    if seconds is None:
        return None
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours}h {minutes}m {rest}s"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def _has_model(run: Run) -> bool:
    return any(artifact.kind == "model" for artifact in run.artifacts)


def system_metrics(sample: dict[str, Any], server: dict[str, Any], now: float) -> Message:
    """The machine's `sample`, and what the server says of itself. A WebSocket's time is not measured."""
    return {"type": "system_metrics", "timestamp": iso_time(now), **sample, **server, "ws_response_time_ms": None}


def health_change(before: str, sample: dict[str, Any], now: float) -> Message:
    current = sample["system_health"]
    return {
        "type": "health_change",
        "event": "system_health",
        "previous_health": before,
        "current_health": current,
        "metrics": {name: sample[name] for name in ("cpu_percent", "memory_percent", "disk_percent")},
        "timestamp": iso_time(now),
        "priority": "high" if current == "critical" else "medium",
    }


def pong(said: Message, now: float) -> Message:
    """The answer to a ping."""
    return {"type": "pong", "timestamp": said.get("timestamp", iso_time(now))}
