"""The dialect of training jobs (CONTRACTS C): events and the folded run in, its messages out. Pure.

Here a run is a job, times are epoch milliseconds, and names are in camelCase.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsetrain.model.events import Event, unix_time
from pulsetrain.model.runs import Run

Message = dict[str, Any]

TYPES = frozenset(
    {
        "run.created",
        "run.status",
        "run.stage",
        "run.progress",
        "run.metrics",
        "dataset.created",
        "dataset.updated",
        "dataset.deleted",
    }
)
STATUS = {"starting": "queued", "lost": "failed"}
"""State of a run → the dialect's word, where it has another."""
CONFIG = {
    "epochs": "epochs",
    "batchSize": "batch_size",
    "learningRate": "learning_rate",
    "optimizer": "optimizer",
    "validationSplit": "validation_split",
}
AGENT = "agent:"
"""How a run's tags name the agent that it is for."""


def connected(now: float) -> Message:
    return {"type": "connected", "message": "Connected to training updates", "timestamp": round(now * 1000)}


def messages(event: Event, run: Run | None) -> list[Message]:
    """What `event` says in this dialect; `run` is the run that it concerns, with the event folded in."""
    made = _message(event, run)
    return [] if made is None else [{**made, "timestamp": milliseconds(event.time), "seq": event.seq}]


def _message(event: Event, run: Run | None) -> Message | None:
    if event.type.startswith("dataset."):
        return {"type": "dataset_update", "datasetId": event.data["id"], "action": event.type.removeprefix("dataset.")}
    if run is None:
        return None
    if event.type == "run.created":
        return {"type": "job_created", "job": job(run)}
    update: Message = {
        "type": "training_update",
        "jobId": run.id,
        "status": status(run),
        "progress": _percent(run),
        "message": _words(run),
    }
    if event.type == "run.metrics":
        update["metrics"] = {name: run.metrics[name].last for name in event.data["values"] if name in run.metrics}
    return {key: value for key, value in update.items() if key != "message" or value is not None}


def job(run: Run) -> dict[str, Any]:
    """A run as this dialect's job."""
    agent = next((tag.removeprefix(AGENT) for tag in run.tags if tag.startswith(AGENT)), None)
    return {
        "id": run.id,
        "kind": run.trainer or "command",
        "name": run.name,
        "datasetId": run.dataset,
        "agentId": agent,
        "status": status(run),
        "progress": _percent(run),
        "message": _words(run),
        "config": config_of(run.parameters),
        "metrics": {name: metric.last for name, metric in run.metrics.items()},
        "retryOf": run.retry_of,
        "createdAt": milliseconds(run.created_at),
        "updatedAt": milliseconds(run.updated_at),
    }


def status(run: Run) -> str:
    return STATUS.get(run.state, run.state)


def parameters_of(config: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that `config` asks for. Of the common ones, those that the trainer does not have are left out,
    since clients send all of them to each; any other is passed on by its own name, known or not.
    """
    named = {CONFIG.get(name, name): value for name, value in config.items() if value is not None}
    return {name: value for name, value in named.items() if name in known or name not in CONFIG.values()}


def config_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as this dialect names them."""
    names = {native: name for name, native in CONFIG.items()}
    return {names.get(name, name): value for name, value in parameters.items()}


def dataset(found: Any) -> dict[str, Any]:
    """A data set as this dialect shows it."""
    return {
        "id": found.id,
        "name": found.title,
        "type": found.task or found.format,
        "size": found.size,
        "exampleCount": found.rows,
        "createdAt": milliseconds(found.created_at),
        "updatedAt": milliseconds(found.created_at),
    }


def example(found: Any) -> dict[str, Any]:
    """An example as this dialect shows it."""
    return {"index": found.index, "text": found.text, "intent": found.intent, "entities": found.entities}


def pong(now: float) -> Message:
    """The answer to a ping."""
    return {"type": "pong", "timestamp": round(now * 1000)}


def milliseconds(time: str) -> int:
    return round(unix_time(time) * 1000)


def _percent(run: Run) -> float | None:
    if run.state == "succeeded":
        return 100
    if run.progress is None or run.progress.percent is None:
        return 0 if run.state in ("queued", "starting") else None
    return run.progress.percent


def _words(run: Run) -> str | None:
    if run.message is not None or not run.active or run.stage is None:
        return run.message
    # The steps of `nlu-train` are named so that this gives their messages: "Training intent classifier...".
    return f"{run.stage}..."
