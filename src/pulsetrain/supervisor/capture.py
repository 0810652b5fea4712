"""What the run prints: to lines of the log, and to the metrics and the progress that the lines tell."""

from __future__ import annotations

import codecs
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from pulsetrain.model.lines import Lines, State
from pulsetrain.model.logparse import LogParser, Parsed, ranked, split_rank
from pulsetrain.sdk.progress import Pace
from pulsetrain.sdk.spool import SpoolWriter

from .tail import Row
from .words import LastWords

_READ = 64 * 1024
_BAR_SECONDS = 1.0
"""How often a line that is overwritten again and again is read for metrics and progress."""
_HOLD_SECONDS = 60.0
_PROGRESS_HOLD_SECONDS = 2.0
_HELD_ROWS = 10_000
_MOST_WAITING = 1_000

SdkState = Callable[[], tuple[bool, bool, bool]]
"""Whether the SDK is in the training process, logs metrics, and logs progress."""


class Stream:
    """One pipe from the run."""

    def __init__(self, descriptor: int, name: str, echo: int | None) -> None:
        self.descriptor = descriptor
        self.name = name
        self.lines = Lines()
        self.seen: list[str] = []
        """The unfinished lines as they were when they were read for metrics last."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._echo = echo

    def read(self) -> str | None:
        """What came, and nothing if nothing did; None at the end."""
        try:
            piece = os.read(self.descriptor, _READ)
        except BlockingIOError:
            return ""
        except OSError:
            piece = b""
        if not piece:
            return None
        if self._echo is not None:
            self._pass_on(piece)
        return self._decoder.decode(piece)

    def _pass_on(self, piece: bytes) -> None:
        try:
            while piece:
                piece = piece[os.write(self._echo or 1, piece) :]
        except OSError:
            self._echo = None  # whoever read it has gone; the log goes on


class Capture:
    """Writes what the run prints into the supervisor's spool."""

    def __init__(
        self,
        writer: SpoolWriter,
        sdk: SdkState,
        complain: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.words = LastWords()
        self._writer = writer
        self._sdk = sdk
        self._complain = complain
        self._parser = LogParser()
        self._clock = clock
        self._pace = Pace(clock)
        self._held: list[tuple[int | None, dict[str, float]]] = []
        self._held_since: float | None = None
        self._moved_since: float | None = None
        self._waiting: deque[Parsed] = deque()
        """Metrics that belong to the step which the bar shows when it is drawn again."""
        self._waited = 0
        """How many of them, the oldest, waited at the last look already."""
        self._bars: deque[int] = deque()
        """Steps of bars that were drawn again before the line behind which they stand was taken."""
        self._heard: dict[str, Stream] = {}
        self._others: dict[int, LogParser] = {}
        """Rank → its parser. What rank 0 says of the training is what the run says."""
        self._untold: Parsed | None = None
        self._bar_at = 0.0

    def hear(self, pieces: Sequence[tuple[Stream, str]]) -> None:
        """Take what came at one time, in the order in which it is to be understood."""
        for stream, text in pieces:
            self._heard[stream.name] = stream
            self._hear(stream, text)
        self._bars.clear()
        self.words.pause()

    def _hear(self, stream: Stream, text: str) -> None:
        lines: list[str] = []
        for found in stream.lines.events(text):
            if isinstance(found, State):
                self._take_behind(stream, lines)
                lines = []
                self._drawn(found)
            else:
                lines.append(found)
        self._take_behind(stream, lines)

    def _take_behind(self, stream: Stream, lines: list[str]) -> None:
        """Take `lines` after the bars that other streams have finished."""
        if lines:
            for other in self._heard.values():
                if other is not stream:
                    self.take(other.name, other.lines.settle(now=True))
            self.take(stream.name, lines)

    def _drawn(self, state: State) -> None:
        bar = self._parser.look([state])
        if bar is None:
            return
        if state.why == "over":
            self._told(bar)
        elif bar.at is not None and self._waiting:
            # It stands behind the line that was printed through it, and says its step.
            self._keep(bar.at, self._waiting.popleft().metrics)
            self._waited = max(0, self._waited - 1)
        elif bar.at is not None and state.why == "again":
            self._bars.append(bar.at)

    def take(self, stream: str, lines: list[str]) -> None:
        """Log `lines` and what they say."""
        now = time.time()
        rows: list[dict[str, Any]] = []
        said: list[tuple[Parsed, int | None]] = []
        for line in lines:
            rank, text = split_rank(line)
            parser = self._others.setdefault(rank, LogParser()) if rank else self._parser
            parsed = parser.feed(text)
            row = {"stream": stream, "text": text, "time": now, "level": parsed.level}
            rows.append(row if rank is None else {**row, "rank": rank})
            if parsed.metrics or parsed.moved:
                said.append((parsed, rank))
            self.words.hear(text, parsed.level, rank, stderr=stream == "stderr")
        with self._writing():
            for start in range(0, len(rows), 500):
                part = rows[start : start + 500]
                self._writer.record("run.log", {"lines": part}, len(part))
        for parsed, rank in said:
            if rank:
                self._keep(parsed.at, ranked(parsed.metrics, rank))
            else:
                self._told(parsed)

    def tick(self, streams: list[Stream]) -> None:
        """Look at the bars from time to time."""
        now = self._clock()
        if now - self._bar_at >= _BAR_SECONDS:
            self._bar_at = now
            self.look(streams)

    def look(self, streams: list[Stream]) -> None:
        """Read bars that are drawn on one line for minutes."""
        for stream in streams:
            self.take(stream.name, stream.lines.settle())
            state = stream.lines.open
            if state != stream.seen:
                stream.seen = state
                if (said := self._parser.look(state)) is not None:
                    self._told(said)
        self._tell_progress()
        self._place_waiting(self._waited)
        self._waited = len(self._waiting)
        if self._held_since is not None and self._clock() - self._held_since > _HOLD_SECONDS:
            self._release()

    def end(self, streams: list[Stream]) -> None:
        """The run is over: what was held back or unfinished comes now."""
        for stream in streams:
            self.finish(stream)
        self._tell_progress(over=True)
        self._place_waiting(len(self._waiting))
        if not self._sdk()[1]:
            self._release()

    def finish(self, stream: Stream) -> None:
        """Nothing more will come from `stream`."""
        self._heard.pop(stream.name, None)
        self.take(stream.name, [*stream.lines.settle(now=True), *stream.lines.rest()])

    def note(self, text: str, level: str = "info") -> None:
        """A line of the supervisor's own."""
        line = {"stream": "pulsetrain", "text": text, "time": time.time(), "level": level}
        with self._writing():
            self._writer.record("run.log", {"lines": [line]}, 1)

    def _told(self, parsed: Parsed) -> None:
        if parsed.moved:
            self._progress(parsed)
        if parsed.metrics and parsed.later and self._bars:
            self._keep(self._bars.popleft(), parsed.metrics)
        elif parsed.metrics and parsed.later:
            self._waiting.append(parsed)
            self._place_waiting(len(self._waiting) - _MOST_WAITING)
        elif parsed.metrics:
            self._keep(parsed.at, parsed.metrics)

    def _place_waiting(self, count: int) -> None:
        """No bar was drawn again: the oldest `count` belong where the training was when they were printed."""
        for _ in range(min(count, len(self._waiting))):
            parsed = self._waiting.popleft()
            self._keep(parsed.at, parsed.metrics)

    def _keep(self, step: int | None, metrics: dict[str, float]) -> None:
        present, logs_metrics, _ = self._sdk()
        if logs_metrics or not metrics:
            return
        if present:
            # The script may be about to log the same numbers itself; they must not be there twice.
            self._held_since = self._held_since or self._clock()
            self._held = [*self._held[-_HELD_ROWS:], (step, metrics)]
        else:
            self._row(step, metrics)

    def _release(self) -> None:
        held, self._held, self._held_since = self._held, [], None
        if not self._sdk()[1]:
            for row in held:
                self._row(*row)

    def _row(self, step: int | None, metrics: dict[str, float]) -> None:
        with self._writing():
            self._writer.row(step, metrics)

    def _script_may_tell(self, *, over: bool = False) -> bool:
        """Whether the script tells its progress itself, or may be about to: one run must not have two."""
        present, _, tells = self._sdk()
        if tells or not present or over:
            return tells
        self._moved_since = self._moved_since or self._clock()
        return self._clock() - self._moved_since <= _PROGRESS_HOLD_SECONDS

    def _progress(self, parsed: Parsed) -> None:
        if self._script_may_tell():
            self._untold = parsed
            return
        data = self._pace.data(
            parsed.percent, parsed.epoch, parsed.epochs, parsed.step, parsed.steps, parsed.rate, parsed.unit, None
        )
        # Lines that follow one another at once need not all be told, but the last one must.
        self._untold = parsed if data is None else None
        if data is not None:
            # The parser knows best what share of the whole an epoch's steps are.
            data["percent"] = parsed.percent
            with self._writing():
                self._writer.record("run.progress", data)

    def _tell_progress(self, *, over: bool = False) -> None:
        if self._untold is None or self._script_may_tell(over=over):
            return
        said, self._untold = self._untold, None
        told = {name: getattr(said, name) for name in ("percent", "epoch", "epochs", "step", "steps", "rate", "unit")}
        with self._writing():
            self._writer.record("run.progress", {**told, "eta_seconds": None})

    @contextlib.contextmanager
    def _writing(self) -> Any:
        try:
            yield
        except OSError as problem:
            self._complain(f"Output is lost: {problem.strerror or problem}.")


class Levels:
    """Says how bad the lines are that the SDK took down itself: reading them is no work for a training process."""

    def __init__(self) -> None:
        self._parser = LogParser()

    def fill(self, row: Row) -> None:
        if row.type != "run.log":
            return
        for line in row.data["lines"]:
            if line.get("level") is None and line.get("stream") in ("stdout", "stderr"):
                line["level"] = self._parser.feed(line["text"]).level
