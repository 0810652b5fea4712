"""The log in one SQLite file."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import Closing
from pulsetrain.model.events import Event
from pulsetrain.model.log import Filter, Page, Stored, View
from pulsetrain.model.runs import Run
from pulsetrain.ports import Appended, Decision

from . import reader, sql
from .database import Durability, open_writer
from .reader import Reader
from .writer import Append, Commit, Trim, Writer

logger = logging.getLogger("pulsetrain.log")

Listener = Callable[[Sequence[Stored]], None]

_EVERYTHING = Filter()


class SqliteLog:
    """`ports.EventLog` over one file: a writer thread with group commit, and readers beside it.

    It belongs to the event loop that opened it. One process at a time may have it open; the caller sees to that.
    """

    def __init__(self, path: Path, durability: Durability = "full", clock: Callable[[], float] = time.time) -> None:
        """Open the file. Blocks for some milliseconds; `open()` does it off the event loop."""
        connection = open_writer(path, durability)
        self._generation: str = connection.execute(sql.GET_META, ("generation",)).fetchone()[0]
        self._tail: int = connection.execute(sql.TAIL).fetchone()[0]
        self._reader = Reader(path)
        self._writer = Writer(connection, self._generation, clock, self._hand_over, self._trimmed)
        self._listeners: list[Listener] = []
        self._unsettled: list[tuple[int, asyncio.Future[None]]] = []
        self._closing = False
        self.committed_at = 0.0
        self._loop: asyncio.AbstractEventLoop

    @classmethod
    async def open(
        cls, path: Path, *, durability: Durability = "full", clock: Callable[[], float] = time.time
    ) -> SqliteLog:
        """The log in `path`, made if it is not there. `clock` gives Unix seconds for events that bring no time.

        Raises DataFolderUnusable when the file cannot be used.
        """
        log = await asyncio.to_thread(cls, path, durability, clock)
        log._loop = asyncio.get_running_loop()
        log._writer.start()
        return log

    def view(self) -> View:
        return View(self._generation, self._writer.oldest, self._tail)

    async def append(self, decision: Decision) -> Appended:
        """Run `decision` on the writer and append its events; answers once they are durable.

        Raises what the decision raises, LogUnavailable when the file cannot be written (nothing was kept then), and
        Closing when the log is being closed.
        """
        if self._closing:
            raise Closing("The server is shutting down.")
        answer: asyncio.Future[Appended] = self._loop.create_future()
        self._writer.put(Append(decision, answer))
        return await answer

    async def read(self, after: int, limit: int, filter: Filter = _EVERYTHING) -> Page:
        found = await self._reader(lambda connection: reader.page(connection, after, limit, filter))
        await self._settled(found.upto)
        return found

    async def runs(self, limit: int) -> tuple[Cursor, list[Run], int]:
        seq, runs, total = await self._reader(lambda connection: reader.newest_runs(connection, limit))
        return await self._settled(seq), runs, total

    async def run(self, id: str) -> tuple[Cursor, Run | None]:
        seq, run = await self._reader(lambda connection: reader.one_run(connection, id))
        return await self._settled(seq), run

    async def active_runs(self) -> list[Run]:
        return await self._reader(reader.active_runs)

    async def run_token_digest(self, run: str) -> str | None:
        return await self._reader(lambda connection: reader.token_digest(connection, run))

    async def run_events(
        self, run: str, types: Sequence[str], *, before: int | None = None, limit: int | None = None
    ) -> tuple[Cursor, list[Event]]:
        seq, events = await self._reader(lambda connection: reader.run_events(connection, run, types, before, limit))
        return await self._settled(seq), events

    def on_commit(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def trim(self, oldest: int) -> None:
        """Forget the events before `oldest` (at most all there are). Readers that are behind get a reset."""
        if self._closing:
            raise Closing("The server is shutting down.")
        answer: asyncio.Future[None] = self._loop.create_future()
        self._writer.put(Trim(oldest, answer))
        await answer

    async def close(self) -> None:
        """Commit what waits and close the file. Closing twice is fine."""
        self._closing = True
        self._writer.stop()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.join()
        self._reader.close()

    async def _settled(self, seq: int) -> Cursor:
        """The cursor of a snapshot, once `view()` reaches it.

        A read can see a commit before the loop has heard of it; its cursor must not come back as *ahead*.
        """
        if seq > self._tail:
            heard: asyncio.Future[None] = self._loop.create_future()
            self._unsettled.append((seq, heard))
            await heard
        return Cursor(self._generation, seq)

    def _hand_over(self, commit: Commit) -> None:
        self._call_on_loop(lambda: self._announce(commit))

    def _announce(self, commit: Commit) -> None:
        self._tail = commit.tail
        self.committed_at = commit.at
        if commit.stored:
            for listener in self._listeners:
                _call(listener, commit.stored)
        for answer, appended in commit.answers:
            if not answer.done():
                answer.set_result(appended)
        for answer, problem in commit.failures:
            if not answer.done():
                answer.set_exception(problem)
        if self._unsettled:
            self._settle()

    def _settle(self) -> None:
        waiting, self._unsettled = self._unsettled, []
        for seq, heard in waiting:
            if seq > self._tail:
                self._unsettled.append((seq, heard))
            elif not heard.done():
                heard.set_result(None)

    def _trimmed(self, request: Trim, problem: Exception | None) -> None:
        def answer() -> None:
            if request.answer.done():
                return
            if problem is None:
                request.answer.set_result(None)
            else:
                request.answer.set_exception(problem)

        self._call_on_loop(answer)

    def _call_on_loop(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            # The loop is gone, and with it everyone who waited; what was committed stays committed.
            return


def _call(listener: Listener, stored: Sequence[Stored]) -> None:
    try:
        listener(stored)
    except Exception:
        # The events are durable whatever a listener makes of them, and their senders must hear so.
        logger.exception("A listener of the log failed")
