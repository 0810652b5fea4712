"""The life of a run: its states, the legal moves between them, and the state that events fold into."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

State = Literal["queued", "starting", "running", "paused", "succeeded", "failed", "stopped", "lost"]

MOVES: dict[str, frozenset[str]] = {
    "queued": frozenset({"starting", "running", "failed", "stopped", "lost"}),
    "starting": frozenset({"running", "paused", "succeeded", "failed", "stopped", "lost"}),
    "running": frozenset({"paused", "succeeded", "failed", "stopped", "lost"}),
    "paused": frozenset({"running", "succeeded", "failed", "stopped", "lost"}),
    # Lost means silent, not dead: data that returns heals it.
    "lost": frozenset({"running", "paused", "succeeded", "failed", "stopped"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "stopped": frozenset(),
}
"""The one table of legal moves."""

FINAL = frozenset(state for state, moves in MOVES.items() if not moves)
ENDED = FINAL | {"lost"}


USER_ERROR = 64
"""Exit code of a trainer's process that was asked for what cannot be done: to try that again changes nothing."""


def may_move(old: str, new: str) -> bool:
    """Whether a run in state `old` may go to state `new`. Staying is not a move."""
    return new in MOVES.get(old, frozenset())


class Stage(msgspec.Struct):
    name: str
    state: str = "pending"
    started_at: str | None = None
    ended_at: str | None = None


class Progress(msgspec.Struct):
    percent: float | None = None
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    rate: float | None = None
    unit: str | None = None
    eta_seconds: float | None = None
    queue_position: int | None = None
    start_seconds: float | None = None
    time: str | None = None


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run takes of a machine while it runs."""

    cores: float = 1
    memory_bytes: int | None = None
    gpus: int = 0
    """How many, where it does not matter which."""
    gpu_indices: list[int] | None = None
    """Which ones, by the index that the driver gives them."""


class Control(msgspec.Struct, frozen=True):
    """A value that the run offers to be steered by. Bounds are included; `choices` leaves no others."""

    name: str
    value: float | str | bool | None
    type: Literal["number", "integer", "string", "boolean"] = "number"
    minimum: float | None = None
    maximum: float | None = None
    choices: list[float | str | bool] | None = None
    help: str | None = None


class TableState(msgspec.Struct):
    """The newest table of its name that the run has shown."""

    columns: list[str]
    rows: list[list[Any]]
    time: str


class Alert(msgspec.Struct, frozen=True):
    """What a watchdog, or the run itself, wants somebody to know."""

    severity: Literal["info", "warning", "error"]
    message: str
    time: str
    watchdog: str | None = None
    action: str | None = None
    step: int | None = None


class Metric(msgspec.Struct):
    """What one series has come to. `last` may be the name of a non-finite number; `min` and `max` cover finite ones."""

    last: float | str
    step: int | None
    time: float
    min: float | None
    max: float | None
    count: int


class Artifact(msgspec.Struct):
    name: str
    kind: str
    size: int
    digest: str


class Results(msgspec.Struct):
    passed: int = 0
    failed: int = 0
    unknown: int = 0


class PendingCommand(msgspec.Struct):
    id: str
    command: str
    arguments: dict[str, Any]
    by: str | None
    requested_at: str


class Run(msgspec.Struct):
    """The folded state of one run (PROTOCOL §2, *The fold*)."""

    id: str
    name: str
    created_at: str
    updated_at: str
    first_seq: int
    last_seq: int
    project: str | None = None
    trainer: str | None = None
    command: list[str] | None = None
    dataset: str | None = None
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    tags: list[str] = msgspec.field(default_factory=list)
    by: str | None = None
    resume_from: str | None = None
    retry_of: str | None = None
    cloned_from: str | None = None
    retries: int = 0
    priority: int = 0
    order: float | None = None
    resources: Resources | None = None
    watchdogs: list[dict[str, Any]] = msgspec.field(default_factory=list)
    dataset_digest: str | None = None
    state: State = "queued"
    message: str | None = None
    return_code: int | None = None
    signal: str | None = None
    ended_by: str | None = None
    processes_left: int | None = None
    responsive: bool = True
    last_seen: float | None = None
    started_at: str | None = None
    ended_at: str | None = None
    stages: list[Stage] = msgspec.field(default_factory=list)
    stage: str | None = None
    progress: Progress | None = None
    metrics: dict[str, Metric] = msgspec.field(default_factory=dict)
    system: dict[str, Any] | None = None
    artifacts: list[Artifact] = msgspec.field(default_factory=list)
    results: Results = msgspec.field(default_factory=Results)
    commands: list[PendingCommand] = msgspec.field(default_factory=list)
    controls: list[Control] = msgspec.field(default_factory=list)
    actions: list[str] = msgspec.field(default_factory=list)
    tables: dict[str, TableState] = msgspec.field(default_factory=dict)
    alerts: list[Alert] = msgspec.field(default_factory=list)
    log_lines: int = 0
    errors: int = 0
    last_error: str | None = None

    @property
    def active(self) -> bool:
        """Whether the run may still do something by itself."""
        return self.state not in ENDED
