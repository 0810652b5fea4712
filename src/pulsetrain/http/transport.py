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
        self.scope["extensions"] = {EXTENSION: {"transport": self.transport}}


def transport_of(scope: Scope) -> asyncio.Transport | None:
    """The transport of this request, or None under a server that does not tell."""
    extension = scope.get("extensions", {}).get(EXTENSION)
    transport: asyncio.Transport | None = extension["transport"] if extension else None
    return transport


def unread_bytes(transport: asyncio.Transport) -> int:
    """Bytes that were written and that the other end has not acknowledged: in our buffer and in the kernel's."""
    waiting = transport.get_write_buffer_size()
    socket = transport.get_extra_info("socket")
    if socket is not None:
        with contextlib.suppress(OSError):
            queued: int = struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]
            waiting += queued
    return waiting
