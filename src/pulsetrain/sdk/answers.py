"""What a server answers to a client, and what can go wrong on the way. Unknown keys are ignored."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from pulsetrain.model.errors import PulsetrainError
from pulsetrain.model.events import Event
from pulsetrain.model.queue import Machine
from pulsetrain.model.rows import RowProblem
from pulsetrain.model.runs import Resources, Run

About = Literal["event", "live", "reset", "skipped", "offline", "online"]


class Refused(PulsetrainError):
    """The server answered with an error; `reason` is its code (docs/reference/errors.md)."""

    code: ClassVar[str] = "refused"

    def __init__(
        self, status: int, reason: str, message: str, hint: str = "", retry_seconds: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.retry_seconds = retry_seconds
        """When to ask again, where the server said it."""


class Unreachable(PulsetrainError):
    """No server answers at this address."""

    code: ClassVar[str] = "unreachable"


class Interrupted(Unreachable):
    """Somebody answered at this address, and the answer broke off or did not come in time."""


class Snapshot(msgspec.Struct, frozen=True):
    """A run, and the cursor at which it was like this."""

    cursor: str
    run: Run


class RunList(msgspec.Struct, frozen=True):
    """The newest runs, newest first, of `total`."""

    cursor: str
    runs: list[Run]
    total: int


class WaitingRun(msgspec.Struct, frozen=True):
    """A run that waits, and what for. `start_seconds` is None where it cannot be reckoned."""

    run: str
    name: str
    position: int
    priority: int
    resources: Resources
    start_seconds: float | None = None
    reason: str = ""


class HoldingRun(msgspec.Struct, frozen=True):
    """A run that was started, and what it was given."""

    run: str
    name: str
    resources: Resources
    eta_seconds: float | None = None


class QueuePage(msgspec.Struct, frozen=True):
    """Who waits, in order, who runs, and what the machine has."""

    cursor: str
    waiting: list[WaitingRun]
    running: list[HoldingRun]
    machine: Machine


class Answer(msgspec.Struct, frozen=True):
    """What came of a command."""

    id: str
    command: str
    applied: bool | None = None
    """None while nobody has answered."""
    step: int | None = None
    """The last step that the run had logged when the command took effect."""
    how: str | None = None
    details: dict[str, Any] | None = None
    """Of `set`: `name`, `value` and `previous`."""
    reason: str | None = None
    """Why it was rejected."""


class LogLine(msgspec.Struct, frozen=True):
    """One line of a run's output. `time` in Unix seconds."""

    text: str
    seq: int = 0
    stream: str = "stdout"
    time: float | None = None
    level: str | None = None
    rank: int | None = None
    """Which of many processes printed it, where that is known."""


class LogPage(msgspec.Struct, frozen=True):
    """Lines, oldest first; `before` asks for those before them and is None where there are none."""

    cursor: str
    lines: list[LogLine]
    before: int | None = None


class Series(msgspec.Struct, frozen=True):
    """All points of one metric, by column, in the order in which they were logged. `time` in Unix seconds."""

    step: list[int | None]
    time: list[float]
    value: list[float]
    """NaN and the infinities stand as such."""


class SeriesPage(msgspec.Struct, frozen=True):
    """The series of a run by key, and the cursor up to which they go."""

    cursor: str
    series: dict[str, Series]


class Dataset(msgspec.Struct, frozen=True):
    """A data set of the server. `size` in bytes; rows and columns None until they are counted."""

    id: str
    name: str
    size: int = 0
    digest: str | None = None
    rows: int | None = None
    columns: int | None = None
    problem: str | None = None
    title: str = ""
    format: str = "csv"
    version: int = 1
    task: str | None = None
    """`nlu` where its rows are examples for language understanding."""
    problems: list[RowProblem] = []
    """The first rows with something wrong in them, of `problems_total`."""
    problems_total: int = 0
    created_at: str = ""
    updated_at: str | None = None


class UploadState(msgspec.Struct, frozen=True):
    """An upload in pieces: how many bytes are there, and how many are best sent at once."""

    id: str
    offset: int
    chunk_bytes: int = 0


class Lost(msgspec.Struct, frozen=True):
    """A position that cannot be served, and the one to go on from once the snapshot is taken."""

    reason: str
    cursor: str
    snapshot: str | None = None


class Page(msgspec.Struct, frozen=True):
    """A page of the log (PROTOCOL §3.3)."""

    cursor: str
    generation: str
    events: list[Event]
    live: bool = False
    reset: Lost | None = None
    skipped: int = 0


class News(msgspec.Struct, frozen=True):
    """What reading the log brought: an event, or a word about the reading itself."""

    cursor: str
    """Where a later reading goes on after this."""
    event: Event | None = None
    about: About = "event"
    """`event`; `live` (caught up); `reset` (events are missing here: take a snapshot); `skipped` (`latest=` left some
    out); `offline` and `online` (the connection; nothing is lost)."""
    detail: str = ""
    """Why, for `reset` and `offline`."""
    retry_seconds: float = 0.0
    """With `offline`: when the next attempt follows."""
    skipped: int = 0
    """With `skipped`: how many events."""
