"""One reader's events on their way out: the loop around a subscription, for SSE and WebSocket alike.

A reader at the tail is at rest: its task sleeps, and pages and heartbeats are written for it from outside. Its task
wakes when its socket is not ready for that, when it lags behind, or when its stream ends.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from pulsetrain.core.hub import PAGE_BYTES, Hub, HubPage
from pulsetrain.core.meter import Lane
from pulsetrain.model.cursor import Cursor
from pulsetrain.model.log import Stored
from pulsetrain.model.runs import FINAL
from pulsetrain.wire.frames import event_frame
from pulsetrain.wire.latest import Latest
from pulsetrain.wire.subscription import Bye, Fetch, Reset, Signal, Skipped, Subscription, Wait

from .transport import unread_bytes

logger = logging.getLogger("pulsetrain.http")

STALL_SECONDS = 30.0
"""A socket that takes nothing for so long is given up. One that takes anything is waited for."""
_LOOK_SECONDS = 5.0


class Translation(Protocol):
    """What a stream's frames look like. Returns bytes of whole frames, or nothing."""

    def signal(self, signal: Signal) -> bytes:
        """`hello` comes first, `live` after the replay, `heartbeat` again and again, `reset`, and `bye` at the end."""
        ...

    def page(self, page: HubPage) -> bytes:
        """Events in order. `page.events` are what the filter let pass, each with its JSON envelope in `body`.

        The page is shared by all readers at this position: what depends on it alone is made `once` for all.
        """
        ...


class Outlet(Protocol):
    """Where the bytes go."""

    @property
    def idle(self) -> bool:
        """Whether all that was written has left, so that `put` may be called."""
        ...

    @property
    def transport(self) -> asyncio.Transport | None: ...

    def put(self, body: bytes) -> None:
        """Write at once. Readers that are given the same bytes one after the other may share what is made of them."""
        ...

    async def write(self, body: bytes) -> None:
        """Write as soon as there is room."""
        ...


class Wishes(msgspec.Struct, frozen=True):
    """What a reader asked for beside its filter."""

    latest_seconds: float | None = None
    until: str | None = None
    """The run with whose end the stream ends."""
    until_seq: int | None = None
    """Where that run has ended, if it had ended when the stream began."""

    def ended_by(self, events: Sequence[Stored]) -> bool:
        """Whether with one of `events` the run is over that the stream is for."""
        if self.until is None:
            return False
        moves = (event for event in events if event.run == self.until and event.type == "run.status")
        return any(_status(event.body).data.state in FINAL for event in moves)


class Delivery:
    """One stream, from its first word to its last."""

    def __init__(
        self,
        hub: Hub,
        subscription: Subscription,
        translation: Translation,
        outlet: Outlet,
        lane: Lane,
        wishes: Wishes | None = None,
    ) -> None:
        self.ended: str | None = None
        """The reason of the `bye` that was said, if one was."""
        self._hub = hub
        self._subscription = subscription
        self._translation = translation
        self._outlet = outlet
        self._lane = lane
        self._wishes = wishes or Wishes()
        self._held = Latest() if self._wishes.latest_seconds is not None else None
        self._flush_at = 0.0
        self._written = subscription.cursor.seq
        plain = self._held is None and self._wishes.until is None
        self._reader = hub.open(subscription.filter, self._hand_over if plain else None)
        self._loop = asyncio.get_running_loop()
        self._watch = Watch(outlet.transport, self._stalled)
        self._resting = self._beat_due = self._was_live = False
        self._ticker = self._loop.call_later(self._beat_seconds(), self._tick)

    @property
    def cursor(self) -> Cursor:
        """Everything up to here has been written for this reader."""
        if self._resting and not self._held:
            self._written = max(self._written, self._reader.position)
        return Cursor(self._subscription.cursor.generation, self._written)

    def leave(self) -> None:
        """The other end is gone."""
        self._reader.leave()

    async def run(self) -> None:
        """Deliver until one side ends it."""
        try:
            while not (self._reader.left or self.ended):
                parts, wait = await self._gather()
                if parts:
                    await self._write(parts[0] if len(parts) == 1 else b"".join(parts))
                if wait is not None and not (self._reader.left or self.ended):
                    await self._rest(wait)
        finally:
            self._ticker.cancel()
            self._watch.end()
            self._reader.close()

    async def _rest(self, wait: Wait) -> None:
        self._resting = True
        try:
            if self._held:
                # Events wait here for newer ones; nothing but time, or the end, lets them go.
                timer = self._loop.call_at(max(self._flush_at, self._loop.time() + 0.01), self._reader.ring)
                try:
                    await self._reader.pause()
                finally:
                    timer.cancel()
            else:
                self._subscription.skip(await self._reader.wait(wait.after))
        finally:
            self._resting = False

    async def _gather(self) -> tuple[list[bytes], Wait | None]:
        """All that is to be said now, up to the size of one write, and the wait that follows it."""
        parts: list[bytes] = []
        size = 0
        while size < PAGE_BYTES and not (self._reader.left or self.ended):
            if self._hub.closing is not None:
                self._end(parts, self._hub.closing)
                break
            if self._beat_due:
                self._beat_due = False
                self._say(parts, self._subscription.heartbeat(self._hub.view()))
            step = self._subscription.next(self._hub.view())
            if isinstance(step, Wait):
                if self._held and self._loop.time() >= self._flush_at:
                    self._let_go(parts)
                self._finish_if_over(parts)
                return parts, step
            if not isinstance(step, Fetch):
                if isinstance(step, Reset):
                    self._hub.meter.resets[step.reason] += 1
                self._say(parts, step)
                continue
            page = self._hub.recent(step.after, step.filter)
            if page is None:
                if parts:
                    break  # The store may have to search for long: first send what there is, then come back.
                page = await self._hub.page(step.after, step.filter)
            if self._subscription.take(page, self._hub.view()) is not None:
                self._reader.reached(page.upto)
                if page.events:
                    self._add(parts, page)
                    size += len(parts[-1]) if parts else 0
        return parts, None

    def _say(self, parts: list[bytes], signal: Signal) -> None:
        """A signal tells where the reader is, so what is held back goes before it."""
        self._let_go(parts)
        if said := self._translation.signal(signal):
            parts.append(said)

    def _add(self, parts: list[bytes], page: HubPage) -> None:
        if self._held is not None:
            self._held.add(page.events)
            if self._held.size >= PAGE_BYTES:
                self._let_go(parts)
        elif made := self._translation.page(page):
            self._lane.events += len(page.events)
            parts.append(made)
        if self._wishes.ended_by(page.events):
            self._end(parts, "finished")

    def _let_go(self, parts: list[bytes]) -> None:
        if not self._held:
            return
        events, skipped = self._held.take()
        cursor = self._subscription.cursor
        if skipped:
            self._hub.meter.skipped += skipped
            parts.append(self._translation.signal(Skipped(_before(cursor, events[0]), skipped)))
        frames = [event_frame(cursor.generation, event) for event in events]
        parts.append(self._translation.page(HubPage(events, cursor.seq, frames, {})))
        self._lane.events += len(events)
        self._flush_at = self._loop.time() + (self._wishes.latest_seconds or 0.0)

    def _finish_if_over(self, parts: list[bytes]) -> None:
        end = self._wishes.until_seq
        if end is not None and self._subscription.cursor.seq >= end:
            self._end(parts, "finished")

    def _end(self, parts: list[bytes], reason: str) -> None:
        if self.ended is None:
            self.ended = reason
            self._say(parts, Bye(reason, retry_milliseconds() / 1000))

    def _hand_over(self, page: HubPage) -> bool:
        """Write a page while this stream waits, without waking its task; False if the socket is not ready for it."""
        if not self._outlet.idle:
            return False
        if body := self._translation.page(page):
            self._outlet.put(body)
            self._lane.bytes += len(body)
            self._lane.events += len(page.events)
        return True

    async def _write(self, body: bytes) -> None:
        if not self._outlet.idle:
            self._watch.begin()
        try:
            await self._outlet.write(body)
        finally:
            self._watch.end()
        if not self._held:
            self._written = self._subscription.cursor.seq
        self._lane.bytes += len(body)
        if self._was_live and not self.ended:
            self._hub.meter.delivery.observe(time.monotonic() - self._hub.announced_commit)
        self._was_live = self._subscription.cursor.seq >= self._hub.view().tail

    def _stalled(self) -> None:
        logger.info("A reader took nothing for %d s and was disconnected", STALL_SECONDS)
        self._hub.meter.stalled += 1
        self.leave()

    def _tick(self) -> None:
        """A heartbeat is due; a stream at rest need not wake for it."""
        self._ticker = self._loop.call_later(self._beat_seconds(), self._tick)
        if self._resting and not self._held and self._hub.closing is None and self._outlet.idle:
            self._subscription.skip(self._reader.position)
            if said := self._translation.signal(self._subscription.heartbeat(self._hub.view())):
                self._outlet.put(said)
                self._lane.bytes += len(said)
        else:
            self._beat_due = True
            self._reader.ring()

    def _beat_seconds(self) -> float:
        return self._subscription.heartbeat_seconds * random.uniform(0.8, 1.2)


def retry_milliseconds() -> int:
    """When a reader shall come back; spread, so that a restart does not meet all of them at once."""
    return round(1000 + random.uniform(0, 4000))


def _before(cursor: Cursor, event: Stored) -> str:
    """The place just before `event`: one who is cut off after this word loses nothing of what follows it."""
    return str(Cursor(cursor.generation, event.seq - 1))


class _State(msgspec.Struct):
    state: str


class _StatusEvent(msgspec.Struct):
    data: _State


_status = msgspec.json.Decoder(_StatusEvent).decode


class Watch:
    """Tells a slow socket from a dead one: progress is any byte that the other end took."""

    def __init__(self, transport: asyncio.Transport | None, stalled: Callable[[], None]) -> None:
        self._transport = transport
        self._stalled = stalled
        self._unread = 0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A write begins that may have to wait."""
        if self._transport is not None:
            loop = asyncio.get_running_loop()
            self._unread, self._since = unread_bytes(self._transport), loop.time()
            self._timer = loop.call_later(_LOOK_SECONDS, self._tick)

    def end(self) -> None:
        """It is done."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LOOK_SECONDS, self._tick)
        self.look(loop.time())

    def look(self, now: float) -> None:
        """Compare with the last look; give the socket up when it has stood still for STALL_SECONDS."""
        assert self._transport is not None
        unread = unread_bytes(self._transport)
        if unread != self._unread:
            self._unread, self._since = unread, now
        elif now - self._since >= STALL_SECONDS:
            self.end()
            self._stalled()
            self._transport.abort()
