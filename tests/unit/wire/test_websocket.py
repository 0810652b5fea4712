"""Frames of the server, read back by a library that others wrote."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from pulsetrain.wire.websocket import PING, message_frame


def parsed(data: bytes, window_bits: int | None = None) -> tuple[Frame, bool]:
    """The one frame that `data` is, and whether it came deflated."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    extensions = [PerMessageDeflate(True, True, window_bits, 15)] if window_bits else []
    parser: Generator[None, None, Frame] = Frame.parse(reader.read_exact, mask=False, extensions=extensions)
    with pytest.raises(StopIteration) as found:
        next(parser)
    assert reader.buffer == b"" or not reader.buffer
    return found.value.value, bool(data[0] & 0x40)


@given(st.binary(max_size=300) | st.sampled_from([125, 126, 127, 65535, 65536, 200_000]).map(bytes), st.booleans())
def test_a_frame_is_read_back_as_it_was(payload: bytes, binary: bool) -> None:
    frame, deflated = parsed(message_frame(payload, binary=binary))
    assert (bytes(frame.data), frame.fin, deflated) == (payload, True, False)
    assert frame.opcode == (Opcode.BINARY if binary else Opcode.TEXT)


@given(st.binary(max_size=400).map(lambda data: data * 3), st.integers(9, 15))
def test_a_deflated_frame_inflates_to_what_it_was(payload: bytes, window_bits: int) -> None:
    frame, deflated = parsed(message_frame(payload, binary=True, window_bits=window_bits), window_bits)
    assert bytes(frame.data) == payload
    assert deflated == (len(payload) >= 128)


def test_much_of_the_same_becomes_little() -> None:
    payload = b'{"type":"run.metrics","loss":0.5}' * 500
    assert len(message_frame(payload, binary=False, window_bits=15)) < len(payload) / 15


def test_a_ping_is_a_ping() -> None:
    frame, _ = parsed(PING)
    assert (frame.opcode, frame.data) == (Opcode.PING, b"")
