"""The socket beneath a response, as an ASGI extension: streams need it to tell a slow reader from a dead one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import struct
import termios

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "pulsetrain.transport"


class StreamingProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol that also hands out its transport. For `uvicorn.Config(http=StreamingProtocol)`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"protocol": self}}


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


def unread_bytes(transport: asyncio.Transport) -> int:
    """Bytes that were written and that the other end has not acknowledged: in our buffer and in the kernel's."""
    waiting = transport.get_write_buffer_size()
    socket = transport.get_extra_info("socket")
    if socket is not None:
        with contextlib.suppress(OSError):
            queued: int = struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]
            waiting += queued
    return waiting
