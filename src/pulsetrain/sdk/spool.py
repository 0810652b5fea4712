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
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from zlib import crc32

import msgspec

from pulsetrain.wire.spool import HEADER_SIZE, MAX_BODY, PACKED, Packing, Unpacker, frame, pack_header, scan

_WINDOW = 256 * 1024
_CHUNK = 1024 * 1024
_PATIENCE = 30
"""Seconds for another thread to come to an end with its record: a number may have to wait for its GPU first."""
_POPULATE_WRITE = 23
"""madvise(2) MADV_POPULATE_WRITE, Linux 5.14: makes all pages writable now, not each at its first touch."""

_UNMAPPABLE = {errno.EOPNOTSUPP, errno.ENODEV, errno.EINVAL, errno.ENOSYS, errno.EACCES, errno.EPERM}

_encode = msgspec.msgpack.Encoder().encode
_now = time.time


class SpoolWriter:
    """Appends records to one producer's file and numbers their rows. Safe for threads and for signal handlers.

    Whoever writes holds the one token in `_turn`. Taking it out of a list is one step for the interpreter, and costs a
    third of what a lock does, which would be a third of the whole call.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`; where it exists, go on after its last whole record. Raises OSError."""
        self.rows = 0
        """Rows written: the number of the last one."""
        self._turn: list[None] = [None]
        self._waiting: list[Callable[[], None]] = []
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._map: mmap.mmap | None = None
        self._put: Callable[[bytes], object] = _no_room
        """Copies a record to where the next one belongs, and moves on; ValueError if it does not fit there."""
        self._keys: tuple[str, ...] = ()
        """Those that the last row of metrics had."""
        self._packing: Packing | None = None
        """How the next row is packed, if it has them too."""
        self._base = 0
        """Where the window begins in the file; without one, where the next record goes."""
        self._mappable = True
        self._closed = False
        if os.fstat(self._descriptor).st_size:
            self._continue(path)

    def row(self, step: int | None, values: Mapping[str, Any]) -> None:
        """Append one row of metrics. Raises OSError (disk full), or TypeError and others for what is no plain row."""
        try:
            self._turn.pop()
        except IndexError:
            self._wait(partial(self.row, step, values))
            return
        try:
            number, packing, body = self.rows + 1, self._packing, None
            # A dict and no other mapping: looking into a defaultdict would add to it.
            if packing is not None and values.__class__ is dict and len(values) == packing.width:
                try:
                    body = packing.pack(*((PACKED, number, _now(), step) + packing.pick(values)))  # noqa: RUF005  # slower
                except Exception:  # noqa: BLE001  # other keys, or whatever the code of a foreign number raises
                    packing = None
            else:
                packing = None
            if body is None:
                body = self._body_with_keys(number, step, values)
            record = pack_header(len(body), crc32(body)) + body
            # Counted first: when Ctrl-C comes after the copy, a reader may have the record already.
            self.rows = number
            try:
                self._put(record)
            except ValueError:
                self.rows = number - 1
                self._append(record, number)
            if packing is None:
                self._learn(values)
        finally:
            self._turn.append(None)
        if self._waiting:
            self._drain()

    def _body_with_keys(self, number: int, step: int | None, values: Mapping[str, Any]) -> bytes:
        """The body of a row that says its keys. Raises TypeError and others for what is no plain row."""
        for key, value in values.items():
            kind = value.__class__
            if (kind is not float and kind is not int) or key.__class__ is not str:
                raise TypeError("This is not a row of plain numbers.")
        # Whatever comes before the row is known to be written, even Ctrl-C: nothing is packed under the old keys now.
        self._packing = None
        return _encode((number, "m", _now(), step, values))

    def _learn(self, values: Mapping[str, Any]) -> None:
        """The row that was written says its keys; those after it may be packed."""
        before, self._keys = self._keys, (*values,)
        # Not at once: keys that take turns would need a new packing for each row.
        if before and before == self._keys:
            self._packing = Packing(values)

    def record(self, type: str, data: dict[str, Any], count: int = 1) -> None:
        """Append a record of `count` rows. Raises OSError, or TypeError and others for what has no encoding."""
        try:
            self._turn.pop()
        except IndexError:
            self._wait(partial(self.record, type, data, count))
            return
        try:
            # A record of many rows carries the number of its first one.
            body = _encode((self.rows + 1, type, _now(), data))
            self._append(frame(body), self.rows + count)
        finally:
            self._turn.append(None)
        if self._waiting:
            self._drain()

    def close(self) -> None:
        """Give back the space that was reserved. What is written stays."""
        try:
            self._turn.pop()
        except IndexError:
            self._wait(self.close)
            return
        try:
            if not self._closed:
                end = self._place
                self._let_go()
                os.ftruncate(self._descriptor, end)
                os.close(self._descriptor)
        finally:
            self._turn.append(None)

    def abandon(self) -> None:
        """Let go of the file without touching it: after a fork it belongs to the parent."""
        if not self._closed:
            self._let_go()
            os.close(self._descriptor)

    @property
    def _place(self) -> int:
        """Where in the file the next record belongs."""
        return self._base + (self._map.tell() if self._map is not None else 0)

    def _let_go(self) -> None:
        self._closed = True
        self._unmap()

    def _wait(self, write: Callable[[], None]) -> None:
        """Somebody is writing: another thread, which will be done soon, or what a signal handler has interrupted."""
        if _writing(self, sys._getframe(2)):
            self._waiting.append(write)
            return
        for _ in range(_PATIENCE):
            if self._turn_comes(1.0):
                break
            others = (frame for id, frame in sys._current_frames().items() if id != threading.get_ident())
            if not any(_writing(self, frame) for frame in others):
                # Ctrl-C came in the one moment between taking the token and being ready to give it back.
                self._turn.append(None)
                break
        else:
            raise TimeoutError("another thread does not come to an end with its record")
        write()

    def _turn_comes(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._turn:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.0001)
        return True

    def _drain(self) -> None:
        """Write what a signal handler logged while a record was being written."""
        waiting, self._waiting = self._waiting, []
        for write in waiting:
            write()

    def _append(self, record: bytes, rows: int) -> None:
        """Append `record` wherever there is room, and count up to `rows`."""
        if self._closed:
            raise ValueError("The spool is closed.")
        if len(record) > HEADER_SIZE + MAX_BODY:
            raise ValueError("This is too long for one record.")
        if self._mappable and (self._map is None or self._map.tell() + len(record) > len(self._map)):
            self._map_next(len(record))
        if self._map is None:
            self._write(record)
            self._base += len(record)
            self.rows = rows
            return
        self.rows = rows
        self._put(record)

    def _write(self, record: bytes) -> None:
        if os.pwrite(self._descriptor, record, self._base) != len(record):
            # The next record is written over what went in.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _map_next(self, room: int) -> None:
        """Reserve and map the next window, with at least `room` bytes. Raises OSError if the disk is full."""
        place = self._place
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
        window.seek(place - base)
        self._unmap()
        self._map, self._put, self._base = window, window.write, base

    def _fill(self, end: int) -> None:
        """Reserve up to `end` by writing zeros, where the system has no other way."""
        known = os.fstat(self._descriptor).st_size
        while known < end:
            known += os.pwrite(self._descriptor, bytes(min(65536, end - known)), known)

    def _unmap(self) -> None:
        if self._map is not None:
            self._base = self._place
            self._map.close()
        self._map, self._put = None, _no_room

    def _continue(self, path: Path) -> None:
        """Find the end of what an earlier writer of this file left, and clear what is torn behind it."""
        for record, self._base in records(path):  # the place after the last one stays
            self.rows = record[0] if record[1] == "m" else record[0] + rows_in(record[1], record[3]) - 1
        os.ftruncate(self._descriptor, self._base)


def _no_room(_: bytes) -> None:
    raise ValueError


def _writing(writer: SpoolWriter, frame: FrameType | None) -> bool:
    """Whether `frame`, or one that it was called from, is in the middle of writing with `writer`."""
    while frame is not None:
        if frame.f_code in _WRITING and frame.f_locals.get("self") is writer:
            return True
        frame = frame.f_back
    return False


_WRITING = {SpoolWriter.row.__code__, SpoolWriter.record.__code__, SpoolWriter.close.__code__}


def records(path: Path) -> Iterator[tuple[list[Any], int]]:
    """The whole records of a file, each with the place where it ends. Raises OSError."""
    decode = Unpacker().decode
    with path.open("rb") as file:
        place, size = 0, _CHUNK
        while True:
            file.seek(place)
            piece = file.read(size)
            found = scan(piece)
            for body in found.bodies:
                place += HEADER_SIZE + len(body)
                yield decode(body), place
            if len(piece) < size or (found.bodies and found.end == "zeros"):
                return
            size = _CHUNK if found.bodies else MAX_BODY + HEADER_SIZE
            if not found.bodies and len(piece) >= size:
                return


def rows_in(type: str, data: dict[str, Any]) -> int:
    """How many rows a record's data holds."""
    if type == "run.log":
        return len(data["lines"])
    return len(data["step"]) if type == "run.metrics" else 1
