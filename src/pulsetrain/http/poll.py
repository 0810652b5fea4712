"""Pages and long poll (PROTOCOL §3.3): for clients that cannot stream."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pulsetrain.core.hub import Hub, Reader
from pulsetrain.core.ring import PAGE_BYTES
from pulsetrain.model.errors import Busy
from pulsetrain.model.log import Page, Stored
from pulsetrain.wire.latest import Latest
from pulsetrain.wire.messages import MEDIA_TYPES, Format, encode, envelopes
from pulsetrain.wire.subscription import Fetch, Hello, Reset, Subscription, Wait

from .delivery import Wishes


class Answer(msgspec.Struct):
    """A page of events, and where the next request goes on."""

    cursor: str
    tail: int
    oldest: int
    generation: str
    version: str
    live: bool
    reset: Reset | None
    skipped: int
    finished: bool
    events: list[msgspec.Raw]


class Poll:
    """One request: the events after a cursor, now or as soon as there are some."""

    def __init__(self, hub: Hub, subscription: Subscription, format: Format, limit: int, wishes: Wishes) -> None:
        """At most `limit` events are answered."""
        self._hub = hub
        self._subscription = subscription
        self._format = format
        self._limit = limit
        self._wishes = wishes
        self._version = ""
        self._events: list[Stored] = []
        self._size = 0
        self._reset: Reset | None = None

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, *, wait_seconds: float, known: str | None
    ) -> None:
        """Answer once there is something that the client lacks, or after `wait_seconds`. Raises Busy.

        `known` is the ETag of the page that the client has.
        """
        if self._hub.full:
            raise Busy("Too many readers.")
        lane = self._hub.meter.lanes["poll"]
        lane.connections += 1
        reader = self._hub.open(self._subscription.filter)
        listener = asyncio.create_task(_listen(receive, reader))
        try:
            await self._read_until_new(reader, wait_seconds, known)
        finally:
            listener.cancel()
            reader.close()
            lane.connections -= 1
        response = self._response(known)
        lane.events += len(self._events) if response.status_code == 200 else 0
        lane.bytes += len(response.body)
        await response(scope, receive, send)

    async def _read_until_new(self, reader: Reader, wait_seconds: float, known: str | None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        timer = loop.call_at(deadline, reader.ring)
        try:
            await self._read()
            while not self._worth_answering(known) and loop.time() < deadline and self._hub.closing is None:
                before = self._subscription.cursor.seq
                self._subscription.skip(await reader.wait(before))
                if reader.left:
                    return
                await self._read()
        finally:
            timer.cancel()

    def _worth_answering(self, known: str | None) -> bool:
        if self._full or self._finished:
            return True
        return bool(self._events or self._reset) and self._etag() != known

    async def _read(self) -> None:
        """Add what there is, up to the limit."""
        while not self._full:
            step = self._subscription.next(self._hub.view())
            if isinstance(step, Hello):
                self._version = step.version
            elif isinstance(step, Reset):
                self._hub.meter.resets[step.reason] += 1
                self._reset, self._events = step, []
                return
            elif isinstance(step, Wait):
                return
            elif isinstance(step, Fetch):
                page: Page = await self._hub.page(step.after, step.filter)
                room = self._limit - len(self._events)
                if len(page.events) > room:
                    page = Page(page.events[:room], page.events[room - 1].seq)
                if self._subscription.take(page, self._hub.view()) is not None:
                    self._events += page.events
                    self._size += sum(len(event.body) for event in page.events)

    @property
    def _full(self) -> bool:
        return len(self._events) >= self._limit or self._size >= PAGE_BYTES

    @property
    def _live(self) -> bool:
        return self._subscription.cursor.seq >= self._hub.view().tail

    @property
    def _finished(self) -> bool:
        end = self._wishes.until_seq
        return self._wishes.ended_by(self._events) or (end is not None and self._subscription.cursor.seq >= end)

    def _etag(self) -> str:
        return f'W/"{self._subscription.cursor}-{len(self._events)}-{self._format}-{"live" if self._live else "more"}"'

    def _response(self, known: str | None) -> Response:
        headers = {"ETag": self._etag(), "Cache-Control": "private, no-cache", "Vary": "Accept"}
        if headers["ETag"] == known and self._reset is None:
            return Response(status_code=304, headers=headers)
        view = self._hub.view()
        events, skipped = self._events, 0
        if self._wishes.latest_seconds is not None:
            latest = Latest()
            latest.add(events)
            events, skipped = latest.take()
            self._hub.meter.skipped += skipped
        cursor = str(self._subscription.cursor)
        reset, live, finished = self._reset, self._live, self._finished
        answer = Answer(
            cursor, view.tail, view.oldest, view.generation, self._version, live, reset, skipped, finished,
            envelopes(self._format, events),
        )  # fmt: skip
        return Response(encode(self._format, answer), headers=headers, media_type=MEDIA_TYPES[self._format])


async def _listen(receive: Receive, reader: Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.leave()
