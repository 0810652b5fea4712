"""The machine behind every stream: where one reader is, and what it must be told next.

No I/O and no clock. A shell (SSE now; WebSocket and long poll alike) does what `next` says, in a loop:

    while True:
        step = subscription.next(view)              # `view`: what can be read now
        if isinstance(step, Fetch):
            page = …read step.after, step.filter…    # from memory or the store, in any size
            page = subscription.take(page, view)    # a view taken after the read
            …send page.events…
        elif isinstance(step, Wait):
            …until the tail is above step.after, or a heartbeat is due…
        else:
            …send the signal…

Nothing is lost, doubled or reordered; where the log cannot serve a position, the reader hears `Reset`. The loop asks
the view each time, so a wake-up that gets lost, or comes for nothing, does no harm.
"""

from __future__ import annotations

import msgspec

from pulsetrain.model.cursor import Cursor, ResetReason, parse_cursor
from pulsetrain.model.log import Filter, Page, Stored, View


class Hello(msgspec.Struct, frozen=True):
    """First words of a stream."""

    cursor: str | None
    """Where the stream begins; None when a reset follows. A reader that is cut off between the two must come back
    with the cursor it had, or it would never hear of the gap."""
    tail: int
    oldest: int
    generation: str
    heartbeat_seconds: float
    version: str


class Live(msgspec.Struct, frozen=True):
    """All that there was has been sent; what follows is new."""

    cursor: str


class Heartbeat(msgspec.Struct, frozen=True):
    """The stream is alive, and the reader has seen everything up to `cursor` that it asked for."""

    cursor: str
    tail: int


class Reset(msgspec.Struct, frozen=True):
    """The position cannot be served: take a snapshot. The stream goes on after `cursor`."""

    reason: ResetReason
    cursor: str
    tail: int
    oldest: int
    snapshot: str


class Skipped(msgspec.Struct, frozen=True):
    """So many events were left out before those that follow, for a reader who asked for the latest alone."""

    cursor: str
    events: int


class Bye(msgspec.Struct, frozen=True):
    """The server ends the stream; come back after `retry_seconds`."""

    reason: str
    retry_seconds: float


Signal = Hello | Live | Heartbeat | Reset | Skipped | Bye


class Fetch(msgspec.Struct, frozen=True):
    """Read the next events above `after` that pass `filter`, and `take` the page."""

    after: int
    filter: Filter


class Wait(msgspec.Struct, frozen=True):
    """There is nothing to say until the tail is above `after`."""

    after: int


Step = Signal | Fetch | Wait


def wants(filter: Filter, event: Stored) -> bool:
    """Whether `event` passes `filter`."""
    if filter.runs and event.run not in filter.runs:
        return False
    if not filter.types or event.type in filter.types:
        return True
    return any(type.endswith(".*") and event.type.startswith(type[:-1]) for type in filter.types)


class Subscription:
    """One reader's place in the log. See the module's text for how it is driven."""

    def __init__(
        self,
        view: View,
        start: str | None = None,
        *,
        filter: Filter | None = None,
        heartbeat_seconds: float = 15.0,
        version: str = "1",
    ) -> None:
        """Start at `start`: a cursor, `0` (the first event still kept) or `now`, which None and an empty text mean too.

        `view` must know every event whose cursor has been given out, else a fresh snapshot's cursor seems *ahead*.
        """
        self.filter = filter if filter is not None else Filter()
        self.heartbeat_seconds = heartbeat_seconds
        self._generation = view.generation
        self._live = False
        self._replay_to = view.tail
        self.position, self._refused = _place(view, start)
        """The seq of `cursor`."""
        cursor = None if self._refused is not None else str(self.cursor)
        self._hello: Hello | None = Hello(cursor, view.tail, view.oldest, view.generation, heartbeat_seconds, version)

    @property
    def cursor(self) -> Cursor:
        """All that the reader asked for up to here has been handed to it."""
        return Cursor(self._generation, self.position)

    @property
    def refused(self) -> ResetReason | None:
        """Why the position cannot be served, if that is known and has not been said."""
        return self._refused

    def next(self, view: View) -> Step:
        """What to do now. `view` is what can be read at this moment."""
        if self._hello is not None:
            hello, self._hello = self._hello, None
            return hello
        if refused := self._refusal(view):
            return self._reset(refused, view)
        if self.position < view.tail:
            return Fetch(self.position, self.filter)
        if not self._live and self.position >= self._replay_to:
            self._live = True
            return Live(str(self.cursor))
        return Wait(self.position)

    def take(self, page: Page, view: View) -> Page | None:
        """Accept the page of the last `Fetch`; its events are the reader's now.

        `view` must be taken after the read: None means that the store forgot events while it was read, so that the
        page may have a hole; the next step then is the reset.
        """
        if self._refusal(view):
            return None
        if page.upto < self.position or (page.events and page.events[0].seq <= self.position):
            raise ValueError(f"The page up to {page.upto} does not follow position {self.position}.")
        self.position = page.upto
        return page

    def skip(self, upto: int) -> None:
        """Somebody has looked at all events up to `upto` and found none that this reader wants."""
        self.position = max(self.position, upto)

    def heartbeat(self, view: View) -> Heartbeat:
        """A sign of life that also carries a filtered reader's cursor on."""
        return Heartbeat(str(self.cursor), max(view.tail, self.position))

    def _refusal(self, view: View) -> ResetReason | None:
        if self._refused is not None:
            return self._refused
        if view.generation != self._generation:
            return "generation"
        return "trimmed" if self.position < view.oldest - 1 else None

    def _reset(self, reason: ResetReason, view: View) -> Reset:
        if view.generation != self._generation:
            self._generation, self._replay_to = view.generation, 0
        # What is announced may lag behind what was durable at the start, and behind what retention has taken; a
        # position before `oldest` would be the next reset.
        self.position = self._replay_to = max(view.tail, view.oldest - 1, self._replay_to)
        self._live, self._refused = False, None
        snapshot = f"/api/runs/{next(iter(self.filter.runs))}" if len(self.filter.runs) == 1 else "/api/runs"
        return Reset(reason, str(self.cursor), self.position, view.oldest, snapshot)


def _place(view: View, start: str | None) -> tuple[int, ResetReason | None]:
    """The position that `start` names, or the tail and why it cannot be served."""
    if not start or start == "now":
        return view.tail, None
    if start == "0":
        return view.oldest - 1, None
    cursor = parse_cursor(start)
    if cursor is None:
        return view.tail, "malformed"
    if cursor.generation != view.generation:
        return view.tail, "generation"
    if cursor.seq > view.tail:
        return view.tail, "ahead"
    if cursor.seq < view.oldest - 1:
        return view.tail, "trimmed"
    return cursor.seq, None
