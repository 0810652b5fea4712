"""How the benchmarks post."""

from __future__ import annotations

import socket


class Http:
    """One kept connection; requests may be sent before the answers to earlier ones are read."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def send(self, path: str, body: bytes, headers: str = "") -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._socket.sendall(head.encode() + body)

    def answer(self) -> None:
        status = self._file.readline()
        length = 0
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self._file.read(length)
        if not status.startswith(b"HTTP/1.1 20"):
            raise SystemExit(f"A publication was refused: {status!r}")
