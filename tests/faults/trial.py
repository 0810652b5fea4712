"""A trial: publishers, readers behind a proxy, one server, and in the end the proof."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from pathlib import Path
from typing import Any

from faults.checker import History, verdict
from faults.proxy import Proxy
from faults.publishers import Publisher
from faults.readers import TRANSPORTS, Reader
from live import LiveServer

MIXED = tuple(TRANSPORTS)
"""Another transport at each reconnect."""
EACH = tuple((name,) for name in TRANSPORTS)
_SHOWN = 12


class Trial:
    """What takes part. `proxy` stands before the readers, `publish_proxy` before the publishers."""

    def __init__(self, server: LiveServer, proxy: Proxy, publish_proxy: Proxy, group: asyncio.TaskGroup) -> None:
        self._group = group
        self.server, self.proxy, self.publish_proxy = server, proxy, publish_proxy
        self.publishers: list[Publisher] = []
        self.readers: list[Reader] = []
        self._publishing: list[asyncio.Task[None]] = []
        self._reading: list[asyncio.Task[None]] = []
        self._folders = [server.data]

    async def health(self) -> dict[str, Any]:
        health: dict[str, Any] = await asyncio.to_thread(self.server.get, "/health")
        return health

    async def cursor(self, seq: int | None = None) -> str:
        """The cursor of `seq`, or of the tail."""
        health = await self.health()
        return f"{health['generation']}-{health['tail'] if seq is None else seq}"

    async def publish(self, *names: str, patience: float = 5.0, **how: Any) -> None:
        """Set publishers to work."""
        for name in names:
            publisher = Publisher(name, f"http://127.0.0.1:{self.publish_proxy.port}", **how)
            await publisher.register()
            self.publishers.append(publisher)
            self._publishing.append(self._group.create_task(publisher.publish(patience=patience)))

    async def append(self, name: str, rows: int, **how: Any) -> Publisher:
        """Have a publisher append `rows` rows straight to the server, as fast as they are acknowledged."""
        publisher = Publisher(name, self.server.url, **how)
        await publisher.register()
        self.publishers.append(publisher)
        await publisher.upto(rows)
        return publisher

    async def read(self, *transports: Sequence[str], start: str | None = None, **how: Any) -> list[Reader]:
        """Set a reader to work for each of `transports`; by default from the first event on."""
        start = start or await self.cursor(0)
        added = [Reader("+".join(each), self.proxy.port, start, each, **how) for each in transports]
        for one in added:
            self.set_to_work(one)
        return added

    def set_to_work(self, reader: Reader) -> None:
        """Let a reader begin."""
        self.readers.append(reader)
        self._reading.append(self._group.create_task(reader.run()))

    async def more(self, rows: int) -> None:
        """Wait until each publisher has so many more rows acknowledged."""
        await asyncio.gather(*(one.more(rows) for one in self.publishers))

    async def seen(self, events: int) -> None:
        """Wait until each reader has applied so many more events, or as many as there are."""
        await asyncio.gather(*(one.reach(one.seq + events) for one in self.readers))

    async def caught_up(self) -> None:
        """Wait until each reader is where the log is now."""
        tail = (await self.health())["tail"]
        await asyncio.gather(*(one.reach(tail) for one in self.readers))

    async def end_and_restart(self) -> None:
        """SIGTERM; the server comes back once it has ended."""
        assert await asyncio.to_thread(self.server.stop) == 0
        await asyncio.to_thread(self.server.start)

    async def kill_and_restart(self, *, data: Path | None = None) -> None:
        """SIGKILL; the server comes back at once, over the same data folder or another one."""
        await asyncio.to_thread(self.server.kill)
        if data is not None:
            self.server.data = data
            self._folders.append(data)
        await asyncio.to_thread(self.server.start)

    async def leave(self, readers: Sequence[Reader]) -> None:
        """Let some of the readers go for good."""
        at = [self.readers.index(reader) for reader in readers]
        await _end([self._reading[one] for one in at])
        for one in sorted(at, reverse=True):
            del self.readers[one], self._reading[one]

    async def forget_publishers(self) -> None:
        """Call the publishers off; the log that they wrote to will not be the newest one."""
        await _end(self._publishing)
        self.publishers.clear()

    async def prove(self, *, replays: Collection[Sequence[str]] = EACH, resets: Collection[str] = ()) -> History:
        """Let everyone catch up, replay from several cursors over each of `replays`, and check all promises."""
        await _end(self._publishing)
        health = await self.health()
        generation, tail = health["generation"], health["tail"]
        await asyncio.gather(*(one.reach(tail) for one in self.readers))
        await _end(self._reading)
        replayed = [
            reader for transports in replays for reader in await _replay(self.server.port, generation, tail, transports)
        ]
        history = History(
            logs={name: events for folder in self._folders for name, events in [stored(folder)]},
            tail=tail,
            published=[one.known for one in self.publishers],
            reads=[one.read for one in (*self.readers, *replayed)],
            resets=frozenset(resets),
        )
        problems = [f"{one.known.name}: {problem}" for one in self.publishers for problem in one.problems]
        problems += verdict(history)
        problems += [f"the server: {line.rstrip()}" for line in self.server.said if "ERROR" in line or "Error:" in line]
        assert not problems, "\n".join([*problems[:_SHOWN], f"({len(problems)} problems)"])
        return history

    async def end(self) -> None:
        await _end([*self._publishing, *self._reading])


@contextlib.asynccontextmanager
async def trial(server: LiveServer, *, receive_buffer: int | None = None) -> AsyncIterator[Trial]:
    """A trial on `server`; whoever is still at work when it ends is called off, and whoever fails ends it."""
    async with (
        Proxy(server.port, receive_buffer=receive_buffer) as proxy,
        Proxy(server.port) as publish_proxy,
        asyncio.TaskGroup() as group,
    ):
        made = Trial(server, proxy, publish_proxy, group)
        try:
            yield made
        finally:
            await made.end()


async def _replay(port: int, generation: str, tail: int, transports: Sequence[str]) -> list[Reader]:
    """Readers without any fault that started at the first event, at the last one, and somewhere between."""
    chance = random.Random(tail)
    starts = {0, tail - 1, tail, *(chance.randint(0, tail) for _ in range(2))}
    name = "+".join(transports)
    readers = [Reader(f"replay over {name} from {seq}", port, f"{generation}-{seq}", transports) for seq in starts]
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    await asyncio.gather(*(reader.reach(tail) for reader in readers))
    await _end(tasks)
    return readers


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()


def stored(data: Path) -> tuple[str, list[bytes]]:
    """The generation and the envelopes that the store in the folder `data` holds, read past the server."""
    with contextlib.closing(sqlite3.connect(f"file:{data / 'pulsetrain.db'}?mode=ro", uri=True)) as database:
        ((generation,),) = database.execute("SELECT value FROM meta WHERE key = 'generation'")
        rows = database.execute("SELECT seq, run, type, time, data FROM events ORDER BY seq")
        return generation, [
            b'{"seq":%d,"run":%b,"type":"%b","time":"%b","data":%b}'
            % (seq, b"null" if run is None else b'"%b"' % run.encode(), type.encode(), time.encode(), bytes(data))
            for seq, run, type, time, data in rows
        ]


def run_trial(body: Coroutine[Any, Any, None], *, seconds: float) -> None:
    """Run a test's body, which must not take longer than `seconds`."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await body

    asyncio.run(bounded())
