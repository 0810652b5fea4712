"""The framing of spool files (PROTOCOL §7): `u32 length | u32 CRC-32 of the body | body`, little endian.

A file is written front to back by one process that may die at any instruction, so its end may be torn. Length and
checksum tell.

A body is MessagePack, but for packed rows: metric rows with the keys of the one before, which take half the time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Literal
from zlib import crc32

import msgspec

HEADER_SIZE = 8
MAX_BODY = 8 * 1024 * 1024
"""Bytes. A longer length is a sign of damage, not of a record."""

PACKED = 0xC1
"""First byte of a packed row's body; no MessagePack value begins with it."""

End = Literal["clean", "zeros", "torn"]

pack_header = struct.Struct("<II").pack
_unpack_header = struct.Struct("<II").unpack_from
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class Scanned(msgspec.Struct, frozen=True):
    """The whole records at the front of a buffer, and what comes after them."""

    bodies: list[bytes]
    size: int
    """Bytes that they fill, headers included: where the next record begins."""
    end: End
    """`clean`: the buffer ends with a record; `zeros`: nothing was written there yet; `torn`: half a record, or damage.
    """


def frame(body: bytes) -> bytes:
    """`body` as one record. Raises ValueError if it is empty or longer than MAX_BODY."""
    if not 0 < len(body) <= MAX_BODY:
        raise ValueError(f"A record's body has 1 to {MAX_BODY} bytes; this one has {len(body)}.")
    return pack_header(len(body), crc32(body)) + body


def scan(buffer: bytes | memoryview, limit: int | None = None) -> Scanned:
    """Read whole records from the front of `buffer`, at most `limit` of them.

    What is `torn` now may be whole in a moment if its writer lives; after its death it is the end of the file.
    """
    view = memoryview(buffer)
    bodies: list[bytes] = []
    position, end = 0, len(view)
    while limit is None or len(bodies) < limit:
        if position == end:
            return Scanned(bodies, position, "clean")
        if position + HEADER_SIZE > end:
            return Scanned(bodies, position, "torn" if any(view[position:]) else "zeros")
        length, checksum = _unpack_header(view, position)
        if length == 0:
            return Scanned(bodies, position, "zeros" if checksum == 0 else "torn")
        start = position + HEADER_SIZE
        body = bytes(view[start : start + length]) if length <= MAX_BODY else b""
        if len(body) != length or crc32(body) != checksum:
            return Scanned(bodies, position, "torn")
        bodies.append(body)
        position = start + length
    return Scanned(bodies, position, "clean")


class Packing:
    """How rows with the keys of `row` are packed: `0xC1 | u64 n | f64 time | i64 step | 8 bytes for each value`.

    All little endian. A value is an i64 where `row` has an integer, else an f64.
    """

    __slots__ = ("keys", "pack", "pick", "unpack", "width")

    def __init__(self, row: Mapping[str, float | int]) -> None:
        """`row` is not empty."""
        self.keys = tuple(row)
        self.width = len(row)
        form = struct.Struct("<BQdq" + "".join("q" if value.__class__ is int else "d" for value in row.values()))
        self.pack = form.pack
        """A body of `PACKED, n, time, step, *values`. Raises struct.error, or what a foreign number's code raises."""
        self.unpack = form.unpack
        get = itemgetter(*row)
        self.pick: Callable[[Mapping[str, Any]], tuple[Any, ...]] = get if self.width > 1 else lambda row: (get(row),)
        """The values of a row of `width` keys. Raises KeyError if they are others."""


class Unpacker:
    """Decodes the bodies of one file, in order: packed rows become the plain rows that they stand for."""

    def __init__(self) -> None:
        self._row: dict[str, float | int] = {}
        """The last one that said its keys."""
        self._packing: Packing | None = None

    def decode(self, body: bytes) -> list[Any]:
        """`[n, type, time, data]`, or `[n, "m", time, step, values]`. Raises ValueError for what is neither."""
        if body[0] == PACKED:
            return self._unpack(body)
        record = _decode(body)
        if record[1] == "m":
            self._row, self._packing = record[4], None
        return record

    def _unpack(self, body: bytes) -> list[Any]:
        if not self._row:
            raise ValueError("No row before this packed one says its keys.")
        if self._packing is None:
            self._packing = Packing(self._row)
        try:
            _, n, time, step, *values = self._packing.unpack(body)
        except struct.error as problem:
            raise ValueError(f"This packed row does not fit the one that says its keys: {problem}") from None
        return [n, "m", time, step, dict(zip(self._packing.keys, values, strict=True))]
