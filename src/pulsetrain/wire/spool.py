"""The framing of spool files (PROTOCOL §7): `u32 length | u32 CRC-32 of the body | body`, little endian.

A file is written front to back by one process that may die at any instruction, so its end may be torn. Length and
checksum tell.
"""

from __future__ import annotations

import struct
from typing import Literal
from zlib import crc32

import msgspec

HEADER_SIZE = 8
MAX_BODY = 8 * 1024 * 1024
"""Bytes. A longer length is a sign of damage, not of a record."""

End = Literal["clean", "zeros", "torn"]

pack_header = struct.Struct("<II").pack
_unpack_header = struct.Struct("<II").unpack_from


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
