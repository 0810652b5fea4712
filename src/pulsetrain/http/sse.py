"""Server-Sent Events: the shell around a subscription, for the native stream and for every dialect of SSE."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Protocol

from starlette.types import Receive, Scope, Send

from pulsetrain.core.hub import PAGE_BYTES, Hub, HubPage
from pulsetrain.wire.frames import MEDIA_TYPE, signal_frame
from pulsetrain.wire.subscription import Bye, Fetch, Hello, Signal, Subscription, Wait

from .transport import Socket, chunked, socket_of, unread_bytes

logger = logging.getLogger("pulsetrain.http")

STALL_SECONDS = 30.0
"""A socket that takes nothing for so long is given up. One that takes anything is waited for."""
_LOOK_SECONDS = 5.0

HEADERS = [
    (b"content-type", MEDIA_TYPE.encode() + b"; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies must hand each frame on at once.
    (b"x-accel-buffering", b"no"),
    (b"connection", b"close"),
]


class Translation(Protocol):
    """What a stream's frames look like. Returns bytes of whole SSE frames, or nothing."""

    def signal(self, signal: Signal) -> bytes:
        """`hello` comes first, `live` after the replay, `heartbeat` again and again, `reset`, and `bye` at the end."""
        ...

    def page(self, page: HubPage) -> bytes:
        """Events in order. `page.events` are what the filter let pass, each with its JSON envelope in `body`.

        The page is shared by all readers at this position: what depends on it alone may be kept in `page.encoded`
        under a key of the translation's own.
        """
        ...


class Native:
    """The frames of PROTOCOL §3."""

    def signal(self, signal: Signal) -> bytes:
        if isinstance(signal, Bye):
            return signal_frame(signal, retry_milliseconds=round(signal.retry_seconds * 1000))
        return signal_frame(signal, retry_milliseconds=retry_milliseconds() if isinstance(signal, Hello) else None)

    def page(self, page: HubPage) -> bytes:
        return page.sse()


def retry_milliseconds() -> int:
    """When a reader shall come back; spread, so that a restart does not meet all of them at once."""
    return round(1000 + random.uniform(0, 4000))


async def stream(
    scope: Scope, receive: Receive, send: Send, *, hub: Hub, subscription: Subscription, translation: Translation
) -> None:
    """Answer this request with the stream of `subscription` until one side ends it.

    This is the whole of an SSE endpoint once the subscription is made:

        subscription = Subscription(hub.newest_view(), start, filter=Filter(types=frozenset({"run.log"})))
        await stream(scope, receive, send, hub=hub, subscription=subscription, translation=MyDialect(…))

    Call it from a pure ASGI endpoint (an object with `__call__(scope, receive, send)` given to a Route), and raise
    whatever is wrong with the request before. `translation.signal(hello)` is the place for words of greeting.
    """
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    if scope["method"] == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return
    refusal = hub.closing or ("busy" if hub.full else None)
    if refusal is not None:
        # Any status but 200 would make EventSource give up for good, and this will pass.
        retry = retry_milliseconds()
        bye = signal_frame(Bye(refusal, retry / 1000), retry_milliseconds=retry)
        await send({"type": "http.response.body", "body": bye})
        return
    await _Stream(scope, send, hub, subscription, translation).run(receive)


class _Stream:
    """One connection while it streams."""

    def __init__(
        self, scope: Scope, send: Send, hub: Hub, subscription: Subscription, translation: Translation
    ) -> None:
        self._send = send
        self._hub = hub
        self._subscription = subscription
        self._translation = translation
        self._socket = socket_of(scope)
        self._reader = hub.open(subscription.filter, self._hand_over if self._socket is not None else None)
        self._watch = _Watch(self._socket)
        self._loop = asyncio.get_running_loop()
        self._beat_at = self._next_beat()
        self._gone = self._ended = False

    async def run(self, receive: Receive) -> None:
        listener = asyncio.create_task(self._listen(receive))
        self._schedule_tick()
        try:
            while not (self._gone or self._ended):
                parts, wait = await self._gather()
                if parts:
                    await self._write(parts[0] if len(parts) == 1 else b"".join(parts))
                if wait is not None:
                    self._subscription.skip(await self._reader.wait(wait.after))
        except _Stalled:
            logger.info("A reader took nothing for %d s and was disconnected", STALL_SECONDS)
        finally:
            self._ticker.cancel()
            listener.cancel()
            self._reader.close()

    async def _gather(self) -> tuple[list[bytes], Wait | None]:
        """All that is to be said now, up to the size of one write, and the wait that follows it."""
        parts: list[bytes] = []
        size = 0
        while size < PAGE_BYTES and not self._gone:
            if self._hub.closing is not None:
                self._ended = True
                retry = retry_milliseconds()
                parts.append(self._translation.signal(Bye(self._hub.closing, retry / 1000)))
                break
            if self._loop.time() >= self._beat_at:
                self._beat_at = self._next_beat()
                parts.append(self._translation.signal(self._subscription.heartbeat(self._hub.view())))
            step = self._subscription.next(self._hub.view())
            if isinstance(step, Wait):
                return parts, step
            if not isinstance(step, Fetch):
                parts.append(self._translation.signal(step))
                continue
            page = self._hub.recent(step.after, step.filter)
            if page is None:
                if parts:
                    break  # The store may have to search for long: first send what there is, then come back.
                page = await self._hub.page(step.after, step.filter)
            if self._subscription.take(page, self._hub.view()) is not None and page.events:
                parts.append(self._translation.page(page))
                size += len(parts[-1])
        return parts, None

    def _hand_over(self, page: HubPage) -> bool:
        """Write a page while this stream waits, without waking its task; False if the socket is not ready for it."""
        if self._socket is None or not self._socket.idle:
            return False
        body = self._translation.page(page)
        if body:
            self._socket.write(_shared_chunk(body))
        return True

    async def _write(self, body: bytes) -> None:
        if not body and not self._ended:
            return
        message = {"type": "http.response.body", "body": body, "more_body": not self._ended}
        self._watch.begin()
        try:
            await self._send(message)
        except asyncio.CancelledError:
            if self._watch.stalled:
                raise _Stalled from None
            raise
        finally:
            self._watch.end()

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._reader.ring()

    def _next_beat(self) -> float:
        return self._loop.time() + self._subscription.heartbeat_seconds * random.uniform(0.8, 1.2)

    def _schedule_tick(self) -> None:
        due = min(self._loop.time() + _LOOK_SECONDS, self._beat_at)
        self._ticker = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        if self._loop.time() >= self._beat_at:
            self._reader.ring()
        self._watch.look(self._loop.time())
        self._schedule_tick()


_last_chunk = (b"", b"")


def _shared_chunk(body: bytes) -> bytes:
    """The chunk of `body`; readers that are given the same bytes one after the other share one."""
    global _last_chunk  # A memory of one entry, of the one event loop.
    if _last_chunk[0] is not body:
        _last_chunk = (body, chunked(body))
    return _last_chunk[1]


class _Stalled(Exception):
    """The socket made no progress for too long."""


class _Watch:
    """Tells a slow socket from a dead one: progress is any byte that the other end took."""

    def __init__(self, socket: Socket | None) -> None:
        self._transport = socket.transport if socket is not None else None
        self._task = asyncio.current_task()
        self._write = 0
        self._writing = False
        self._seen: tuple[int, int] | None = None
        self._since = 0.0
        self.stalled = False

    def begin(self) -> None:
        self._write += 1
        self._writing = True

    def end(self) -> None:
        self._writing = False

    def look(self, now: float) -> None:
        """Compare with the last look; give the socket up when it has stood still for STALL_SECONDS."""
        if not self._writing:
            self._seen = None
            return
        seen = (self._write, unread_bytes(self._transport) if self._transport is not None else 0)
        if self._seen != seen:
            self._seen, self._since = seen, now
        elif now - self._since >= STALL_SECONDS and not self.stalled:
            self.stalled = True
            if self._transport is not None:
                self._transport.abort()
            elif self._task is not None:
                self._task.cancel()
