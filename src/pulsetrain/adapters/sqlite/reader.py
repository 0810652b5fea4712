"""Reading beside the writer: a small pool of threads with a connection each, so that the event loop never waits."""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pulsetrain.model.events import Event
from pulsetrain.model.log import Filter, Page, Stored
from pulsetrain.model.runs import Run
from pulsetrain.wire.codec import decode_json, envelope

from . import sql
from .database import open_reader
from .states import decode_run

T = TypeVar("T")

PAGE_BYTES = 128 * 1024
"""A page ends with the event that reaches this size, so that a slow reader of big events holds little memory."""
_WINDOW = 20_000
"""Seqs that a filter looks at for one page."""
_ALL = 2**63 - 1


class Reader:
    """Runs reads, each in a transaction of its own: what one of them returns was true at one moment."""

    def __init__(self, path: Path, threads: int = 3) -> None:
        self._path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="pulsetrain-read")

    async def __call__(self, read: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._in_transaction, read)

    def _in_transaction(self, read: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_reader(self._path)
            self._connections.append(connection)
        connection.execute("BEGIN")
        try:
            return read(connection)
        finally:
            connection.execute("COMMIT")

    def close(self) -> None:
        """Wait for the reads under way and close the connections. Blocks; not for the event loop."""
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()


def tail(connection: sqlite3.Connection) -> int:
    found: int = connection.execute(sql.TAIL).fetchone()[0]
    return found


def page(connection: sqlite3.Connection, after: int, limit: int, filter: Filter) -> Page:
    """At most `limit` events and about PAGE_BYTES above `after`. `upto` tells how far the look went."""
    end = tail(connection)
    upto = end if not (filter.runs or filter.types) else min(end, after + _WINDOW)
    conditions, parameters = _conditions(filter)
    query = sql.READ_WINDOW.format(conditions=conditions)
    rows = connection.execute(query, {**parameters, "after": after, "upto": upto, "limit": limit})
    events: list[Stored] = []
    size = 0
    for seq, run, type, time, data in rows:
        events.append(Stored(seq, run, type, envelope(seq, run, type, time, data)))
        size += len(data)
        if len(events) == limit or size >= PAGE_BYTES:
            return Page(events, events[-1].seq)
    return Page(events, max(after, upto))


def _conditions(filter: Filter) -> tuple[str, dict[str, str]]:
    text = ""
    parameters: dict[str, str] = {}
    if filter.runs:
        names = {f"run{index}": run for index, run in enumerate(sorted(filter.runs))}
        text += f" AND run IN ({', '.join(':' + name for name in names)})"
        parameters |= names
    if filter.types:
        tests = []
        for index, type in enumerate(sorted(filter.types)):
            if type.endswith(".*"):
                # All that begins with `run.` lies from it up to `run/`, the next character.
                tests.append(f"(type >= :type{index} AND type < :end{index})")
                parameters |= {f"type{index}": type[:-1], f"end{index}": type[:-2] + "/"}
            else:
                tests.append(f"type = :type{index}")
                parameters[f"type{index}"] = type
        text += f" AND ({' OR '.join(tests)})"
    return text, parameters


def newest_runs(connection: sqlite3.Connection, limit: int) -> tuple[int, list[Run], int]:
    total: int = connection.execute(sql.COUNT_RUNS).fetchone()[0]
    return tail(connection), _runs(connection.execute(sql.NEWEST_RUNS, (limit,))), total


def one_run(connection: sqlite3.Connection, id: str) -> tuple[int, Run | None]:
    row = connection.execute(sql.GET_RUN, (id,)).fetchone()
    return tail(connection), None if row is None else decode_run(row[0])


def active_runs(connection: sqlite3.Connection) -> list[Run]:
    return _runs(connection.execute(sql.ACTIVE_RUNS))


def token_digest(connection: sqlite3.Connection, run: str) -> str | None:
    row = connection.execute(sql.GET_TOKEN, (run,)).fetchone()
    return None if row is None else row[0]


def run_events(
    connection: sqlite3.Connection, run: str, types: Sequence[str], before: int | None, limit: int | None
) -> tuple[int, list[Event]]:
    """The last `limit` events of `types` before `before`, in order."""
    oldest: int = connection.execute(sql.OLDEST).fetchone()[0]
    end = _ALL if before is None else before
    count = -1 if limit is None else limit
    newest_first = [
        connection.execute(sql.RUN_EVENTS, (run, type, oldest, end, count)).fetchall() for type in sorted(set(types))
    ]
    rows = list(heapq.merge(*newest_first, key=lambda row: -row[0]))[:limit]
    events = [Event(seq, owner, type, time, decode_json(data)) for seq, owner, type, time, data in reversed(rows)]
    return tail(connection), events


def _runs(rows: Iterable[tuple[bytes]]) -> list[Run]:
    return [decode_run(row[0]) for row in rows]
