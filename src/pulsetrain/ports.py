"""The seams: what the core needs from the world, as Protocols. Adapters fill them, `server.py` chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.events import Event, NewEvent
from pulsetrain.model.log import Filter, Page, Stored, View
from pulsetrain.model.records import Position
from pulsetrain.model.runs import Run


class Transaction(Protocol):
    """What a decision may look at while the log holds still, and how it says what shall be kept beside its events."""

    def run(self, id: str) -> Run | None:
        """The folded state; not to be changed."""
        ...

    def position(self, run: str, producer: str) -> Position | None: ...

    def newest_attempt(self, run: str) -> int: ...

    def advance(self, run: str, producer: str, position: Position) -> None: ...

    def run_token_digest(self, run: str) -> str | None: ...

    def set_run_token_digest(self, run: str, digest: str) -> None: ...


Decision = Callable[[Transaction], Sequence[NewEvent]]
"""Runs on the writer, pure but for the transaction; an exception appends nothing and goes to the caller."""


class Appended(msgspec.Struct, frozen=True):
    """The answer to an append, after its commit."""

    events: Sequence[Event]
    cursor: Cursor


class EventLog(Protocol):
    """The ordered, durable log and the states that it folds into."""

    def view(self) -> View: ...

    @property
    def committed_at(self) -> float:
        """Monotonic seconds at which the newest commit that listeners have heard of became durable."""
        ...

    async def append(self, decision: Decision) -> Appended:
        """Run `decision` in a transaction, append its events, fold them, and answer after the commit."""
        ...

    async def read(self, after: int, limit: int, filter: Filter = ...) -> Page:
        """At most `limit` events with seq above `after`. The caller sees to it that `after ≥ oldest - 1`."""
        ...

    async def runs(self, limit: int) -> tuple[Cursor, list[Run], int]:
        """The newest runs, how many there are in all, and the cursor of this snapshot."""
        ...

    async def run(self, id: str) -> tuple[Cursor, Run | None]: ...

    async def active_runs(self) -> list[Run]:
        """All runs that have not ended."""
        ...

    async def run_token_digest(self, run: str) -> str | None: ...

    async def run_events(
        self, run: str, types: Sequence[str], *, before: int | None = None, limit: int | None = None
    ) -> tuple[Cursor, list[Event]]:
        """A run's events of some types in order; with `before` and `limit`, the last `limit` with a smaller seq."""
        ...

    def on_commit(self, listener: Callable[[Sequence[Stored]], None]) -> None:
        """Call `listener` on the event loop after each commit, with what it added, in order."""
        ...

    async def trim(self, oldest: int) -> None:
        """Forget the events before `oldest`; states stay."""
        ...

    async def close(self) -> None: ...


class Launch(msgspec.Struct, frozen=True):
    """All that an executor needs to start one run's supervisor."""

    run: str
    token: str
    attempt: int
    command: list[str]
    folder: Path
    """The run's own folder: spool, working files, checkpoints."""
    environment: dict[str, str]
    cores: int
    """The run's share: what thread counts are set to."""


class Executor(Protocol):
    """Starts supervisors somewhere."""

    async def start(self, launch: Launch) -> None:
        """Start the supervisor and return once it exists. Raises OSError with the reason if it cannot."""
        ...

    async def recover(self, run: str) -> bool:
        """Ship what a dead supervisor left behind, and how its run ended. False if it is alive or was never here."""
        ...

    def pid(self, run: str) -> int | None:
        """The supervisor's process id, where it has one on this machine."""
        ...

    async def close(self) -> None:
        """Let go of what runs; supervisors go on without this server."""
        ...


class Clock(Protocol):
    """The one source of time for the core, so that tests can hold it."""

    def time(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float: ...
