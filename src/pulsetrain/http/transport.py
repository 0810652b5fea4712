"""The socket beneath a response, as an ASGI extension: streams need it to tell a slow reader from a dead one, and to
write bytes that many readers share past the layers that would make them anew for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import struct
import termios
import time
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.http11 import Request as Handshake

EXTENSION = "pulsetrain.transport"

MAX_MESSAGE = 64 * 1024
"""Bytes of a client's WebSocket message, also after inflating."""
_FRAMES, _FRAMES_SECONDS = 100, 10.0
"""Frames of a client in so many seconds, pings included. Unused ones are saved up, to twice as many."""


class StreamingProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol that also hands out its transport. For `uvicorn.Config(http=StreamingProtocol)`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"protocol": self}}


class MessageProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, with frames that many readers share. For `uvicorn.Config(ws=MessageProtocol)`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        deflate = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
        self.conn.available_extensions = [deflate]
        self.conn.max_message_size = MAX_MESSAGE
        self.heard_at = time.monotonic()
        """Monotonic seconds of the client's last frame."""
        self._credit = 2.0 * _FRAMES

    def handle_connect(self, event: Handshake) -> None:
        super().handle_connect(event)
        if self.handshake_initiated and not self.handshake_complete:
            self.scope["extensions"][EXTENSION] = {"protocol": self}

    def handle_events(self) -> None:
        """Let no client keep the server busy with frames that cost it nothing, such as pings."""
        self._pay(self.conn.events)
        super().handle_events()

    def _pay(self, events: list[Any]) -> None:
        now = time.monotonic()
        self._credit = min(2.0 * _FRAMES, self._credit + (now - self.heard_at) * _FRAMES / _FRAMES_SECONDS)
        self.heard_at = now
        self._credit -= sum(isinstance(event, Frame) for event in events)
        if self._credit < 0 and not self.close_sent:
            events.clear()
            self.conn.fail(1008, "too many frames")
            self.handle_parser_exception()

    @property
    def open(self) -> bool:
        """Whether frames may be written."""
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())

    @property
    def idle(self) -> bool:
        """Whether all that was written has left, and more may be written at once."""
        return self.open and self.transport.get_write_buffer_size() == 0

    @property
    def window_bits(self) -> int | None:
        """The window of permessage-deflate for what this server sends, or None without it."""
        agreed = [one for one in self.conn.extensions if isinstance(one, PerMessageDeflate)]
        return agreed[0].local_max_window_bits if agreed else None


class Socket:
    """The socket of a response that has begun and is sent in chunks."""

    def __init__(self, protocol: StreamingProtocol) -> None:
        self._protocol = protocol
        self._response = protocol.cycle
        self.transport: asyncio.Transport = protocol.transport

    @property
    def idle(self) -> bool:
        """Whether all that was written has left, and more may be written at once."""
        response = self._response
        return (
            response.chunked_encoding is True
            and not response.disconnected
            and not response.response_complete
            and not self._protocol.flow.write_paused
            and self.transport.get_write_buffer_size() == 0
        )

    def write(self, chunk: bytes) -> None:
        """Write what `chunked` made, past the layers of the application. Only while `idle`."""
        self.transport.write(chunk)


def chunked(body: bytes) -> bytes:
    """`body` as one chunk of HTTP/1.1. It is not empty: an empty chunk would end the response."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def socket_of(scope: Scope) -> Socket | None:
    """The socket of this request, or None under a server that does not tell."""
    extension = scope.get("extensions", {}).get(EXTENSION)
    return Socket(extension["protocol"]) if extension else None


def messages_of(scope: Scope) -> MessageProtocol:
    """The protocol beneath this WebSocket."""
    protocol: MessageProtocol = scope["extensions"][EXTENSION]["protocol"]
    return protocol


def unread_bytes(transport: asyncio.Transport) -> int:
    """Bytes that were written and that the other end has not acknowledged: in our buffer and in the kernel's."""
    waiting = transport.get_write_buffer_size()
    socket = transport.get_extra_info("socket")
    if socket is not None:
        with contextlib.suppress(OSError):
            queued: int = struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]
            waiting += queued
    return waiting
