"""Server-Sent Events: the shell around a delivery, for the native stream and for every dialect of SSE."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Scope, Send

from pulsetrain.core.hub import Hub
from pulsetrain.core.ring import HubPage
from pulsetrain.wire.frames import MEDIA_TYPE, signal_frame
from pulsetrain.wire.subscription import Bye, Hello, Signal, Subscription

from .delivery import Delivery, Translation, Wishes, retry_milliseconds
from .outlets import Chunks
from .transport import Gone, response_of

HEADERS = [
    (b"content-type", MEDIA_TYPE.encode() + b"; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies must hand each frame on at once.
    (b"x-accel-buffering", b"no"),
    (b"connection", b"close"),
]


class Native:
    """The frames of PROTOCOL §3.2."""

    form = "sse"

    def signal(self, signal: Signal) -> bytes:
        if isinstance(signal, Bye):
            return signal_frame(signal, retry_milliseconds=round(signal.retry_seconds * 1000))
        return signal_frame(signal, retry_milliseconds=retry_milliseconds() if isinstance(signal, Hello) else None)

    def page(self, page: HubPage) -> bytes:
        return page.sse()


NATIVE = Native()


async def stream(
    scope: Scope,
    send: Send,
    *,
    hub: Hub,
    subscription: Subscription,
    translation: Translation = NATIVE,
    wishes: Wishes | None = None,
    on_end: Callable[[], None] = lambda: None,
) -> None:
    """Answer this request with the stream of `subscription`; returns when it has begun, and `on_end` tells its end.

    This is the whole of an SSE endpoint once the subscription is made:

        subscription = Subscription(hub.newest_view(), start, filter=Filter(types=frozenset({"run.log"})))
        await stream(scope, send, hub=hub, subscription=subscription, translation=MyDialect(…))

    Call it from a pure ASGI endpoint (an object with `__call__(scope, receive, send)` given to a Route), and raise
    whatever is wrong with the request before. `translation.signal(hello)` is the place for words of greeting.
    """
    try:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    except BaseException:
        on_end()
        raise
    refusal = hub.closing or ("busy" if hub.full else None)
    if refusal is None and scope["method"] != "HEAD":
        _Stream(scope, hub, subscription, translation, wishes or Wishes(), on_end)
        return
    bye = b""
    if scope["method"] != "HEAD" and refusal is not None:
        # Any status but 200 would make EventSource give up for good, and this will pass.
        retry = retry_milliseconds()
        bye = signal_frame(Bye(refusal, retry / 1000), retry_milliseconds=retry)
    on_end()
    await send({"type": "http.response.body", "body": bye})


class _Stream:
    """A delivery with its outlet, once ASGI is out of the way."""

    __slots__ = ("_delivery", "_lane", "_on_end", "_outlet")

    def __init__(
        self,
        scope: Scope,
        hub: Hub,
        subscription: Subscription,
        translation: Translation,
        wishes: Wishes,
        on_end: Callable[[], None],
    ) -> None:
        self._outlet = Chunks(self._lost)
        self._on_end = on_end
        self._lane = hub.meter.lanes["sse"]
        try:
            self._outlet.attach(response_of(scope).give_away(self._outlet))
        except Gone:
            on_end()
            return
        self._lane.connections += 1
        self._delivery = Delivery(
            hub, subscription, translation, self._outlet, self._lane, hub.beats, wishes=wishes, on_end=self._ended
        )
        self._delivery.start()

    def _lost(self) -> None:
        self._delivery.leave()

    def _ended(self, delivery: Delivery) -> None:
        self._lane.connections -= 1
        self._outlet.finish()
        self._on_end()
