"""Readers of the stream, written from PROTOCOL §3 alone: they share no code with our own clients.

A reader keeps its cursor, applies whole frames, and comes back at once after any break, over the same transport or
the next one. What it applied is what the checker judges.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn
from urllib.parse import urlencode

import msgspec
import websockets
from websockets.asyncio.client import ClientConnection, connect

from faults.bell import Bell
from faults.checker import Applied, Read, Told, envelope
from faults.http import Broken, get


class Farewell(msgspec.Struct, frozen=True):
    """A `bye`, and the close code that came with it over WebSocket."""

    transport: str
    reason: str
    retry_seconds: float
    code: int | None = None


class Reader:
    """One reader: where it is, and all that it was told."""

    def __init__(
        self,
        name: str,
        port: int,
        start: str,
        transports: Sequence[str],
        *,
        types: Sequence[str] = (),
        silence: float = 5.0,
        wait: int = 2,
        deflate: bool = True,
    ) -> None:
        """Start after the cursor `start`. `silence` is after how many seconds without a byte it gives a connection up,
        `wait` how long a poll may take; without `deflate` a WebSocket's messages come as long as they are."""
        generation, _, seq = start.partition("-")
        self.read = Read(name, generation, int(seq), frozenset(types))
        self.port, self.cursor = port, start
        self.silence, self.wait, self.deflate = silence, wait, deflate
        self.transports = transports
        self.types = types
        self.bell = Bell()
        self.pause = 0.02
        """Seconds after a break. A server that is down for a while shall not be asked a thousand times."""
        self.connections = 0
        self.breaks: list[str] = []
        self.said = 0
        """How often it was told anything."""
        self.lives = 0
        self.farewells: list[Farewell] = []
        self._start = start

    @property
    def seq(self) -> int:
        return int(self.cursor.partition("-")[2])

    @property
    def resumed(self) -> bool:
        return self.cursor != self._start

    @property
    def start(self) -> str:
        """The cursor that it was made with."""
        return self._start

    async def run(self) -> None:
        """Read until cancelled."""
        for turn in itertools.count():
            name = self.transports[turn % len(self.transports)]
            self.connections += 1
            try:
                await TRANSPORTS[name](self)
            except (OSError, EOFError, Broken, websockets.WebSocketException) as problem:
                self.breaks.append(f"{name}: {problem!r}")
                self.bell.ring()
                await asyncio.sleep(self.pause)

    async def reach(self, seq: int, *, patience: float = 60.0) -> None:
        """Wait until all up to `seq` is applied."""
        await self.bell.until(lambda: self.seq >= seq, lambda: f"{self} to reach {seq}", patience=patience)

    async def heard(self, *, patience: float = 60.0) -> None:
        """Wait until it has been told anything, or is waiting for the answer to its poll."""
        await self.bell.until(lambda: self.said > 0 or "poll" in self.transports, f"{self} to hear", patience=patience)

    async def live(self, *, patience: float = 60.0) -> None:
        """Wait until it was told that it is caught up."""
        await self.bell.until(lambda: self.lives > 0, lambda: f"{self} to be live", patience=patience)

    async def broken(self, times: int, *, patience: float = 60.0) -> None:
        """Wait until so many more connections have ended before their time."""
        goal = len(self.breaks) + times
        await self.bell.until(lambda: len(self.breaks) >= goal, lambda: f"{self} to break", patience=patience)

    def query(self, **more: object) -> str:
        return urlencode([*((key, str(value)) for key, value in more.items()), *(("type", one) for one in self.types)])

    def events(self, raws: Sequence[bytes], cursor: str, transport: str, *, last: bool = True) -> None:
        """Apply events that came together. `cursor` is that of the last one or, unless `last`, one behind it."""
        generation, _, upto = cursor.partition("-")
        seqs = [envelope(raw).seq for raw in raws]
        if seqs and (seqs[-1] != int(upto) if last else seqs[-1] > int(upto)):
            self.strange(f"cursor {cursor} came with the events {seqs}")
        self.read.entries += [Applied(generation, seq, raw, transport) for seq, raw in zip(seqs, raws, strict=True)]
        self.move(cursor)

    def move(self, cursor: str | None) -> None:
        """All that was asked for up to `cursor` is applied."""
        if cursor is not None:
            self.cursor = cursor
        self.said += 1
        self.bell.ring()

    def reset(self, reason: str, cursor: str) -> None:
        generation, _, seq = cursor.partition("-")
        self.read.entries.append(Told(reason, generation, int(seq)))
        self.move(cursor)

    def strange(self, what: str) -> None:
        self.read.strange.append(what)

    def signal(self, name: str, data: _Signal, transport: str) -> None:
        """What is no event."""
        if name == "reset":
            self.reset(data.reason, data.cursor or "")
        elif name == "bye":
            self.farewells.append(Farewell(transport, data.reason, data.retry_seconds))
        elif name in ("hello", "live", "heartbeat"):
            self.lives += name == "live"
            self.move(data.cursor)
        else:
            self.strange(f"signal {name!r}")

    def __str__(self) -> str:
        return f"{self.read.name} at {self.cursor} ({self.connections} connections, breaks: {self.breaks[-3:]})"


class _Signal(msgspec.Struct):
    cursor: str | None = None
    reason: str = ""
    retry_seconds: float = 0.0


_signal = msgspec.json.Decoder(_Signal).decode


async def _sse(reader: Reader) -> None:
    """`text/event-stream`, as the standard has a browser read it."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": reader.cursor} if reader.resumed else {})
    async with get(reader.port, f"/api/events?{reader.query(cursor=reader.start)}", headers, reader.silence) as answer:
        if answer.status != 200:
            _refused(reader, "sse", answer.status)
        rest = b""
        async for piece in answer.pieces():
            *frames, rest = (rest + piece).split(b"\n\n")
            for frame in frames:
                _frame(reader, frame)


def _frame(reader: Reader, frame: bytes) -> None:
    fields = dict(line.split(b": ", 1) for line in frame.split(b"\n"))
    id, data = fields.get(b"id", b"").decode() or None, fields[b"data"]
    if b"event" in fields:
        signal = _signal(data)
        if id != signal.cursor:
            reader.strange(f"id {id} came with {data!r}")
        reader.signal(fields[b"event"].decode(), signal, "sse")
    elif id is None:
        reader.strange(f"an event without id: {data!r}")
    else:
        reader.events([data], id, "sse")


class _Page(msgspec.Struct):
    cursor: str
    live: bool
    reset: _Signal | None
    events: list[msgspec.Raw]


async def _poll(reader: Reader) -> None:
    """One page over plain HTTP, waited for."""
    query = reader.query(cursor=reader.cursor, wait=reader.wait, limit=100)
    silence = reader.wait + reader.silence
    async with get(reader.port, f"/api/events?{query}", {"Accept": "application/json"}, silence) as answer:
        if answer.status != 200:
            _refused(reader, "poll", answer.status)
        page = msgspec.json.decode(await answer.body(), type=_Page)
    if page.reset is not None:
        reader.reset(page.reset.reason, page.cursor)
    reader.lives += page.live
    reader.events([bytes(raw) for raw in page.events], page.cursor, "poll", last=False)


def _refused(reader: Reader, name: str, status: int) -> NoReturn:
    if status == 503:
        raise Broken("503")
    raise AssertionError(f"{name} of {reader} was answered with {status}.")


class _Message(_Signal):
    op: str = ""
    sub: int | None = None
    events: list[msgspec.Raw] = []
    error: object = None


_message = msgspec.json.Decoder(_Message).decode


def _websocket(subprotocol: str) -> Callable[[Reader], Awaitable[None]]:
    async def read(reader: Reader) -> None:
        url = f"ws://127.0.0.1:{reader.port}/api/events?{reader.query(cursor=reader.cursor)}"
        protocols = [websockets.Subprotocol(subprotocol)]
        async with asyncio.timeout(reader.silence):
            connection = await connect(
                url,
                subprotocols=protocols,
                compression="deflate" if reader.deflate else None,
                proxy=None,
                ping_interval=None,
                close_timeout=0.5,
                max_size=None,
            )
        try:
            if connection.subprotocol != subprotocol:
                reader.strange(f"subprotocol {connection.subprotocol!r} instead of {subprotocol!r}")
            await _messages(reader, connection, subprotocol)
        finally:
            connection.transport.abort()

    return read


async def _messages(reader: Reader, connection: ClientConnection, subprotocol: str) -> None:
    name = subprotocol.rpartition(".")[2]
    try:
        while True:
            async with asyncio.timeout(reader.silence):
                body = await connection.recv(decode=False)
            # As JSON it is compared byte for byte with what the other transports bring.
            message = _message(body if name == "json" else msgspec.json.encode(msgspec.msgpack.decode(body)))
            if message.op == "events":
                reader.events([bytes(raw) for raw in message.events], message.cursor or "", name)
            elif message.op != "ready":
                reader.signal(message.op, message, name)
    except websockets.ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd is not None else None
        if code not in (None, 1000, 1001, 1012, 1013):
            reader.strange(f"close code {code}")
        if code is not None and reader.farewells and reader.farewells[-1].transport == name:
            reader.farewells[-1] = msgspec.structs.replace(reader.farewells[-1], code=code)
        raise


TRANSPORTS: dict[str, Callable[[Reader], Awaitable[None]]] = {
    "sse": _sse,
    "json": _websocket("pulsetrain.v1.json"),
    "msgpack": _websocket("pulsetrain.v1.msgpack"),
    "poll": _poll,
}
"""How a reader may read: one connection, from its cursor on, until it ends."""
