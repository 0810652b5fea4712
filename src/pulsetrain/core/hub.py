"""The hub: wakes this process's readers, and keeps recent events encoded once for all of them.

A reader is a cursor, never a queue: slow ones cost no memory here, they read older pages from the store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from pulsetrain.model.log import Filter, Stored, View
from pulsetrain.ports import EventLog

from .beats import Beats
from .meter import Meter
from .ring import PAGE_EVENTS, HubPage, Ring

logger = logging.getLogger("pulsetrain.hub")


_STORE_PAGES = 8
_WARM_EVENTS = 2000
_SHARED_PAGES = 64
_BUSY = 8
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.003, 0.05
"""Seconds. Where more than `_BUSY` events were committed during an announcement, a pause as long as it took follows,
within these bounds: when commits never pause, fan-out takes half of the core at most, and what came meanwhile goes out
in one write per reader. Lone events never wait for it.
"""


class _Circle:
    """Readers of one filter that wait together at the tail."""

    __slots__ = ("readers", "seen")

    def __init__(self, seen: int) -> None:
        self.readers: set[Reader] = set()
        self.seen = seen
        """All up to here has been given to them, or is not for them. Moving this one number moves all their cursors."""


class Hub:
    """Announces what `log` commits to the readers of this process. Belongs to one event loop."""

    def __init__(
        self, log: EventLog, *, ring_events: int = 8192, ring_bytes: int = 16 * 1024 * 1024, max_readers: int = 20_000
    ) -> None:
        self._log = log
        self._ring = Ring(log.view(), ring_events, ring_bytes)
        self._tail = log.view().tail
        self._circles: dict[Filter, _Circle] = {}
        self._readers: set[Reader] = set()
        self._max_readers = max_readers
        self._pages: dict[tuple[int, Filter], HubPage] = {}
        self.at_tail: dict[str | None, bytes] = {}
        """What was made for readers at the tail, by its form, until the tail moves: ten thousand idle readers hear the
        same heartbeat."""
        self._older: OrderedDict[tuple[int, Filter], asyncio.Task[HubPage]] = OrderedDict()
        self._view = log.view()
        self._announcing: asyncio.Handle | None = None
        self._next_at = 0.0
        self._left = asyncio.Event()
        self._goodbyes: set[Callable[[], None]] = set()
        self._waiting_since: float | None = None
        self.meter = Meter()
        self.beats = Beats()
        self.announced_commit = 0.0
        """Monotonic seconds of the commit that the last announcement began with."""
        self.closing: str | None = None
        """Why streams are being ended, or None."""
        log.on_commit(self._committed)

    @property
    def readers(self) -> int:
        """How many streams are open."""
        return len(self._readers)

    @property
    def full(self) -> bool:
        """Whether no more streams are taken for now."""
        return len(self._readers) >= self._max_readers

    async def warm(self) -> None:
        """Take the newest events into memory: after a restart, all readers come back for just those at once."""
        view = self._log.view()
        after, events = max(view.oldest - 1, view.tail - _WARM_EVENTS), list[Stored]()
        while after < view.tail:
            page = await self._log.read(after, PAGE_EVENTS)
            events += page.events
            after = page.upto
        self._ring.prepend(events)

    def goodbye(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have `call` called when streams are being ended; answers how to take that back."""
        self._goodbyes.add(call)
        return lambda: self._goodbyes.discard(call)

    def lag(self) -> int:
        """Events between the tail and the reader that is furthest behind."""
        return max((self._tail - reader.position for reader in self._readers), default=0)

    def view(self) -> View:
        """What has been announced to readers."""
        view = self._log.view()
        if view.oldest != self._view.oldest or self._tail != self._view.tail:
            self._view = View(view.generation, view.oldest, self._tail)
        return self._view

    def newest_view(self) -> View:
        """What is durable: every cursor that was given out is in it. Subscriptions start from this."""
        return self._log.view()

    def open(self, filter: Filter, hand_over: Callable[[HubPage], bool] | None = None) -> Reader:
        """A new reader; it must be closed. While it waits, `hand_over(page)` may take a page at once: see Reader."""
        reader = Reader(self, filter, hand_over)
        self._readers.add(reader)
        return reader

    def recent(self, after: int, filter: Filter) -> HubPage | None:
        """The page of announced events above `after` if they are in memory. Readers at one position share it."""
        key = (after, filter)
        page = self._pages.get(key)
        if page is None and (page := self._ring.page(after, self._tail, filter)) is not None:
            if len(self._pages) >= _SHARED_PAGES:
                self._pages.clear()
            self._pages[key] = page
        return page

    async def page(self, after: int, filter: Filter) -> HubPage:
        """The page above `after`, from memory or from the store. Many that ask for the same one cause one read."""
        recent = self.recent(after, filter)
        if recent is not None:
            return recent
        key = (after, filter)
        self.meter.ring_misses += 1
        reading = self._older.get(key)
        if reading is None or (reading.done() and (reading.cancelled() or reading.exception() is not None)):
            reading = self._older[key] = asyncio.create_task(self._read(after, filter))
            while len(self._older) > _STORE_PAGES:
                self._older.popitem(last=False)
        # Shielded: the reader who asked first may leave before the others have it.
        return await asyncio.shield(reading)

    async def _read(self, after: int, filter: Filter) -> HubPage:
        self.meter.store_reads += 1
        page = await self._log.read(after, PAGE_EVENTS, filter)
        generation = self._log.view().generation
        return HubPage(page.events, page.upto, generation, {})

    async def drain(self, reason: str = "restart", *, timeout: float = 5.0) -> None:
        """End all streams with `bye` and refuse new ones the same way; returns when all have left.

        It gives up after `timeout` seconds: a reader whose socket is stuck cannot be told.

        To be called when the server shuts down, before it waits for its connections.
        """
        self.closing = reason
        for call in list(self._goodbyes):
            call()
        for reader in list(self._readers):
            reader.ring()
        if self._readers:
            try:
                await asyncio.wait_for(self._left.wait(), timeout)
            except TimeoutError:
                return

    def _committed(self, events: Sequence[Stored]) -> None:
        self._ring.add(events)
        if self._waiting_since is None:
            self._waiting_since = self._log.committed_at
        if self._announcing is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next_at:
            self._announce()
        else:
            self._announcing = loop.call_at(self._next_at, self._announce)

    def _announce(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._tail = self._ring.tail
        self.announced_commit, self._waiting_since = self._waiting_since or self.announced_commit, None
        self._pages.clear()
        self.at_tail.clear()
        for filter, circle in list(self._circles.items()):
            self._tell(circle, self.recent(circle.seen, filter))
            if not circle.readers and self._circles.get(filter) is circle:
                del self._circles[filter]
        # The readers that were rung run in the loop's next round, and what they write goes out after it.
        self._announcing = loop.call_soon(loop.call_soon, self._announced, began)

    def _announced(self, began: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._announcing = None
        if self._ring.tail > self._tail:
            if self._ring.tail - self._tail > _BUSY:
                self._next_at = now + min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, now - began))
            self._announcing = loop.call_at(self._next_at, self._announce)

    def _tell(self, circle: _Circle, page: HubPage | None) -> None:
        """Give `page` to those who wait in `circle`, or wake them to fetch what there is."""
        if page is None or page.upto < self._tail:
            left = set(circle.readers)
        elif page.events:
            left = {reader for reader in circle.readers if not reader.offer(page)}
            if taken := len(circle.readers) - len(left):
                self.meter.delivery.observe(time.monotonic() - self.announced_commit, taken)
        else:
            left = set()
        for reader in left:
            reader.ring()
        circle.seen = self._tail

    def _join(self, reader: Reader) -> _Circle:
        circle = self._circles.get(reader.filter)
        if circle is None:
            circle = self._circles[reader.filter] = _Circle(self._tail)
        circle.readers.add(reader)
        return circle

    def _leave(self, reader: Reader, circle: _Circle) -> None:
        circle.readers.discard(reader)
        if not circle.readers and self._circles.get(reader.filter) is circle:
            del self._circles[reader.filter]

    def _close(self, reader: Reader) -> None:
        self._readers.discard(reader)
        if not self._readers and self.closing is not None:
            self._left.set()


class Reader:
    """One reader's place among those who wait.

    Waking costs more than most writes. So a reader that rests at the tail is first offered the page itself:
    `hand_over(page)` takes it and returns True, or returns False at once, and then the reader is woken to fetch it.
    """

    __slots__ = ("_after", "_circle", "_hand_over", "_hub", "_rung", "_wake", "filter", "left")

    def __init__(self, hub: Hub, filter: Filter, hand_over: Callable[[HubPage], bool] | None) -> None:
        self.filter = filter
        self.left = False
        """Whether the other end is gone."""
        self._hub = hub
        self._hand_over = hand_over
        self._rung = False
        self._after = hub.view().tail
        self._circle: _Circle | None = None
        self._wake: Callable[[], None] | None = None

    def rest(self, after: int, wake: Callable[[], None]) -> bool:
        """Rest at `after` until there is an event that the filter lets pass and that is not taken, or until `ring`.

        Then `wake` is called, once. False, without a call, if there is something already. `position` tells the place.
        """
        self._after = after
        if self._rung or after < self._hub._tail:
            self._rung = False
            return False
        self._circle, self._wake = self._hub._join(self), wake
        return True

    def pause(self, wake: Callable[[], None]) -> bool:
        """Rest until `ring` alone, whatever is committed meanwhile. False, without a call, if it rang already."""
        if self._rung:
            self._rung = False
            return False
        self._wake = wake
        return True

    async def wait(self, after: int) -> int:
        """`rest`, for a task that waits for it; returns the position."""
        woken = asyncio.get_running_loop().create_future()
        if self.rest(after, lambda: None if woken.done() else woken.set_result(None)):
            try:
                await woken
            finally:
                self._rise()
        return self._after

    @property
    def position(self) -> int:
        """The seq up to which this reader has all that there is for it."""
        return max(self._after, self._circle.seen) if self._circle is not None else self._after

    def reached(self, seq: int) -> None:
        """The reader has all that there is for it up to `seq`."""
        self._after = seq

    def leave(self) -> None:
        """The other end is gone: wake the reader to that."""
        self.left = True
        self.ring()

    def ring(self) -> None:
        """Wake the reader, or keep it from going to rest."""
        wake = self._wake
        if wake is None:
            self._rung = True
            return
        self._rise()
        wake()

    def offer(self, page: HubPage) -> bool:
        """Whether the reader has taken `page`, the next one for all who rest with it."""
        # A reader may be ahead of what has been announced: the store knew more than the hub when it asked.
        ahead = bool(page.events) and page.events[0].seq <= self._after
        if self._hand_over is None or ahead:
            return False
        try:
            return self._hand_over(page)
        except Exception:
            # It meets the same error when it is woken; the other readers shall not.
            logger.exception("A stream cannot take its events")
            return False

    def close(self) -> None:
        self._rise()
        self._hub._close(self)

    def _rise(self) -> None:
        self._after = self.position
        if self._circle is not None:
            self._hub._leave(self, self._circle)
        self._circle = self._wake = None
