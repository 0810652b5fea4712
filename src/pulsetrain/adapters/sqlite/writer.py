"""The one writer: a thread that takes what waits, decides, appends, folds and commits it together."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, Closing, LogUnavailable
from pulsetrain.model.events import Event, NewEvent, iso_time
from pulsetrain.model.log import Stored
from pulsetrain.ports import Appended, Decision
from pulsetrain.wire.codec import encode_json, envelope

from . import sql
from .database import close_writer
from .states import Staged, States

logger = logging.getLogger("pulsetrain.log")

_GROUP = 512
"""Requests in one commit at most, so that the first of them does not wait for an endless queue."""
_GROUP_BYTES = 8 * 1024 * 1024
_TRIM_STEP = 2000
"""Events that one commit deletes at most, so that appends go on between them."""


class Append(msgspec.Struct, eq=False):
    decision: Decision
    answer: asyncio.Future[Appended]


class Trim(msgspec.Struct, eq=False):
    oldest: int
    answer: asyncio.Future[None]
    announced: bool = False


class Commit(msgspec.Struct, eq=False):
    """What one group came to; goes to the event loop once it is durable."""

    stored: list[Stored]
    tail: int
    answers: list[tuple[asyncio.Future[Appended], Appended]]
    failures: list[tuple[asyncio.Future[Appended], Exception]]
    at: float = msgspec.field(default_factory=time.monotonic)
    """Monotonic seconds."""


class Writer(threading.Thread):
    """Owns the writing connection. `deliver` and `trimmed` are called on this thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        generation: str,
        clock: Callable[[], float],
        deliver: Callable[[Commit], None],
        trimmed: Callable[[Trim, Exception | None], None],
    ) -> None:
        super().__init__(name="pulsetrain-log", daemon=True)
        self._connection = connection
        self._generation = generation
        self._clock = clock
        self._deliver = deliver
        self._trimmed = trimmed
        self._states = States(connection)
        self._queue: SimpleQueue[Append | Trim | None] = SimpleQueue()
        self._tail: int = connection.execute(sql.TAIL).fetchone()[0]
        self.oldest: int = connection.execute(sql.OLDEST).fetchone()[0]
        """The first seq still kept. Raised before anything is deleted, so that a reader can tell a gap."""

    def put(self, request: Append | Trim) -> None:
        self._queue.put(request)

    def stop(self) -> None:
        """Commit what waits, then close the connection and end."""
        self._queue.put(None)

    def run(self) -> None:
        try:
            while (request := self._queue.get()) is not None:
                if isinstance(request, Trim):
                    self._trim(request)
                elif not self._append(request):
                    break
        finally:
            self._refuse_the_rest()
            close_writer(self._connection)

    def _refuse_the_rest(self) -> None:
        closing = Closing("The server is shutting down.")
        while not self._queue.empty():
            request = self._queue.get_nowait()
            if isinstance(request, Trim):
                self._trimmed(request, closing)
            elif request is not None:
                self._deliver(Commit([], self._tail, [], [(request.answer, closing)]))

    def _append(self, first: Append) -> bool:
        """Commit `first` and what waits behind it; False when the writer was told to stop."""
        group = _Group(self._states, self._tail, self._clock)
        group.add(first)
        follow: Append | Trim | None = first
        while len(group.requests) < _GROUP and group.size < _GROUP_BYTES:
            try:
                follow = self._queue.get_nowait()
            except Empty:
                break
            if not isinstance(follow, Append):
                break
            group.add(follow)
        self._commit(group)
        if isinstance(follow, Trim):
            self._trim(follow)
        return follow is not None

    def _commit(self, group: _Group) -> None:
        try:
            if self._states.changed:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(sql.INSERT_EVENT, group.rows)
                self._states.write()
                self._connection.execute("COMMIT")
                self._states.committed()
        except Exception as problem:  # noqa: BLE001 (whatever it was, nobody may be left waiting)
            self._roll_back()
            logger.error("The log cannot be written: %s", problem)
            self._deliver(group.failed(problem))
            return
        self._tail = group.tail
        self._deliver(group.done(self._generation))

    def _roll_back(self) -> None:
        self._states.rolled_back()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as problem:
            logger.error("The transaction cannot be rolled back: %s", problem)

    def _trim(self, request: Trim) -> None:
        """One step of deleting; the rest of it queues behind the appends that wait."""
        oldest = min(request.oldest, self._tail + 1)
        before = self.oldest
        try:
            self.oldest = max(self.oldest, oldest)
            if not request.announced:
                self._connection.execute(sql.SET_META, ("oldest", str(self.oldest)))
                request.announced = True
            if self._connection.execute(sql.TRIM_EVENTS, (self.oldest, _TRIM_STEP)).rowcount == _TRIM_STEP:
                self._queue.put(request)
                return
        except sqlite3.Error as problem:
            if not request.announced:
                self.oldest = before
            self._trimmed(request, _unavailable(problem))
            return
        self._trimmed(request, None)


class _Group:
    """The requests of one commit: decided, encoded and folded one by one, each all or nothing."""

    def __init__(self, states: States, tail: int, clock: Callable[[], float]) -> None:
        self._states = states
        self._clock = clock
        self.tail = tail
        self.size = 0
        self.requests: list[Append] = []
        self.rows: list[tuple[int, str | None, str, str, bytes]] = []
        self._base = tail
        self._appended: list[tuple[asyncio.Future[Appended], list[Event], int]] = []
        self._failures: list[tuple[asyncio.Future[Appended], Exception]] = []

    def add(self, request: Append) -> None:
        self.requests.append(request)
        try:
            staged = Staged(self._states)
            events = self._decide(request.decision(staged))
            rows = [(event.seq, event.run, event.type, event.time, _encode(event)) for event in events]
            self._states.fold(events)
            self._states.keep(staged.positions, staged.tokens)
        except Exception as problem:  # noqa: BLE001 (it is the caller's own; the others in the group go on)
            self._failures.append((request.answer, problem))
            return
        self.tail += len(events)
        self.size += sum(len(row[4]) for row in rows)
        self.rows += rows
        self._appended.append((request.answer, events, self.tail))

    def _decide(self, new: Sequence[NewEvent]) -> list[Event]:
        now = iso_time(self._clock())
        return [
            Event(seq, event.run, event.type, event.time or now, event.data)
            for seq, event in enumerate(new, self.tail + 1)
        ]

    def done(self, generation: str) -> Commit:
        stored = [Stored(row[0], row[1], row[2], envelope(*row)) for row in self.rows]
        answers = [(answer, Appended(events, Cursor(generation, tail))) for answer, events, tail in self._appended]
        return Commit(stored, self.tail, answers, self._failures)

    def failed(self, problem: Exception) -> Commit:
        lost = [(answer, _unavailable(problem)) for answer, _, _ in self._appended]
        return Commit([], self._base, [], [*self._failures, *lost])


def _encode(event: Event) -> bytes:
    try:
        return encode_json(event.data)
    except (TypeError, ValueError, msgspec.MsgspecError) as problem:
        raise BadRequest(f"The data of an event of type {event.type!r} has no form in JSON: {problem}.") from None


def _unavailable(problem: Exception) -> Exception:
    if not isinstance(problem, sqlite3.Error):
        return problem
    return LogUnavailable(f"The log cannot be written: {problem}. Nothing of this request was kept.")
