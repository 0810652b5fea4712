"""The newest events, encoded once for all readers, and the pages that are cut from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from pulsetrain.model.log import Filter, Page, Stored, View
from pulsetrain.wire.frames import event_frames
from pulsetrain.wire.subscription import wants

PAGE_EVENTS = 500
PAGE_BYTES = 128 * 1024
"""A page ends with the event that reaches this size; so does one write to a socket."""


class HubPage(Page, frozen=True):
    """A page that readers share; what they make of it is made once."""

    generation: str
    encoded: dict[str, bytes]
    written: dict[str | None, bytes] = msgspec.field(default_factory=dict)
    """What goes over the wire, by the form of a translation."""

    def sse(self) -> bytes:
        """The page as SSE frames of the native stream."""
        return self.once("sse", lambda: event_frames(self.generation, self.events))

    def once(self, form: str, make: Callable[[], bytes]) -> bytes:
        """What `make` makes of this page, made for the first reader who wants it in this form."""
        made = self.encoded.get(form)
        if made is None:
            made = self.encoded[form] = make()
        return made


class Ring:
    """The newest events, contiguous, bounded in number and bytes."""

    def __init__(self, view: View, max_events: int, max_bytes: int) -> None:
        self._generation = view.generation
        self._max_events, self._max_bytes = max_events, max_bytes
        self._events: list[Stored] = []
        self._first = view.tail + 1
        self._bytes = 0

    @property
    def tail(self) -> int:
        return self._first + len(self._events) - 1

    def add(self, events: Sequence[Stored]) -> None:
        self._events += events
        self._bytes += sum([len(event.body) for event in events])
        if len(self._events) > self._max_events or self._bytes > self._max_bytes:
            self._shrink()

    def prepend(self, events: Sequence[Stored]) -> None:
        """Take `events`, which end where the ring begins, as far as there is room for them."""
        events = [event for event in events if event.seq < self._first]
        self._events[:0] = events
        self._first -= len(events)
        self._bytes += sum([len(event.body) for event in events])
        if len(self._events) > self._max_events or self._bytes > self._max_bytes:
            self._shrink()

    def _shrink(self) -> None:
        """Down to three quarters at a time, so that the cost of moving the rest stays small for each event."""
        drop = max(0, len(self._events) - self._max_events * 3 // 4)
        size = sum([len(event.body) for event in self._events[:drop]])
        while drop < len(self._events) and self._bytes - size > self._max_bytes * 3 // 4:
            size += len(self._events[drop].body)
            drop += 1
        del self._events[:drop]
        self._bytes -= size
        self._first += drop

    def page(self, after: int, tail: int, filter: Filter) -> HubPage | None:
        """The next events above `after` and up to `tail`, or None if the ring does not reach so far back."""
        start, end = after + 1 - self._first, tail + 1 - self._first
        if start < 0 or start > end:
            return None
        everything = not (filter.runs or filter.types)
        events: list[Stored] = []
        size = 0
        for index in range(start, end):
            event = self._events[index]
            if everything or wants(filter, event):
                events.append(event)
                size += len(event.body)
                if len(events) == PAGE_EVENTS or size >= PAGE_BYTES:
                    return HubPage(events, event.seq, self._generation, {})
        return HubPage(events, tail, self._generation, {})
