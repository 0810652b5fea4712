"""One reader's events on their way out: what drives a subscription, for SSE and WebSocket alike.

A reader at the tail is at rest: it has no task, and pages and heartbeats are written for it from outside. It gets a
task when its socket is not ready for that, when it lags behind, or when its stream ends.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from pulsetrain.core.beats import Beats
from pulsetrain.core.hub import Hub
from pulsetrain.core.meter import Lane
from pulsetrain.core.ring import PAGE_BYTES, HubPage
from pulsetrain.model.cursor import Cursor
from pulsetrain.model.log import Stored
from pulsetrain.model.runs import FINAL
from pulsetrain.wire.latest import Latest
from pulsetrain.wire.subscription import Bye, Fetch, Reset, Signal, Skipped, Subscription, Wait

from .outlets import Outlet, unread_bytes

logger = logging.getLogger("pulsetrain.http")

STALL_SECONDS = 30.0
"""A socket that takes nothing for so long is given up. One that takes anything is waited for."""
_LOOK_SECONDS = 5.0


class Translation(Protocol):
    """What a stream's frames look like. Returns bytes of whole frames, or nothing."""

    @property
    def form(self) -> str | None:
        """A name that translations share which say the same by the same bytes over the same kind of outlet; None if
        there are no such."""
        ...

    def signal(self, signal: Signal) -> bytes:
        """`hello` comes first, `live` after the replay, `heartbeat` again and again, `reset`, and `bye` at the end."""
        ...

    def page(self, page: HubPage) -> bytes:
        """Events in order. `page.events` are what the filter let pass, each with its JSON envelope in `body`.

        The page is shared by all readers at this position: what depends on it alone is made `once` for all.
        """
        ...


class Over(Exception):
    """A translation has nothing more to say to this reader; the stream ends without a word."""


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


_NO_WISHES = Wishes()


class Delivery:
    """One stream, from its first word to its last."""

    __slots__ = (
        "_beat_due", "_beat_seconds", "_beat_slot", "_beats", "_flush_at", "_form", "_held", "_hub", "_lane", "_on_end",
        "_outlet", "_reader", "_subscription", "_task", "_translation", "_was_live", "_wishes", "_written", "ended",
    )  # fmt: skip

    def __init__(
        self,
        hub: Hub,
        subscription: Subscription,
        translation: Translation,
        outlet: Outlet,
        lane: Lane,
        beats: Beats,
        *,
        wishes: Wishes = _NO_WISHES,
        on_end: Callable[[Delivery], None],
    ) -> None:
        """`on_end` is called once, when nothing more will be written."""
        self.ended: str | None = None
        """Why this side ended it: the reason of its `bye`, or `over`."""
        self._hub, self._lane, self._beats = hub, lane, beats
        self._subscription, self._translation, self._outlet = subscription, translation, outlet
        self._form, self._wishes, self._on_end = translation.form, wishes, on_end
        self._held = Latest() if wishes.latest_seconds is not None else None
        self._flush_at = 0.0
        self._written = subscription.cursor.seq
        plain = self._held is None and wishes.until is None
        self._reader = hub.open(subscription.filter, self._hand_over if plain else None)
        self._reader.reached(self._written)
        self._beat_due = self._was_live = False
        self._beat_seconds = subscription.heartbeat_seconds * random.uniform(0.8, 1.2)
        self._beat_slot = beats.after(self._beat_seconds, self)
        self._task: asyncio.Task[None] | None = None

    @property
    def cursor(self) -> Cursor:
        """Everything up to here has been written for this reader."""
        if self._task is None and not self._held:
            self._written = max(self._written, self._reader.position)
        return Cursor(self._subscription.cursor.generation, self._written)

    def start(self) -> None:
        """Deliver from now on. Also called to go on after a rest."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._catch_up())

    def stop(self) -> None:
        """Write nothing more, without a word. What was written is what `cursor` says."""
        self._reader.left = True
        if self._task is not None:
            self._task.cancel()
        else:
            self._close()

    def leave(self) -> None:
        """The other end is gone."""
        self._reader.leave()

    @property
    def _over(self) -> bool:
        return self._reader.left or self.ended is not None

    async def _catch_up(self) -> None:
        """Write what there is, and come to rest at the tail."""
        try:
            while not self._over:
                parts, wait = await self._gather()
                if parts:
                    await self._write(parts[0] if len(parts) == 1 else b"".join(parts))
                if wait is not None and not self._over and self._rest(wait):
                    return
        except Over:
            self.ended = "over"
        except Exception:
            logger.exception("A stream failed")
            self.ended = "over"
        finally:
            self._task = None
            if self._over:
                self._close()

    def _close(self) -> None:
        self._beats.cancel(self._beat_slot, self)
        self._reader.close()
        self._on_end(self)

    def _rest(self, wait: Wait) -> bool:
        """Whether this stream rests now, until `start` is called."""
        if not self._held:
            return self._reader.rest(wait.after, self.start)
        # Events wait here for newer ones; nothing but time, or the end, lets them go.
        loop = asyncio.get_running_loop()
        loop.call_at(max(self._flush_at, loop.time() + 0.01), self._reader.ring)
        return self._reader.pause(self.start)

    async def _gather(self) -> tuple[list[bytes], Wait | None]:
        """All that is to be said now, up to the size of one write, and the wait that follows it."""
        subscription = self._subscription
        subscription.skip(self._reader.position)
        parts: list[bytes] = []
        size = 0
        while size < PAGE_BYTES and not self._over:
            if self._hub.closing is not None:
                self._end(parts, self._hub.closing)
                break
            if self._beat_due:
                self._beat_due = False
                self._say(parts, subscription.heartbeat(self._hub.view()))
            step = subscription.next(self._hub.view())
            if isinstance(step, Wait):
                if self._held and asyncio.get_running_loop().time() >= self._flush_at:
                    self._let_go(parts)
                self._finish_if_over(parts)
                return parts, step
            if not isinstance(step, Fetch):
                if isinstance(step, Reset):
                    self._hub.meter.resets[step.reason] += 1
                self._say(parts, step)
                self._reader.reached(subscription.cursor.seq)
                continue
            page = self._hub.recent(step.after, step.filter)
            if page is None:
                if parts:
                    break  # The store may have to search for long: first send what there is, then come back.
                page = await self._hub.page(step.after, step.filter)
            if subscription.take(page, self._hub.view()) is not None:
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
        parts.append(self._translation.page(HubPage(events, cursor.seq, cursor.generation, {})))
        self._lane.events += len(events)
        self._flush_at = asyncio.get_running_loop().time() + (self._wishes.latest_seconds or 0.0)

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
        outlet = self._outlet
        if not outlet.idle:
            return False
        # A thousand readers pass here for each event, and a lone event's way is mostly this: no call that need not be.
        data = page.written.get(self._form)
        if data is None:
            data = self._wrapped(self._translation.page(page))
            if self._form is not None:
                page.written[self._form] = data
        if data:
            outlet.put(data)
            lane = self._lane
            lane.bytes += len(data)
            lane.events += len(page.events)
        return True

    def _wrapped(self, body: bytes) -> bytes:
        return self._outlet.wrapped(body) if body else b""

    async def _write(self, body: bytes) -> None:
        watch = None if self._outlet.idle else Watch(self._outlet.transport, self._stalled)
        try:
            await self._outlet.write(body)
        finally:
            if watch is not None:
                watch.end()
        if not self._held:
            self._written = self._subscription.cursor.seq
        self._lane.bytes += len(body)
        if self._was_live and self.ended is None:
            self._hub.meter.delivery.observe(time.monotonic() - self._hub.announced_commit)
        self._was_live = self._subscription.cursor.seq >= self._hub.view().tail

    def _stalled(self) -> None:
        logger.info("A reader took nothing for %d s and was disconnected", STALL_SECONDS)
        self._hub.meter.stalled += 1
        self.leave()

    def beat(self) -> None:
        """A heartbeat is due; a stream at rest need not wake for it."""
        if self._over:
            return
        self._beat_slot = self._beats.after(self._beat_seconds, self)
        if self._task is None and not self._held and self._hub.closing is None and self._outlet.idle:
            self._subscription.skip(self._reader.position)
            if data := self._heartbeat():
                self._outlet.put(data)
                self._lane.bytes += len(data)
        else:
            self._beat_due = True
            self._reader.ring()

    def _heartbeat(self) -> bytes:
        form, view = self._form, self._hub.view()
        shared = self._hub.at_tail if form is not None and self._subscription.position == view.tail else {}
        data = shared.get(form)
        if data is None:
            data = shared[form] = self._wrapped(self._translation.signal(self._subscription.heartbeat(view)))
        return data


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
    """Tells a slow socket from a dead one while a write waits: progress is any byte that the other end took."""

    def __init__(self, transport: asyncio.Transport, stalled: Callable[[], None]) -> None:
        self._transport = transport
        self._stalled = stalled
        loop = asyncio.get_running_loop()
        self._unread, self._since = unread_bytes(transport), loop.time()
        self._timer = loop.call_later(_LOOK_SECONDS, self._tick)

    def end(self) -> None:
        """The write is done."""
        self._timer.cancel()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LOOK_SECONDS, self._tick)
        self.look(loop.time())

    def look(self, now: float) -> None:
        """Compare with the last look; give the socket up when it has stood still for STALL_SECONDS."""
        unread = unread_bytes(self._transport)
        if unread != self._unread:
            self._unread, self._since = unread, now
        elif now - self._since >= STALL_SECONDS:
            self.end()
            self._stalled()
            self._transport.abort()
