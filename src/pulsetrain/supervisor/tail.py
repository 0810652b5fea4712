"""One producer's spool file, read as it grows, as records for the server (PROTOCOL §§5, 7)."""

from __future__ import annotations

import math
import os
from collections import deque
from pathlib import Path
from typing import Any

from pulsetrain.model.events import iso_time
from pulsetrain.model.records import json_number
from pulsetrain.sdk.spool import rows_in
from pulsetrain.wire.spool import HEADER_SIZE, Unpacker, scan

_CHUNK = 256 * 1024
_AHEAD = 20_000
"""Rows that are held in memory before the server has taken them; the rest waits in the file."""
_ROWS_OF_A_RECORD = 2_000
_ROWS_OF_A_BATCH = 10_000
_BYTES_OF_A_BATCH = 2 * 1024 * 1024

_NOTHING = (b"", bytes(HEADER_SIZE))
"""What is read where no record has been written."""


class Row:
    """One spool record: `count` rows from number `n` on. `size` is that of its body in bytes."""

    __slots__ = ("count", "data", "n", "size", "step", "time", "type")

    def __init__(self, record: list[Any], size: int) -> None:
        self.n: int = record[0]
        self.type: str = record[1]
        self.time: float = record[2]
        self.size = size
        self.step: int | None = None
        self.count = 1
        if self.type == "m":
            self.step = record[3]
            self.data: dict[str, Any] = record[4]
        else:
            self.data = record[3]
            self.count = rows_in(self.type, self.data)

    @property
    def last(self) -> int:
        return self.n + self.count - 1


class Tail:
    """Follows `path`. Rows up to `after` are skipped: the server has them."""

    def __init__(self, path: Path, producer: str, after: int = 0) -> None:
        """Raises OSError."""
        self.producer = producer
        self.acknowledged = after
        self.metrics_seen = False
        self.progress_seen = False
        self.broken = False
        """Whether nothing more of this file can be shipped."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._offset = 0
        self._unpacker = Unpacker()
        self._pending: deque[Row] = deque()
        self._rows = 0

    @property
    def pending(self) -> deque[Row]:
        """What was read and is not acknowledged, in order."""
        return self._pending

    @property
    def news(self) -> bool:
        """Whether there is something to send or to read."""
        return bool(self._pending) or os.pread(self._descriptor, HEADER_SIZE, self._offset) not in _NOTHING

    def read(self) -> bool:
        """Read what is new, as far as memory allows. Whether anything was."""
        if self._rows >= _AHEAD or os.pread(self._descriptor, HEADER_SIZE, self._offset) in _NOTHING:
            return False
        size, any_read = _CHUNK, False
        while self._rows < _AHEAD:
            piece = os.pread(self._descriptor, size, self._offset)
            found = scan(piece)
            if not found.bodies:
                whole = HEADER_SIZE + int.from_bytes(piece[:4], "little")
                if size < whole and len(piece) == size:
                    size = whole
                    continue
                return any_read
            for body in found.bodies:
                self._take(Row(self._unpacker.decode(body), len(body)))
            self._offset += found.size
            any_read = True
            if len(piece) < size or found.end == "zeros":
                return True
            size = _CHUNK
        return any_read

    def _take(self, row: Row) -> None:
        self.metrics_seen = self.metrics_seen or row.type == "m"
        self.progress_seen = self.progress_seen or row.type == "run.progress"
        if row.last > self.acknowledged:
            self._pending.append(row)
            self._rows += row.count

    def acknowledge(self, last: int) -> None:
        """The server has the rows up to `last`."""
        self.acknowledged = max(self.acknowledged, last)
        while self._pending and self._pending[0].last <= self.acknowledged:
            self._rows -= self._pending.popleft().count

    def rewind(self, expected: int) -> None:
        """The server lacks row `expected`: read it again."""
        self.acknowledged = expected - 1
        self._pending.clear()
        self._offset = self._rows = 0
        self.read()
        # A file that lacks the row would be asked for it for ever.
        self.broken = not self._pending or self._pending[0].n > expected

    def batch(self, upto: int | None = None) -> list[Row]:
        """The rows of the next request: all in order, none beyond row `upto`."""
        rows: list[Row] = []
        count = size = 0
        for row in self._pending:
            count, size = count + row.count, size + row.size
            if (upto is not None and row.n > upto) or count > _ROWS_OF_A_BATCH or (rows and size > _BYTES_OF_A_BATCH):
                break
            rows.append(row)
        return rows

    def close(self) -> None:
        os.close(self._descriptor)


def merge(rows: list[Row]) -> list[dict[str, Any]]:
    """`rows` as records of the protocol: neighbouring rows of metrics become columns, neighbouring lines one record."""
    records: list[dict[str, Any]] = []
    start = 0
    for place, row in enumerate(rows, 1):
        follows = rows[place] if place < len(rows) else None
        together = row.type in ("m", "run.log") and follows is not None and follows.type == row.type
        if not together or row.last - rows[start].n + 1 >= _ROWS_OF_A_RECORD:
            records.append(_record(rows[start:place]))
            start = place
    return records


def _record(rows: list[Row]) -> dict[str, Any]:
    first, last = rows[0], rows[-1]
    count = last.last - first.n + 1
    record = {"n": first.n, "count": count, "type": first.type, "time": iso_time(last.time), "data": first.data}
    if first.type == "m":
        record["type"], record["data"] = "run.metrics", _columns(rows)
    elif len(rows) > 1:
        record["data"] = {"lines": [line for row in rows for line in row.data["lines"]]}
    else:
        record["data"] = json_number(first.data)
    return record


def _columns(rows: list[Row]) -> dict[str, Any]:
    values: dict[str, list[float | str | None]] = {}
    for place, row in enumerate(rows):
        for key, value in row.data.items():
            column = values.get(key)
            if column is None:
                column = values[key] = [None] * place
            elif len(column) < place:
                column.extend([None] * (place - len(column)))
            column.append(value if math.isfinite(value) else json_number(value))
    for column in values.values():
        column.extend([None] * (len(rows) - len(column)))
    return {"step": [row.step for row in rows], "time": [row.time for row in rows], "values": values}
