"""Server-Sent Events: the shell around a delivery, for the native stream and for every dialect of SSE."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from pulsetrain.core.hub import Hub, HubPage
from pulsetrain.wire.frames import MEDIA_TYPE, signal_frame
from pulsetrain.wire.subscription import Bye, Hello, Signal, Subscription

from .delivery import Delivery, Translation, Wishes, retry_milliseconds
from .transport import Socket, chunked, socket_of

HEADERS = [
    (b"content-type", MEDIA_TYPE.encode() + b"; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies must hand each frame on at once.
    (b"x-accel-buffering", b"no"),
    (b"connection", b"close"),
]


class Native:
    """The frames of PROTOCOL §3.2."""

    def signal(self, signal: Signal) -> bytes:
        if isinstance(signal, Bye):
            return signal_frame(signal, retry_milliseconds=round(signal.retry_seconds * 1000))
        return signal_frame(signal, retry_milliseconds=retry_milliseconds() if isinstance(signal, Hello) else None)

    def page(self, page: HubPage) -> bytes:
        return page.sse()


async def stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    hub: Hub,
    subscription: Subscription,
    translation: Translation,
    wishes: Wishes | None = None,
) -> None:
    """Answer this request with the stream of `subscription` until one side ends it.

    This is the whole of an SSE endpoint once the subscription is made:

        subscription = Subscription(hub.newest_view(), start, filter=Filter(types=frozenset({"run.log"})))
        await stream(scope, receive, send, hub=hub, subscription=subscription, translation=MyDialect(…))

    Call it from a pure ASGI endpoint (an object with `__call__(scope, receive, send)` given to a Route), and raise
    whatever is wrong with the request before. `translation.signal(hello)` is the place for words of greeting.
    """
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    refusal = hub.closing or ("busy" if hub.full else None)
    last = b""
    if refusal is not None and scope["method"] != "HEAD":
        # Any status but 200 would make EventSource give up for good, and this will pass.
        retry = retry_milliseconds()
        last = signal_frame(Bye(refusal, retry / 1000), retry_milliseconds=retry)
    elif scope["method"] != "HEAD":
        lane = hub.meter.lanes["sse"]
        delivery = Delivery(hub, subscription, translation, _outlet(scope, send), lane, wishes)
        lane.connections += 1
        listener = asyncio.create_task(_listen(receive, delivery))
        try:
            await delivery.run()
        finally:
            lane.connections -= 1
            listener.cancel()
    await send({"type": "http.response.body", "body": last})


async def _listen(receive: Receive, delivery: Delivery) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    delivery.leave()


def _outlet(scope: Scope, send: Send) -> _Chunks | _Messages:
    socket = socket_of(scope)
    return _Chunks(socket, send) if socket is not None else _Messages(send)


class _Messages:
    """Out through ASGI alone, under a server that does not tell of its sockets."""

    idle = False
    transport = None

    def __init__(self, send: Send) -> None:
        self._send = send

    def put(self, body: bytes) -> None:
        raise RuntimeError("nothing may be put past ASGI here")

    async def write(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


class _Chunks:
    """Out through ASGI, and past it at once while the socket is idle."""

    __slots__ = ("_send", "_socket")

    def __init__(self, socket: Socket, send: Send) -> None:
        self._socket, self._send = socket, send

    @property
    def idle(self) -> bool:
        return self._socket.idle

    @property
    def transport(self) -> asyncio.Transport:
        return self._socket.transport

    def put(self, body: bytes) -> None:
        self._socket.write(_shared_chunk(body))

    async def write(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


_last_chunk = (b"", b"")


def _shared_chunk(body: bytes) -> bytes:
    """The chunk of `body`; readers that are given the same bytes one after the other share one."""
    global _last_chunk  # A memory of one entry, of the one event loop.
    if _last_chunk[0] is not body:
        _last_chunk = (body, chunked(body))
    return _last_chunk[1]
