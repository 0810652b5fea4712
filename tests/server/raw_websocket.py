"""A WebSocket client that sends whatever bytes it is told to, as no well-bred one would."""

from __future__ import annotations

import socket
import struct
import zlib
from types import TracebackType

from live import PATIENCE, LiveServer

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
NO_CODE = 1005
"""What RFC 6455 calls the code of a close frame that has none."""
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10


def framed(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True, size: int = -1
) -> bytes:
    """A frame of a client. It claims `size` where that is not what it carries."""
    size = len(payload) if size < 0 else size
    first = (0x80 if final else 0) | reserved | opcode
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    # A mask of noughts is a mask, and leaves the payload to read.
    return head + (bytes(4) if masked else b"") + payload


def deflated(payload: bytes) -> bytes:
    """As permessage-deflate puts it on the wire."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


class RawWebSocket:
    """One connection. It never answers the server's close frame, nor anything else."""

    def __init__(self, server: LiveServer, subprotocol: str | None = None, *, query: str = "", **headers: str) -> None:
        """Connect and shake hands; header names are given with underscores, and None leaves one of ours out."""
        wanted: dict[str, str | None] = {
            "Host": f"127.0.0.1:{server.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "cHVsc2V0cmFpbi1rZXktMQ==",
            "Sec-WebSocket-Protocol": subprotocol,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"{name}: {value}" for name, value in wanted.items() if value is not None]
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.socket.sendall("\r\n".join([f"GET /api/events{query} HTTP/1.1", *lines, "", ""]).encode())
        self._rest = b""
        head = self._through(b"\r\n\r\n").decode().split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}

    def __enter__(self) -> RawWebSocket:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send them, or as much as the server still takes."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame of the server; EOFError where there is none."""
        first, size = self._take(2)
        if size == 126:
            [size] = struct.unpack("!H", self._take(2))
        elif size == 127:
            [size] = struct.unpack("!Q", self._take(8))
        return first & 0x0F, self._take(size)

    def close_code(self) -> int | None:
        """Read to the end of the connection; the code of the close frame before it, if there was one."""
        code = None
        try:
            while True:
                opcode, payload = self.frame()
                if opcode == CLOSE:
                    assert code is None, "one close frame"
                    code = struct.unpack("!H", payload[:2])[0] if payload else NO_CODE
        except (EOFError, ConnectionResetError):
            return code

    def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            self._more()
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def _through(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._more()
        taken, _, self._rest = self._rest.partition(mark)
        return taken

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError
        self._rest += piece
