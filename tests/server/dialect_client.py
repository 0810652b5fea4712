"""A client of the dialects that speak WebSocket: what it hears, until what it waits for comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any

from websockets.sync.client import connect

from live import PATIENCE, LiveServer

Message = dict[str, Any]


class DialectClient:
    """A WebSocket at `path` of `server`."""

    def __init__(self, server: LiveServer, path: str) -> None:
        self._opened = connect(f"ws://127.0.0.1:{server.port}{path}", open_timeout=PATIENCE)
        self.heard: list[Message] = []

    def __enter__(self) -> DialectClient:
        self._socket = self._opened.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self._opened.__exit__(kind, value, None)

    def say(self, message: Message) -> None:
        self._socket.send(json.dumps(message))

    def until(self, reached: Callable[[Message], bool]) -> Message:
        """Hear on until a message for which `reached` holds; it is the answer."""
        while True:
            message: Message = json.loads(self._socket.recv(timeout=PATIENCE))
            self.heard.append(message)
            if reached(message):
                return message

    def typed(self, kind: str) -> list[Message]:
        return [message for message in self.heard if message["type"] == kind]
