"""A proxy on loopback that can refuse to let streams through, as some in the world do."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Literal

from live import PATIENCE

Mood = Literal["through", "cut", "hold", "streams alone"]


class GrudgingProxy:
    """Passes requests on to `port`, one a connection; `mood` says what it does to answers.

    `cut` closes an event stream after its head; `hold` swallows its bytes, head and all, as a buffer does that is never
    full; `streams alone` answers everything else with 503.
    """

    def __init__(self, port: int) -> None:
        self.mood: Mood = "through"
        self.url = ""
        self.open = 0
        """Connections of clients."""
        self.streams = 0
        """Event streams that began to pass, or would have, were they not held or cut."""
        self.answers = 0
        """Other answers that began to pass."""
        self._port = port
        self.changed = threading.Condition()
        """Announces each change; a test may add its own."""
        self._loop = asyncio.new_event_loop()

    @contextlib.contextmanager
    def running(self) -> Iterator[GrudgingProxy]:
        """The proxy at `url`, in a thread of its own."""
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._end(server), self._loop).result(PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def wait_until(self, look: Callable[[], bool], what: str) -> None:
        """Wait for a change after which `look` holds."""
        with self.changed:
            assert self.changed.wait_for(look, PATIENCE), f"Waited in vain for {what}."

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _count(self, name: str, by: int) -> None:
        with self.changed:
            setattr(self, name, getattr(self, name) + by)
            self.changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count("open", 1)
        try:
            await self._pass(reader, writer)
        finally:
            writer.close()
            self._count("open", -1)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            upstream, sender = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                sender.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                left = asyncio.create_task(self._pipe(reader, sender))
                answer = asyncio.create_task(self._answer(upstream, writer))
                # The client's leaving ends the answer, the answer's end the rest.
                _, others = await asyncio.wait([left, answer], return_when=asyncio.FIRST_COMPLETED)
                for task in others:
                    task.cancel()
            finally:
                sender.close()

    async def _answer(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await upstream.readuntil(b"\r\n\r\n")
        streams = b"text/event-stream" in head.lower()
        if self.mood == "streams alone" and not streams:
            writer.write(b"HTTP/1.1 503 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        holds = streams and self.mood == "hold"
        if not holds:
            writer.write(head)
        self._count("streams" if streams else "answers", 1)
        if streams and self.mood == "cut":
            await writer.drain()
            return
        while piece := await upstream.read(65536):
            if not holds:
                writer.write(piece)
                await writer.drain()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
