"""A real server of the stream alone, and readers that speak to it over sockets by the letter of the standard."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.hub import Hub
from pulsetrain.core.ingest import Ingest
from pulsetrain.http import events, ingest
from pulsetrain.http.errors import exception_handlers
from pulsetrain.http.transport import HandshakeProtocol, RequestProtocol
from pulsetrain.model.events import NewEvent

RUN, OTHER = "r_aaaaaaaaaa", "r_bbbbbbbbbb"
PATIENCE = 30.0


def line(text: str = "x", run: str = RUN) -> NewEvent:
    return NewEvent("run.log", {"lines": [{"stream": "stdout", "text": text, "time": 1.0, "level": None}]}, run)


class Frame(msgspec.Struct):
    event: str
    id: str | None
    data: Any
    raw: bytes


class Client:
    """One HTTP connection that reads a stream. What it has not read yet stays in the sockets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self._rest = b""
        self.ended = False

    async def start(self) -> Client:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        return self

    async def body(self) -> bytes:
        if "content-length" in self.headers:
            return await self._reader.readexactly(int(self.headers["content-length"]))
        while not self.ended:
            await self._chunk()
        return self._rest

    async def _chunk(self) -> None:
        size = int(await self._reader.readline(), 16)
        self._rest += (await self._reader.readexactly(size + 2))[:-2]
        self.ended = size == 0

    async def frame(self) -> Frame:
        while b"\n\n" not in self._rest:
            if self.ended:
                raise EOFError
            await self._chunk()
        raw, _, self._rest = self._rest.partition(b"\n\n")
        fields: dict[str, str] = {}
        for entry in raw.decode().split("\n"):
            name, _, value = entry.partition(":")
            fields[name] = value.removeprefix(" ")
        return Frame(fields.get("event", ""), fields.get("id"), msgspec.json.decode(fields["data"]), raw)

    async def until(self, wanted: Callable[[Frame], bool]) -> list[Frame]:
        """The frames up to and including the first for which `wanted` holds."""
        frames: list[Frame] = []
        while not frames or not wanted(frames[-1]):
            frames.append(await self.frame())
        return frames

    async def seqs(self, count: int) -> list[int]:
        """The seqs of the next `count` events."""
        found: list[int] = []
        while len(found) < count:
            frame = await self.frame()
            if frame.event == "":
                found.append(frame.data["seq"])
        return found

    def close(self) -> None:
        self._writer.transport.abort()


class Site:
    """The server: a log, its hub, and the routes of stream and ingest."""

    def __init__(self, log: SqliteLog, hub: Hub, port: int) -> None:
        self.log, self.hub, self.port = log, hub, port
        self._clients: list[Client] = []

    async def append(self, *events: NewEvent) -> None:
        await self.log.append(lambda _: events)

    async def get(self, query: str = "", *headers: str, method: str = "GET", receive_buffer: int = 0) -> Client:
        """Ask for the stream, and read the head of the answer."""
        return await (await self.connect(query, *headers, method=method, receive_buffer=receive_buffer)).start()

    async def connect(self, query: str = "", *headers: str, method: str = "GET", receive_buffer: int = 0) -> Client:
        """Ask for the stream. With `receive_buffer`, this reader's kernel takes no more than about that unread."""
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        limit = receive_buffer or 2**16
        reader, writer = await asyncio.open_connection(sock=connection, limit=limit)
        lines = [f"{method} /api/events{query} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        client = Client(reader, writer)
        self._clients.append(client)
        return client

    async def live(self, query: str = "", *headers: str) -> Client:
        """A reader that has been told that it is live."""
        client = await self.get(query, *headers)
        await client.until(lambda frame: frame.event == "live")
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


@asynccontextmanager
async def site(folder: Path, *, routes: Sequence[BaseRoute] = (), **hub: Any) -> AsyncIterator[Site]:
    log = await SqliteLog.open(folder / "log.db", durability="normal")
    app = Starlette(routes=[*events.routes, *ingest.routes, *routes], exception_handlers=exception_handlers)
    app.state.services = SimpleNamespace(log=log, hub=Hub(log, **hub), ingest=Ingest(log, lambda _: None))
    config = uvicorn.Config(
        app,
        port=0,
        http=RequestProtocol,
        ws=HandshakeProtocol,
        ws_ping_interval=None,
        log_level="warning",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serving = asyncio.create_task(server.serve([listener]))
        here = Site(log, app.state.services.hub, listener.getsockname()[1])
        try:
            yield here
        finally:
            here.close()
            server.should_exit = True
            await serving
            await log.close()


def on_site(folder: Path, body: Callable[[Site], Awaitable[None]], **hub: Any) -> None:
    async def main() -> None:
        async with site(folder, **hub) as here:
            await asyncio.wait_for(body(here), PATIENCE)

    asyncio.run(main())
