"""A TCP proxy on loopback that does what bad networks do. It knows nothing of what it carries.

    async with Proxy(server.port) as proxy:
        proxy.down.slice = 1            # what the server says comes in single bytes, from now on
        proxy.up.swallow = True         # what the client says is lost, and so is its farewell
        await proxy.cut()               # every connection is reset

`up` is the way from the clients to the server, `down` the way back. Both may be changed while connections are open.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any

_PIECE = 65536
_END = b""


@dataclass
class Way:
    """What happens to the bytes of one direction. As it is made, they pass."""

    delay: float = 0.0
    """Seconds that each piece is on its way; pieces travel one behind the other, as on a long line."""
    slice: int | None = None
    """The most bytes that are handed on at once."""
    rate: int | None = None
    """The most bytes a second; the sender is held back."""
    gather: int | None = None
    """Hold bytes back until there are so many, or the sender closes, or `gather_seconds` have passed."""
    gather_seconds: float | None = None
    stop: bool = False
    """Take at most one more piece from the sender, who sees an open connection whose window closes."""
    swallow: bool = False
    """Take everything and hand nothing on, the end of the connection included: a half-open connection."""
    reset_between: tuple[int, int] | None = None
    """Reset both ends after a number of bytes between these two, drawn anew for each connection."""


@dataclass(eq=False)
class _Connection:
    client: socket.socket
    server: socket.socket
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    half_open: bool = False
    """One end has left, and the other was not told."""


class Proxy:
    """Listens on a free port of loopback and carries every connection to `target`, with faults on the way."""

    def __init__(self, target: int, *, seed: int = 1, receive_buffer: int | None = None) -> None:
        """`receive_buffer` bounds what the kernel takes from either end, for faults that hold a sender back."""
        self.target = target
        self.up, self.down = Way(), Way()
        self.refuse = False
        """Whether new connections are reset at once."""
        self.port = 0
        self.accepted = 0
        self._random = random.Random(seed)
        self._receive_buffer = receive_buffer
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._listener = self._socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1024)
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    @property
    def half_open(self) -> int:
        """How many are open for one end alone."""
        return sum(one.half_open for one in self._connections)

    def heal(self) -> None:
        """From now on everything passes; bytes that were swallowed stay lost."""
        self.up, self.down, self.refuse = Way(), Way(), False

    async def cut(self) -> None:
        """Reset every connection, at both ends."""
        for connection in list(self._connections):
            self._reset(connection)
        await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def flapping(self, seconds: float) -> AsyncIterator[None]:
        """Reset every connection each `seconds` for as long as the block lasts."""

        async def flap() -> None:
            while True:
                await asyncio.sleep(seconds)
                await self.cut()

        task = self._spawn(flap())
        try:
            yield
        finally:
            task.cancel()

    def _socket(self) -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        if self._receive_buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        return made

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            self.accepted += 1
            if self.refuse:
                _close(client, reset=True)
            else:
                self._spawn(self._connect(client))

    async def _connect(self, client: socket.socket) -> None:
        server = self._socket()
        try:
            await asyncio.get_running_loop().sock_connect(server, ("127.0.0.1", self.target))
        except OSError:
            server.close()
            _close(client, reset=True)
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(client, server)
        self._connections.add(connection)
        connection.tasks = [
            self._spawn(self._carry(connection, client, server, "up")),
            self._spawn(self._carry(connection, server, client, "down")),
        ]
        await asyncio.gather(*connection.tasks, return_exceptions=True)
        self._close(connection)

    async def _carry(self, connection: _Connection, source: socket.socket, sink: socket.socket, name: str) -> None:
        """One direction, until its sender has closed and that has arrived, or the connection is reset."""
        loop = asyncio.get_running_loop()
        # Room for a long line's worth of pieces, and no more: a slow receiver must be felt by the sender.
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        arriving = self._spawn(self._arrive(connection, sink, name, line))
        connection.tasks.append(arriving)
        piece = b"?"
        while piece != _END:
            rate = getattr(self, name).rate
            try:
                piece = await loop.sock_recv(source, max(1, rate // 20) if rate is not None else _PIECE)
            except OSError:
                if not getattr(self, name).swallow:
                    self._reset(connection)
                    return
                piece = _END
            while getattr(self, name).stop:  # noqa: ASYNC110 (whoever sets a fault sets a plain field)
                await asyncio.sleep(0.01)
            way: Way = getattr(self, name)
            if way.swallow:
                continue
            if way.rate is not None:
                # What was taken before there was a rate may be much; it shall not hold up what follows for long.
                await asyncio.sleep(min(1.0, len(piece) / way.rate))
            await line.put((loop.time() + way.delay, piece))
        if getattr(self, name).swallow:
            connection.half_open = True
            await asyncio.Event().wait()  # Only `cut` ends this.
        await arriving

    async def _arrive(
        self, connection: _Connection, sink: socket.socket, name: str, line: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        """Hand pieces on when they have arrived."""
        loop = asyncio.get_running_loop()
        bounds = getattr(self, name).reset_between
        left = self._random.randint(*bounds) if bounds is not None else None
        while True:
            due, piece = await line.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            way: Way = getattr(self, name)
            closed = piece == _END
            if way.gather is not None and not closed:
                piece, closed = await _gathered(piece, line, way)
            broken = left is not None and len(piece) >= left
            if broken:
                piece = piece[:left]
            try:
                await self._send(sink, piece, way.slice)
                if closed:
                    sink.shutdown(socket.SHUT_WR)
            except OSError:
                if connection.half_open or getattr(self, "down" if name == "up" else "up").swallow:
                    continue  # The sender does not hear that there is nobody any more.
                broken = True
            if broken:
                self._reset(connection)
            if broken or closed:
                return
            if left is not None:
                left -= len(piece)

    async def _send(self, sink: socket.socket, piece: bytes, most: int | None) -> None:
        loop = asyncio.get_running_loop()
        step = most or max(1, len(piece))
        for start in range(0, len(piece), step):
            await loop.sock_sendall(sink, piece[start : start + step])
            if most is not None:
                # Two turns of the loop: one for a receiver in it to be told of the slice, one to take it.
                await asyncio.sleep(0)
                await asyncio.sleep(0)

    def _reset(self, connection: _Connection) -> None:
        self._close(connection, reset=True)
        for task in connection.tasks:
            if task is not asyncio.current_task():
                task.cancel()

    def _close(self, connection: _Connection, *, reset: bool = False) -> None:
        self._connections.discard(connection)
        _close(connection.client, reset=reset)
        _close(connection.server, reset=reset)


async def _gathered(piece: bytes, line: asyncio.Queue[tuple[float, bytes]], way: Way) -> tuple[bytes, bool]:
    """`piece` and what follows it until the way lets it go, and whether the sender has closed."""
    held = [piece]
    assert way.gather is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(way.gather_seconds):
            while sum(map(len, held)) < way.gather:
                _, more = await line.get()
                if more == _END:
                    return b"".join(held), True
                held.append(more)
    return b"".join(held), False


def _close(end: socket.socket, *, reset: bool) -> None:
    if end.fileno() < 0:
        return
    if reset:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Before the close: the loop must not go on watching a descriptor whose number another socket may get.
    loop = asyncio.get_running_loop()
    loop.remove_reader(end.fileno())
    loop.remove_writer(end.fileno())
    end.close()
