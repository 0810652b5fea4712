"""Frames of RFC 6455 from the server, made apart from any connection so that many share one.

What permessage-deflate (RFC 7692) makes of a message depends on the message alone where nothing is taken over from the
one before; so a batch is compressed once, however many readers take it.
"""

from __future__ import annotations

import struct
import zlib

_FINAL_TEXT, _FINAL_BINARY, _FINAL_PING = 0x81, 0x82, 0x89
_COMPRESSED = 0x40
_LEVEL = 5
_WORTH_IT = 128
"""Bytes from which compressing pays."""
_EMPTY_BLOCK = b"\x00\x00\xff\xff"

PING = bytes((_FINAL_PING, 0))


def message_frame(payload: bytes, *, binary: bool, window_bits: int | None = None) -> bytes:
    """`payload` as one unmasked frame; compressed for receivers that agreed on a window of 2**`window_bits` bytes."""
    first = _FINAL_BINARY if binary else _FINAL_TEXT
    if window_bits is not None and len(payload) >= _WORTH_IT:
        payload = deflate(payload, window_bits)
        first |= _COMPRESSED
    return _head(first, len(payload)) + payload


def deflate(payload: bytes, window_bits: int) -> bytes:
    """`payload` as RFC 7692 §7.2.1 has it: a raw deflate stream without the empty block at its end."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -window_bits)
    packed = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return packed.removesuffix(_EMPTY_BLOCK)


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)
