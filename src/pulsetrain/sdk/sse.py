"""Reading Server-Sent Events, as the HTML standard has them: bytes in any pieces to messages. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Message:
    """One event of a stream."""

    name: str
    """`message` for an unnamed one."""
    data: str
    id: str
    """The last id that the stream gave, so far."""


class SseReader:
    """Keeps what the standard keeps over messages and reconnects: the last id, and when to come back."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry_seconds: float | None = None
        self.restart()

    def restart(self) -> None:
        """Forget a message that a broken connection left half."""
        self._rest = bytearray()
        self._skip_newline = False
        self._first = True
        self._name = ""
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, piece: bytes) -> Iterator[Message]:
        """The messages that `piece` completes. Raises ValueError for a line without end."""
        for line in self._lines(piece):
            if not line:
                message = self._dispatch()
                if message is not None:
                    yield message
            elif not line.startswith(":"):
                name, _, value = line.partition(":")
                self._field(name, value.removeprefix(" "))

    def _lines(self, piece: bytes) -> Iterator[str]:
        if not piece:
            return
        if self._skip_newline and piece[:1] == b"\n":
            piece = piece[1:]
        self._skip_newline = piece[-1:] == b"\r"
        if b"\n" not in piece and b"\r" not in piece:
            self._rest += piece
            if len(self._rest) > _LIMIT:
                raise ValueError("The stream has a line without end.")
            return
        *whole, rest = (bytes(self._rest) + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = bytearray(rest)
        for line in whole:
            text = line.decode("utf-8", "replace")
            yield text.removeprefix("\ufeff") if self._first else text
            self._first = False

    def _field(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_seconds = int(value) / 1000

    def _dispatch(self) -> Message | None:
        if self._id is not None:
            self.last_id = self._id
        message = Message(self._name or "message", "\n".join(self._data), self.last_id) if self._data else None
        self._name, self._data, self._id = "", [], None
        return message
