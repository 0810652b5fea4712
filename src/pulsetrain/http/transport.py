"""uvicorn's protocols, taught to give a connection away once a stream has begun on it.

A stream lives for hours and mostly waits. Under ASGI it would hold its request, its parser, two tasks and a coroutine
for each layer of the application all that time: 20 kB, and a walk through all of them for each heartbeat. So the ASGI
call ends when the stream begins, and the socket goes on with a small protocol of our own (`outlets`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

MAX_MESSAGE = 64 * 1024
"""Bytes of a client's WebSocket message, also after inflating."""
_EXTENSION = "pulsetrain.transport"


class Gone(Exception):
    """The client left before its stream began."""


class RequestProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=RequestProtocol)`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"protocol": self}}

    def give_away(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        """Let `protocol` go on with the connection. Raises Gone."""
        transport = self.transport
        if self.cycle.disconnected or transport.is_closing():
            raise Gone
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.cycle.response_complete = True  # as far as uvicorn is concerned
        self.cycle.message_event.set()
        transport.set_protocol(protocol)
        return transport


class HandshakeProtocol(WebSocketsSansIOProtocol):
    """For `uvicorn.Config(ws=HandshakeProtocol)`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Without context takeover a batch is deflated once for all readers, and an idle connection holds no window.
        deflate = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
        self.conn = ServerProtocol(extensions=[deflate], max_size=MAX_MESSAGE, logger=self.conn.logger)

    def handle_connect(self, event: Handshake) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["extensions"][_EXTENSION] = {"protocol": self}

    def give_away(self, protocol: asyncio.Protocol) -> tuple[asyncio.Transport, ServerProtocol]:
        """Let `protocol` go on with the connection, which has been accepted. Raises Gone."""
        transport = self.transport
        if self.disconnected or transport.is_closing():
            raise Gone
        self.connections.discard(self)
        transport.set_protocol(protocol)
        # uvicorn closes its transport when the ASGI call ends.
        self.transport = _Nowhere()
        return transport, self.conn


class _Nowhere(asyncio.Transport):
    """What uvicorn holds when its connection has been given away."""

    def close(self) -> None:
        return


def response_of(scope: Scope) -> RequestProtocol:
    """uvicorn's protocol of this request."""
    protocol: RequestProtocol = scope["extensions"][_EXTENSION]["protocol"]
    return protocol


def handshake_of(scope: Scope) -> HandshakeProtocol:
    """uvicorn's protocol of this WebSocket."""
    protocol: HandshakeProtocol = scope["extensions"][_EXTENSION]["protocol"]
    return protocol
