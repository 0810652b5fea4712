"""The two ways in which a stream leaves: chunks of an HTTP response, and messages of a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
import time
from collections.abc import Callable
from typing import Protocol

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

_CLOSE_SECONDS = 10.0
"""How long the other end of a WebSocket has to answer a close frame."""
_FRAMES, _FRAMES_SECONDS = 100, 10.0
"""Frames of a client in so many seconds, pings included. Unused ones are saved up, to twice as many."""


class Outlet(asyncio.Protocol):
    """Where the bytes of a stream go. Whole frames of one stream, or of several, one after the other."""

    __slots__ = ("_file", "_lost", "_over", "_room", "transport")

    transport: asyncio.Transport

    def __init__(self, lost: Callable[[], None]) -> None:
        """`lost` is called when the connection is gone, whoever ended it."""
        self._lost = lost
        self._file = -1
        self._over = False
        """Whether this side has said its last word."""
        self._room: asyncio.Future[None] | None = None
        """Set while the buffer is full; done when there is room again."""

    def attach(self, transport: asyncio.Transport) -> None:
        """Go on with this connection."""
        self.transport = transport
        self._file = transport.get_extra_info("socket").fileno()

    @property
    def idle(self) -> bool:
        """Whether all that was written has left, so that `put` may be called."""
        transport = self.transport
        return not (self._over or self._room or transport.get_write_buffer_size() or transport.is_closing())

    def put(self, data: bytes) -> None:
        """Write what is `wrapped` at once; only while `idle`."""
        # Straight to the socket: the loop would send to the first of a thousand readers after it has queued for the
        # last. As long as the transport is not closing, the file is its own.
        try:
            sent = os.write(self._file, data)
        except OSError:
            sent = 0  # full, or broken, which the transport finds out
        if sent < len(data):
            self.transport.write(data[sent:])

    async def write(self, body: bytes) -> None:
        """Write, and return as soon as there is room for more."""
        if not self.transport.is_closing():
            self.transport.write(self.wrapped(body))
        while self._room is not None:
            await asyncio.shield(self._room)

    def wrapped(self, body: bytes) -> bytes:
        """`body` as it goes over the wire. Readers who are given the same bytes in turn share what is made of them."""
        return body

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._file = -1
        self.resume_writing()
        self._lost()

    def eof_received(self) -> bool:
        return False


class Chunks(Outlet):
    """The body of an HTTP response whose head has been sent."""

    __slots__ = ()

    def wrapped(self, body: bytes) -> bytes:
        return _shared_chunk(body)

    def finish(self) -> None:
        """End the response in order, and with it the connection."""
        if not self.transport.is_closing():
            self.transport.write(b"0\r\n\r\n")
            self.transport.close()


_last_chunk = (b"", b"")


def _shared_chunk(body: bytes) -> bytes:
    """The chunk of `body`; readers that are given the same bytes one after the other share one."""
    global _last_chunk  # A memory of one entry, of the one event loop.
    if _last_chunk[0] is not body:
        _last_chunk = (body, chunked(body))
    return _last_chunk[1]


def chunked(body: bytes) -> bytes:
    """`body` as one chunk of HTTP/1.1. It is not empty: an empty chunk would end the response."""
    return b"%x\r\n%b\r\n" % (len(body), body)


class Talker(Protocol):
    """Who is at this end of a WebSocket."""

    def received(self, message: str | bytes) -> None: ...

    def lost(self) -> None: ...


class Messages(Outlet):
    """A WebSocket after its handshake."""

    __slots__ = ("_connection", "_credit", "_fragments", "_is_text", "_talker", "heard_at")

    def __init__(self, talker: Talker) -> None:
        super().__init__(talker.lost)
        self._talker = talker
        self._connection: ServerProtocol
        self._fragments: list[bytes] = []
        self._is_text = True
        self._credit = 2.0 * _FRAMES
        self.heard_at = time.monotonic()
        """Monotonic seconds of the client's last frame."""

    def begin(self, transport: asyncio.Transport, connection: ServerProtocol) -> None:
        """`connection` is the state of the protocol after the handshake."""
        self.attach(transport)
        self._connection = connection

    @property
    def window_bits(self) -> int | None:
        """The window of permessage-deflate for what this server sends, or None without it."""
        agreed = [one for one in self._connection.extensions if isinstance(one, PerMessageDeflate)]
        return agreed[0].local_max_window_bits if agreed else None

    @property
    def open(self) -> bool:
        """Whether messages may be sent."""
        return self._connection.close_sent is None and not self.transport.is_closing()

    def say(self, frame: bytes) -> None:
        """Write a frame behind what waits, if messages may be sent."""
        if self.open:
            self.transport.write(frame)

    async def write(self, body: bytes) -> None:
        if self.open:
            await super().write(body)

    def close(self, code: int, reason: str) -> None:
        """Say why this ends, and wait for the answer, but not for ever."""
        if self.open:
            # At most 123 bytes fit into the frame, and a client's own words may stand in the reason.
            self._connection.send_close(code, reason.encode("utf-8", "replace")[:120].decode("utf-8", "ignore"))
            self._flush()
            asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        connection = self._connection
        connection.receive_data(data)
        for event in connection.events_received():
            if isinstance(event, Frame) and self._affordable():
                self._frame(event)
        self._flush()
        if connection.parser_exc is not None or connection.close_expected():
            self.transport.close()

    def _flush(self) -> None:
        self._over = self._connection.close_sent is not None
        if said := b"".join(self._connection.data_to_send()):
            self.transport.write(said)

    def _affordable(self) -> bool:
        """Let no client keep the server busy with frames that cost it nothing, such as pings."""
        now = time.monotonic()
        self._credit = min(2.0 * _FRAMES, self._credit + (now - self.heard_at) * _FRAMES / _FRAMES_SECONDS) - 1
        self.heard_at = now
        if self._credit < 0 and self._connection.close_sent is None:
            self._connection.fail(1008, "too many frames")
        return self._credit >= 0

    def _frame(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT) or self._connection.close_sent is not None:
            return
        if frame.opcode is not Opcode.CONT:
            self._is_text, self._fragments = frame.opcode is Opcode.TEXT, []
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return
        message, self._fragments = b"".join(self._fragments), []
        try:
            self._talker.received(message.decode() if self._is_text else message)
        except UnicodeDecodeError:
            self._connection.fail(1007, "this is not UTF-8")


def unread_bytes(transport: asyncio.Transport) -> int:
    """Bytes that were written and that the other end has not acknowledged: in our buffer and in the kernel's."""
    waiting = transport.get_write_buffer_size()
    socket = transport.get_extra_info("socket")
    # A connection that the other end has reset has no descriptor any more.
    if socket is not None and socket.fileno() >= 0:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed by now
            queued: int = struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]
            waiting += queued
    return waiting
