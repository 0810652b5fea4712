"""The `data` of every event type, as types (PROTOCOL §2). Readers ignore keys and types that are not here."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from pulsetrain.model.events import Event
from pulsetrain.model.runs import Control, Resources, State

UnixSeconds = Annotated[float, Meta(description="Unix seconds.")]
Count = Annotated[int, Meta(ge=0)]
Number = Annotated[
    float | Literal["NaN", "Infinity", "-Infinity"],
    Meta(description="A number; those that JSON lacks are written as strings."),
]
EndedBy = Literal["itself", "safe point", "SIGTERM", "SIGKILL", "supervisor lost"]
Digest = Annotated[str, Meta(pattern="^sha256:")]


class RunCreated(msgspec.Struct, frozen=True):
    """A run exists. One of `trainer` and `command` says what it executes."""

    name: str
    by: str | None = None
    project: str | None = None
    trainer: str | None = None
    command: list[str] | None = None
    dataset: str | None = None
    parameters: dict[str, Any] = {}
    tags: list[str] = []
    stages: list[str] = []
    resume_from: str | None = None
    retry_of: str | None = None
    cloned_from: str | None = None
    retries: Count = 0
    priority: int = 0
    resources: Resources | None = None
    watchdogs: list[dict[str, Any]] = []
    dataset_digest: str | None = None


class RunStatus(msgspec.Struct, frozen=True):
    """The run moved to another state."""

    state: State
    message: str | None = None
    return_code: int | None = None
    signal: str | None = None
    ended_by: EndedBy | None = None
    processes_left: Count | None = None


class RunLease(msgspec.Struct, frozen=True):
    """The run fell silent (`held` false: unresponsive since `last_seen`) or healed (`held` true)."""

    held: bool
    last_seen: UnixSeconds | None = None


class RunStage(msgspec.Struct, frozen=True):
    """A named part of the run began or ended. `index` counts from 0."""

    name: str
    index: Count | None = None
    of: Count | None = None
    state: Literal["running", "done", "failed"] = "running"


class RunProgress(msgspec.Struct, frozen=True):
    """Share of the whole run that is done; what is unknown is null, never 0."""

    percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    epoch: Count | None = None
    epochs: Count | None = None
    step: Count | None = None
    steps: Count | None = None
    rate: float | None = None
    unit: str | None = None
    eta_seconds: float | None = None
    queue_position: Count | None = None
    start_seconds: float | None = None


class RunMetrics(msgspec.Struct, frozen=True):
    """Rows of numbers, by column. All columns have one length; null where a row has no such value."""

    step: list[int | None]
    time: list[UnixSeconds]
    values: dict[str, list[Number | None]]


class Line(msgspec.Struct, frozen=True):
    text: str
    stream: Literal["stdout", "stderr", "pulsetrain"] = "stdout"
    time: UnixSeconds | None = None
    level: Literal["debug", "info", "warning", "error"] | None = None
    rank: Count | None = None
    """Which of many processes of one run printed it, where that is known."""


class RunLog(msgspec.Struct, frozen=True):
    """Lines of output."""

    lines: list[Line]


class RunResult(msgspec.Struct, frozen=True):
    """What came of one task of a benchmark. `success` is null where it is unknown."""

    task_id: str
    success: bool | None = None
    score: Number | None = None
    steps: Count | None = None
    seconds: float | None = None
    domain: str | None = None


class RunArtifact(msgspec.Struct, frozen=True):
    """A file that the run made. `size` in bytes."""

    name: str
    kind: Literal["data", "model", "checkpoint", "report", "file"]
    size: Count
    digest: Digest


class Gpu(msgspec.Struct, frozen=True):
    index: Count
    name: str
    utilization_percent: float | None = None
    memory_bytes: Count | None = None
    memory_total_bytes: Count | None = None
    temperature_celsius: float | None = None


class RunSystem(msgspec.Struct, frozen=True):
    """What the run's process tree uses. 100 % of `cpu_percent` is one core."""

    cpu_percent: float | None = None
    memory_bytes: Count | None = None
    processes: Count | None = None
    threads: Count | None = None
    gpu: list[Gpu] = []


class RunQueue(msgspec.Struct, frozen=True):
    """Where a waiting run stands: higher `priority` first, then lower `order` (without one, its seq)."""

    priority: int
    order: float | None = None


class RunControls(msgspec.Struct, frozen=True):
    """All values that the run offers to be steered by, and the actions that it can be asked for."""

    controls: list[Control]
    actions: list[str] = []


class RunTable(msgspec.Struct, frozen=True):
    """A small table of the run; the newest of a name replaces the one before."""

    name: str
    columns: list[str]
    rows: list[list[str | float | int | bool | None]]


class Alert(msgspec.Struct, frozen=True):
    """Somebody should look. `watchdog` and `action` where a watchdog saw it, and what it did."""

    severity: Literal["info", "warning", "error"]
    message: str
    watchdog: str | None = None
    action: Literal["warn", "pause", "stop"] | None = None
    step: int | None = None


class CommandRequested(msgspec.Struct, frozen=True):
    """Somebody asks the run to do something."""

    id: str
    command: str
    arguments: dict[str, Any] = {}
    by: str | None = None


class CommandApplied(msgspec.Struct, frozen=True):
    """The run did what the command asked, and how."""

    id: str
    command: str | None = None
    step: int | None = None
    how: str | None = None
    details: dict[str, Any] | None = None


class CommandRejected(msgspec.Struct, frozen=True):
    """The run did not do what the command asked, and why."""

    id: str
    command: str | None = None
    reason: str | None = None


class DatasetCreated(msgspec.Struct, frozen=True):
    """A data set is there, or was replaced. `size` in bytes; rows and columns null until counted."""

    id: str
    name: str
    size: Count
    rows: Count | None = None
    columns: Count | None = None
    format: Literal["csv", "jsonl", "parquet"] | None = None
    digest: str | None = None
    version: Count | None = None


class DatasetUpdated(DatasetCreated, frozen=True):
    """A data set has new content, and so a new version."""


class DatasetDeleted(msgspec.Struct, frozen=True):
    """A data set is gone."""

    id: str


class ModelCreated(msgspec.Struct, frozen=True):
    """A run that succeeded has made a model: version `version` of the models called `name`."""

    id: str
    name: str
    version: Count
    run: str
    trainer: str | None
    artifact: str
    size: Count
    digest: Digest
    metrics: dict[str, Number] = {}
    dataset: str | None = None
    dataset_digest: str | None = None
    parameters: dict[str, Any] = {}
    commit: str | None = None


class ModelDeleted(msgspec.Struct, frozen=True):
    """A model is gone."""

    id: str


class DeploymentChanged(msgspec.Struct, frozen=True):
    """An endpoint serves `model` (null: none any more, it is gone). `state` says how far its process is."""

    name: str
    model: str | None
    version: Count | None = None
    previous: str | None = None
    state: Literal["loading", "serving", "failed", "removed"] = "serving"
    message: str | None = None


class DeploymentMetrics(msgspec.Struct, frozen=True):
    """What an endpoint did since its last word: answers, failures, and how long they took."""

    name: str
    model: str | None
    prediction_volume: Count
    errors: Count = 0
    latency_p50_seconds: float | None = None
    latency_p95_seconds: float | None = None


EventData: TypeAlias = (
    RunCreated
    | RunStatus
    | RunLease
    | RunStage
    | RunProgress
    | RunMetrics
    | RunLog
    | RunResult
    | RunArtifact
    | RunSystem
    | RunQueue
    | RunControls
    | RunTable
    | Alert
    | CommandRequested
    | CommandApplied
    | CommandRejected
    | DatasetCreated
    | DatasetUpdated
    | DatasetDeleted
    | ModelCreated
    | ModelDeleted
    | DeploymentChanged
    | DeploymentMetrics
)
"""Any of them, for `match`."""

EVENT_DATA: dict[str, type[EventData]] = {
    "run.created": RunCreated,
    "run.status": RunStatus,
    "run.lease": RunLease,
    "run.stage": RunStage,
    "run.progress": RunProgress,
    "run.metrics": RunMetrics,
    "run.log": RunLog,
    "run.result": RunResult,
    "run.artifact": RunArtifact,
    "run.system": RunSystem,
    "run.queue": RunQueue,
    "run.controls": RunControls,
    "run.table": RunTable,
    "alert": Alert,
    "command.requested": CommandRequested,
    "command.applied": CommandApplied,
    "command.rejected": CommandRejected,
    "dataset.created": DatasetCreated,
    "dataset.updated": DatasetUpdated,
    "dataset.deleted": DatasetDeleted,
    "model.created": ModelCreated,
    "model.deleted": ModelDeleted,
    "deployment.changed": DeploymentChanged,
    "deployment.metrics": DeploymentMetrics,
}
"""Every event type of protocol version 1."""


def typed(event: Event) -> EventData | None:
    """The data of `event` as its type; None where this version does not know the type, or the data is no such thing."""
    kind = EVENT_DATA.get(event.type)
    if kind is None:
        return None
    try:
        return msgspec.convert(event.data, kind)
    except msgspec.ValidationError:
        return None
