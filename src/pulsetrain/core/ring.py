"""The newest events, encoded once for all readers, and the pages that are cut from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pulsetrain.model.log import Filter, Page, Stored, View
from pulsetrain.wire.frames import event_frame
from pulsetrain.wire.subscription import wants

PAGE_EVENTS = 500
PAGE_BYTES = 128 * 1024
"""A page ends with the event that reaches this size; so does one write to a socket."""


class HubPage(Page, frozen=True):
    """A page that readers share; what they make of it is made once."""

    frames: Sequence[bytes]
    encoded: dict[str, bytes]

    def sse(self) -> bytes:
        """The page as SSE frames of the native stream."""
        return self.once("sse", lambda: b"".join(self.frames))

    def once(self, form: str, make: Callable[[], bytes]) -> bytes:
        """What `make` makes of this page, made for the first reader who wants it in this form."""
        made = self.encoded.get(form)
        if made is None:
            made = self.encoded[form] = make()
        return made


class Ring:
    """The newest events with their frames, contiguous, bounded in number and bytes."""

    def __init__(self, view: View, max_events: int, max_bytes: int) -> None:
        self._generation = view.generation
        self._max_events, self._max_bytes = max_events, max_bytes
        self._events: list[Stored] = []
        self._frames: list[bytes] = []
        self._first = view.tail + 1
        self._bytes = 0

    @property
    def tail(self) -> int:
        return self._first + len(self._events) - 1

    def add(self, events: Sequence[Stored]) -> None:
        self._events += events
        frames = [event_frame(self._generation, event) for event in events]
        self._frames += frames
        self._bytes += sum(map(len, frames))
        if len(self._events) > self._max_events or self._bytes > self._max_bytes:
            self._shrink()

    def prepend(self, events: Sequence[Stored]) -> None:
        """Take `events`, which end where the ring begins, as far as there is room for them."""
        events = [event for event in events if event.seq < self._first]
        frames = [event_frame(self._generation, event) for event in events]
        self._events[:0], self._frames[:0] = events, frames
        self._first -= len(events)
        self._bytes += sum(map(len, frames))
        if len(self._events) > self._max_events or self._bytes > self._max_bytes:
            self._shrink()

    def _shrink(self) -> None:
        """Down to three quarters at a time, so that the cost of moving the rest stays small for each event."""
        drop = max(0, len(self._events) - self._max_events * 3 // 4)
        size = sum(map(len, self._frames[:drop]))
        while drop < len(self._frames) and self._bytes - size > self._max_bytes * 3 // 4:
            size += len(self._frames[drop])
            drop += 1
        del self._events[:drop], self._frames[:drop]
        self._bytes -= size
        self._first += drop

    def page(self, after: int, tail: int, filter: Filter) -> HubPage | None:
        """The next events above `after` and up to `tail`, or None if the ring does not reach so far back."""
        start, end = after + 1 - self._first, tail + 1 - self._first
        if start < 0 or start > end:
            return None
        everything = not (filter.runs or filter.types)
        events: list[Stored] = []
        frames: list[bytes] = []
        size = 0
        for index in range(start, end):
            event = self._events[index]
            if everything or wants(filter, event):
                events.append(event)
                frames.append(self._frames[index])
                size += len(self._frames[index])
                if len(events) == PAGE_EVENTS or size >= PAGE_BYTES:
                    return HubPage(events, event.seq, frames, {})
        return HubPage(events, tail, frames, {})
