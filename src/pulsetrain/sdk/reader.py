"""Reading the log from a cursor on, through everything that can happen between a client and a server. No I/O.

It streams while it can. After some streaming connections in a row over which nothing came live (a proxy cuts or holds
back the stream), it asks for pages instead, and tries to stream again now and then.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.fold import fold
from pulsetrain.model.runs import Run
from pulsetrain.wire.codec import event_from_json

from . import calls
from .answers import Interrupted, News, Refused, Snapshot, Unreachable
from .plan import HangUp, Listen, Part, Pause, Plan, Read, Say, Step, ask, through
from .sse import Message, SseReader

FOR_GOOD = frozenset({400, 401, 403, 404, 406, 410, 422})
"""Statuses after which asking again is pointless."""
_HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Pace:
    """How long a reader waits for what. The defaults suit everybody but tests."""

    first_seconds: float = 1.0
    """The first pause after a break; each further one is twice as long."""
    longest_seconds: float = 30.0
    """No pause is longer."""
    failures: int = 5
    """After so many failed streaming connections in a row it asks for pages."""
    again_seconds: float = 30.0
    """So long it then does, before it tries to stream again; twice as long after each attempt in vain."""
    longest_again_seconds: float = 600.0
    wait_seconds: int = 25
    """How long the server may wait for a page to fill."""
    answer_seconds: float = 10.0
    """How long an answer may take to begin, beyond that."""
    heartbeats: int = 3
    """A stream that is silent for so many heartbeats is dead."""


class Signal(msgspec.Struct, frozen=True):
    """What the control messages of a stream say that matters here (PROTOCOL §3.1)."""

    heartbeat_seconds: float = _HEARTBEAT_SECONDS
    reason: str = ""
    retry_seconds: float | None = None
    events: int = 0


@dataclass(frozen=True)
class Break:
    """Why a connection ended."""

    reason: str
    retry_seconds: float | None = None
    """When to come back, where the server said it."""
    said: bool = False
    """The stream said it itself, so it does get through."""


class Reader:
    """Where one reader is in the log, and how it fares. `plan()` is what it does; it never ends by itself."""

    def __init__(
        self,
        cursor: str,
        *,
        runs: Sequence[str] = (),
        types: Sequence[str] = (),
        latest: float | None = None,
        patient: bool = False,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._query = {"run": list(runs), "type": list(types)} | ({} if latest is None else {"latest": f"{latest:g}s"})
        self._pace, self._clock, self._chance = pace or Pace(), clock, chance
        self._sse = SseReader()
        self.cursor = cursor  # what has been read
        self._known = patient  # there is a server at this address
        self._offline = False
        self._tries = 0  # attempts in a row that brought nothing, for the back-off
        self._failures = 0  # streaming connections in a row over which nothing came live
        self._stream_at = 0.0  # when streaming is tried again
        self._caught_up = False  # `live` was said since pages are read
        self._silence = self._pace.heartbeats * _HEARTBEAT_SECONDS

    def plan(self) -> Plan[News]:
        """Read without end. Raises Refused where asking again is pointless, and Unreachable if nobody ever answered."""
        while True:
            streams = self._failures < self._pace.failures or self._clock() >= self._stream_at
            try:
                if not streams:
                    yield from self._read_page()
                    continue
                broke = yield from self._stream()
            except (Unreachable, Refused, ValueError, msgspec.DecodeError) as problem:
                broke = self._judge(problem)
            if streams:
                yield HangUp()
                if not broke.said and self._is_stream_given_up():
                    continue
            else:
                # Pages fare no better, so it may not be the stream's fault: one more attempt decides.
                self._failures = self._pace.failures - 1
            self._offline, self._caught_up = True, False
            pause = self._pause(broke)
            yield Say(News(self.cursor, about="offline", detail=broke.reason, retry_seconds=pause))
            yield Pause(pause)

    def _judge(self, problem: Exception) -> Break:
        """What an error means for the reader; raises it where it is final."""
        if isinstance(problem, Refused):
            if problem.status in FOR_GOOD:
                raise problem
            self._known = True
            return Break(problem.message, problem.retry_seconds)
        if isinstance(problem, Unreachable):
            # Who broke off in the middle is there; a proxy that holds back streams looks like this.
            if not self._known and not isinstance(problem, Interrupted):
                raise problem
            return Break(problem.message)
        return Break("What the server sent is not understood.")

    def _is_stream_given_up(self) -> bool:
        """Count a failed streaming connection; whether pages are asked for now."""
        self._failures += 1
        in_vain = self._failures - self._pace.failures
        if in_vain < 0:
            return False
        again = min(self._pace.again_seconds * 2 ** min(in_vain, 16), self._pace.longest_again_seconds)
        self._stream_at = self._clock() + again
        return True

    def _pause(self, broke: Break) -> float:
        """min(first·2ⁿ, longest), or what the server asked for, and never the same for two clients."""
        longest = self._pace.longest_seconds
        if broke.retry_seconds is not None:
            return min(broke.retry_seconds, longest) * (1 + self._chance() / 2)
        first = max(self._pace.first_seconds, self._sse.retry_seconds or 0.0)
        self._tries += 1
        doubled = first * float(2 ** min(self._tries - 1, 16))
        return min(doubled, longest) * (1 + self._chance()) / 2

    def _stream(self) -> Part[News, Break]:
        """One streaming connection, to its end."""
        self._sse.restart()
        self._sse.last_id = self.cursor
        self._caught_up = False
        call = calls.stream(self._query, self.cursor)
        yield Listen(call, "text/event-stream", self._pace.answer_seconds, self._silence)
        live = False
        while (piece := (yield Read())) is not None:
            for message in self._sse.feed(piece):
                if message.name == "bye":
                    bye = _signal(message)
                    return Break(bye.reason, bye.retry_seconds, said=True)
                if live and message.name in ("message", "heartbeat"):
                    self._failures = 0
                live = live or message.name == "live"
                yield from self._heard(message)
                self.cursor = message.id
        return Break("The server closed the stream.")

    def _heard(self, message: Message) -> Plan[News]:
        self._known = True
        if message.name == "hello":
            # For the connections to come: the patience of this one is set.
            self._silence = self._pace.heartbeats * _signal(message).heartbeat_seconds
        elif message.name == "message":
            yield from self._say(News(message.id, event_from_json(message.data)))
        elif message.name == "live":
            yield from self._say(News(message.id, about="live"))
        elif message.name == "reset":
            yield from self._say(News(message.id, about="reset", detail=_signal(message).reason))
        elif message.name == "skipped":
            yield from self._say(News(message.id, about="skipped", skipped=_signal(message).events))

    def _read_page(self) -> Plan[News]:
        # After a failure the answer comes at once: whatever cuts long answers must not keep events from us.
        wait = 0 if self._tries or not self._caught_up else self._pace.wait_seconds
        page = yield from ask(calls.page(self._query, self.cursor, wait, self._pace.answer_seconds))
        self._known = True
        if page.reset is not None:
            self._caught_up = False
            yield from self._say(News(page.cursor, about="reset", detail=page.reset.reason))
        if page.skipped:
            yield from self._say(News(self.cursor, about="skipped", skipped=page.skipped))
        for event in page.events:
            yield from self._say(News(str(Cursor(page.generation, event.seq)), event))
        self.cursor = page.cursor
        self._tries = 0
        if page.live and not self._caught_up:
            self._caught_up = True
            yield from self._say(News(page.cursor, about="live"))

    def _say(self, news: News) -> Plan[News]:
        self._tries = 0
        if self._offline:
            self._offline = False
            yield Say(News(self.cursor, about="online"))
        self.cursor = news.cursor
        yield Say(news)


def _signal(message: Message) -> Signal:
    return msgspec.json.decode(message.data, type=Signal)


def follow(run: str, *, pace: Pace | None = None) -> Plan[tuple[Run, News]]:
    """The run as it is, and again after each of its events, until it has ended."""
    pace = pace or Pace()
    snapshot = yield from ask(calls.run(run))
    state = snapshot.run
    yield Say((state, News(snapshot.cursor, about="live")))
    # A lost run may come back, but nobody waits for that.
    if not state.active:
        return

    def each(news: News) -> Part[tuple[Run, News], bool]:
        nonlocal state
        if news.about == "reset":
            state = (yield from _taken_anew(run, pace)).run
        elif news.event is not None:
            # It ignores what the snapshot has already.
            state = fold(state, news.event) or state
        yield Say((state, news))
        return state.active

    reader = Reader(snapshot.cursor, runs=[run], patient=True, pace=pace)
    yield from through(reader.plan(), each)


def _taken_anew(run: str, pace: Pace) -> Generator[Step, Any, Snapshot]:
    """The run as it is now, however long the server is away."""
    while True:
        try:
            return (yield from ask(calls.run(run)))
        except Unreachable:
            pass
        except Refused as problem:
            if problem.status in FOR_GOOD:
                raise
        yield Pause(pace.first_seconds)
