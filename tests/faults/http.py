"""As much of an HTTP client as the readers need: one GET, whose body can be taken as it comes, cut off or not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping


class Broken(Exception):
    """The connection brought no whole answer."""


class Answer:
    """Head of a response, and its body."""

    def __init__(self, reader: asyncio.StreamReader, silence: float) -> None:
        self._reader, self._silence = reader, silence
        self.status = 0
        self.headers: dict[str, str] = {}

    async def head(self) -> None:
        async with asyncio.timeout(self._silence):
            lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises EOFError where they end too early."""
        if self.headers.get("transfer-encoding") != "chunked":
            async for piece in self._exactly(int(self.headers["content-length"])):
                yield piece
            return
        while True:
            async with asyncio.timeout(self._silence):
                size = int((await self._reader.readuntil(b"\r\n")), 16)
            async for piece in self._exactly(size):
                yield piece
            async with asyncio.timeout(self._silence):
                await self._reader.readexactly(2)
            if size == 0:
                return

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def _exactly(self, left: int) -> AsyncIterator[bytes]:
        while left:
            async with asyncio.timeout(self._silence):
                piece = await self._reader.read(min(left, 65536))
            if not piece:
                raise EOFError(f"{left} bytes are missing")
            left -= len(piece)
            yield piece


@contextlib.asynccontextmanager
async def get(port: int, path: str, headers: Mapping[str, str], silence: float) -> AsyncIterator[Answer]:
    """Ask for `path`; after `silence` seconds without a byte it is over (TimeoutError, an OSError)."""
    async with asyncio.timeout(silence):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        fields = {"Host": f"127.0.0.1:{port}", "Connection": "close", **headers}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = Answer(reader, silence)
        await answer.head()
        yield answer
    finally:
        writer.transport.abort()
