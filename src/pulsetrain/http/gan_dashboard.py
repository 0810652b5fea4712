"""The GAN dashboard's dialect (CONTRACTS A): its streams here, its REST in `gan_training` and `gan_data`."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from pulsetrain.core.ring import HubPage
from pulsetrain.model.cursor import parse_cursor
from pulsetrain.model.log import Filter, Stored, View
from pulsetrain.wire.codec import encode_json, event_from_json
from pulsetrain.wire.dialects.gan_dashboard import (
    CHANNELS,
    Channel,
    Known,
    Message,
    connection,
    frames,
    place_of,
)
from pulsetrain.wire.frames import frame
from pulsetrain.wire.subscription import Heartbeat, Hello, Reset, Signal, Subscription

from . import gan_data, gan_training
from .delivery import Over, retry_milliseconds
from .gan_shared import shared
from .services import services
from .sse import stream

_RECENT_RUNS = 200
"""Runs whose facts a stream begins with: those that a client may have missed events of."""
_HEARTBEAT_SECONDS = 15.0


class Stream:
    """`GET /events/<channel>`: pure ASGI, so that nothing stands between the stream and the socket."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        parts, dialect = services(request), shared(request)
        cursor, runs, _ = await parts.log.runs(_RECENT_RUNS)
        dialect.known.add(runs)
        view = parts.hub.newest_view()
        start, seen = place_of(request.headers.get("last-event-id") or "")
        resumed = _can_serve(start, view)
        if not resumed:
            # The client has no place, or lost it: it goes on from the snapshot that its first frames tell of.
            start, seen = str(cursor), 0
        subscription = Subscription(
            view, start, filter=Filter(types=self._channel.types), heartbeat_seconds=_HEARTBEAT_SECONDS
        )
        now = parts.clock.time()
        clients = dialect.came(self._channel.name)
        words = connection(self._channel.name, secrets.token_hex(8), clients, now)
        greeting = [words] if resumed else [words, *self._channel.snapshot(runs, now)]
        translation = _Translation(self._channel, dialect.known, greeting, seen)
        left = functools.partial(dialect.left, self._channel.name)
        await stream(scope, send, hub=parts.hub, subscription=subscription, translation=translation, on_end=left)


def _can_serve(start: str, view: View) -> bool:
    cursor = parse_cursor(start)
    return cursor is not None and cursor.generation == view.generation and view.oldest - 1 <= cursor.seq <= view.tail


class _Translation:
    """One client's stream: what the log says, in the dialect's frames."""

    form = None

    def __init__(self, channel: Channel, known: Known, greeting: Sequence[Message], seen: int) -> None:
        self._channel = channel
        self._known = known
        self._greeting = greeting
        self._seen = seen
        """Frames of the first event that a client who comes back has already."""
        self._generation = ""

    def signal(self, signal: Signal) -> bytes:
        if isinstance(signal, Hello):
            self._generation = signal.generation
            retry = b"retry: %d\n\n" % retry_milliseconds()
            return retry + b"".join(frame(encode_json(message), id=signal.cursor) for message in self._greeting)
        if isinstance(signal, Reset):
            # This dialect has no word for it. The client comes back, with a place that cannot be served, and gets a
            # snapshot.
            raise Over
        if isinstance(signal, Heartbeat):
            # No data, so that nobody hears of it; the id makes a reconnect cheap.
            return f": keep-alive\nid: {signal.cursor}\n\n".encode()
        return b""

    def page(self, page: HubPage) -> bytes:
        key = f"gan-dashboard {self._channel.name}"
        made, skipped = page.encoded.get(key), self._seen
        if made is None or skipped:
            made = b"".join(self._frames(stored) for stored in page.events)
            if not skipped:
                page.encoded[key] = made
        return made

    def _frames(self, stored: Stored) -> bytes:
        event = event_from_json(stored.body)
        self._known.learn(event)
        messages = self._channel.translate(event, self._known.of(event.run))
        seen, self._seen = self._seen, 0
        return frames(self._generation, event.seq, messages, seen)


routes: list[BaseRoute] = [
    *(Route(f"/events/{channel.name}", Stream(channel), methods=["GET"]) for channel in CHANNELS.values()),
    *gan_training.routes,
    *gan_data.routes,
]
