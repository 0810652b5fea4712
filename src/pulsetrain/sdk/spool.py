"""The writer of a spool file. When `row()` or `record()` returns, the record survives the death of this process.

Records are copied into a mapped file: the page cache keeps them whatever happens to the process, and no system call is
made. Measured (benchmarks/log_call) it takes less than half the time of one `write()` for each record. Space is
reserved before it is mapped, since writing into a hole of a full disk would end the process with SIGBUS. Where files
cannot be mapped or reserved (some network file systems), each record is one `pwrite()`.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import RLock
from typing import Any
from zlib import crc32

import msgspec

from pulsetrain.wire.spool import HEADER_SIZE, MAX_BODY, frame, pack_header, scan

_WINDOW = 256 * 1024
_CHUNK = 1024 * 1024
_POPULATE_WRITE = 23
"""madvise(2) MADV_POPULATE_WRITE, Linux 5.14: makes all pages writable now, not each at its first touch."""

_UNMAPPABLE = {errno.EOPNOTSUPP, errno.ENODEV, errno.EINVAL, errno.ENOSYS, errno.EACCES, errno.EPERM}

_encode = msgspec.msgpack.Encoder().encode
_now = time.time


class SpoolWriter:
    """Appends records to one producer's file and numbers their rows. Safe for threads and for signal handlers."""

    def __init__(self, path: Path) -> None:
        """Open `path`; where it exists, go on after its last whole record. Raises OSError."""
        self.rows = 0
        """Rows written: the number of the last one."""
        self._lock = RLock()
        self._busy = False
        self._waiting: list[tuple[Any, ...]] = []
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._map: mmap.mmap | None = None
        self._base = 0
        """Where in the file the window begins."""
        self._position = 0
        """Where in the window the next record begins."""
        self._size = 0
        self._mappable = True
        self._closed = False
        if os.fstat(self._descriptor).st_size:
            self._continue(path)

    def row(self, step: int | None, values: dict[str, Any]) -> None:
        """Append one row of metrics. Raises OSError (disk full), or TypeError and others for what has no encoding."""
        with self._lock:
            if self._busy:
                self._waiting.append((step, values))
                return
            self._busy = True
            try:
                number = self.rows + 1
                body = _encode((number, "m", _now(), step, values))
                length = len(body)
                position = self._position
                end = position + HEADER_SIZE + length
                if end > self._size or length > MAX_BODY:
                    self._append_far(body, number)
                else:
                    record = pack_header(length, crc32(body)) + body
                    try:
                        self._map[position:end] = record  # type: ignore[index]  # mapped, since size is above 0
                    finally:
                        # Also when Ctrl-C comes here: a reader may have the record already.
                        self.rows = number
                        self._position = end
            finally:
                self._busy = False
            if self._waiting:
                self._drain()

    def record(self, type: str, data: dict[str, Any], count: int = 1) -> None:
        """Append a record of `count` rows. Raises OSError, or TypeError and others for what has no encoding."""
        with self._lock:
            if self._busy:
                self._waiting.append((type, data, count))
                return
            self._busy = True
            try:
                # A record of many rows carries the number of its first one.
                body = _encode((self.rows + 1, type, _now(), data))
                self._append_far(body, self.rows + count)
            finally:
                self._busy = False
            if self._waiting:
                self._drain()

    def close(self) -> None:
        """Give back the space that was reserved. What is written stays."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            end = self._base + self._position
            if self._map is not None:
                self._map.close()
                self._map = None
            self._size = 0
            os.ftruncate(self._descriptor, end)
            os.close(self._descriptor)

    def abandon(self) -> None:
        """Let go of the file without touching it: after a fork it belongs to the parent."""
        self._closed = True
        if self._map is not None:
            self._map.close()
            self._map = None
        self._size = 0
        os.close(self._descriptor)

    def _drain(self) -> None:
        """Write what a signal handler logged while a record was being written."""
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            if len(item) == 2:
                self.row(*item)
            else:
                self.record(*item)

    def _append_far(self, body: bytes, rows: int) -> None:
        """Append `body` wherever there is room, and count up to `rows`."""
        if self._closed:
            raise ValueError("The spool is closed.")
        record = frame(body)
        if self._mappable and self._position + len(record) > self._size:
            self._map_next(len(record))
        position = self._position
        if self._map is None:
            self._write(record)
        try:
            if self._map is not None:
                self._map[position : position + len(record)] = record
        finally:
            # Also when Ctrl-C comes here: a reader may have the record already.
            self._position = position + len(record)
            self.rows = rows

    def _write(self, record: bytes) -> None:
        if os.pwrite(self._descriptor, record, self._base + self._position) != len(record):
            # The next record is written over what went in.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _map_next(self, room: int) -> None:
        """Reserve and map the next window, with at least `room` bytes. Raises OSError if the disk is full."""
        place = self._base + self._position
        base = place - place % mmap.ALLOCATIONGRANULARITY
        size = max(_WINDOW, -(-(place - base + room) // _WINDOW) * _WINDOW)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._descriptor, base, size)
            else:
                self._fill(base + size)
            window = mmap.mmap(self._descriptor, size, offset=base)
        except OSError as problem:
            if problem.errno not in _UNMAPPABLE:
                raise
            self._mappable = False
            self._unmap()
            return
        with contextlib.suppress(OSError, AttributeError, ValueError):  # an older kernel: pages come one by one
            window.madvise(_POPULATE_WRITE)
        self._unmap()
        self._map, self._base, self._position, self._size = window, base, place - base, size

    def _fill(self, end: int) -> None:
        """Reserve up to `end` by writing zeros, where the system has no other way."""
        known = os.fstat(self._descriptor).st_size
        while known < end:
            known += os.pwrite(self._descriptor, bytes(min(65536, end - known)), known)

    def _unmap(self) -> None:
        if self._map is not None:
            self._map.close()
        self._map, self._size = None, 0

    def _continue(self, path: Path) -> None:
        """Find the end of what an earlier writer of this file left, and clear what is torn behind it."""
        last = None
        for body, self._position in bodies(path):  # the place after the last one stays
            last = body
        if last is not None:
            self.rows = last_row(last)
        os.ftruncate(self._descriptor, self._position)


def bodies(path: Path) -> Iterator[tuple[bytes, int]]:
    """The whole records of a file, each with the place where it ends. Raises OSError."""
    with path.open("rb") as file:
        place, size = 0, _CHUNK
        while True:
            file.seek(place)
            piece = file.read(size)
            found = scan(piece)
            for body in found.bodies:
                place += HEADER_SIZE + len(body)
                yield body, place
            if len(piece) < size or (found.bodies and found.end == "zeros"):
                return
            size = _CHUNK if found.bodies else MAX_BODY + HEADER_SIZE
            if not found.bodies and len(piece) >= size:
                return


def last_row(body: bytes) -> int:
    """The number of the last row in a record's body."""
    record = msgspec.msgpack.decode(body)
    number: int = record[0]
    return number if record[1] == "m" else number + rows_in(record[1], record[3]) - 1


def rows_in(type: str, data: dict[str, Any]) -> int:
    """How many rows a record's data holds."""
    if type == "run.log":
        return len(data["lines"])
    return len(data["step"]) if type == "run.metrics" else 1
