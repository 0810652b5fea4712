"""What the run prints: to lines of the log, and to the metrics and the progress that the lines tell."""

from __future__ import annotations

import codecs
import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

from pulsetrain.model.lines import Lines
from pulsetrain.model.logparse import LogParser, Parsed
from pulsetrain.sdk.progress import Pace
from pulsetrain.sdk.spool import SpoolWriter

from .tail import Row

_READ = 64 * 1024
_BAR_SECONDS = 1.0
"""How often a line that is overwritten again and again is read for metrics and progress."""
_HOLD_SECONDS = 60.0
_HELD_ROWS = 10_000

SdkState = Callable[[], tuple[bool, bool, bool]]
"""Whether the SDK is in the training process, logs metrics, and logs progress."""


class Stream:
    """One pipe from the run."""

    def __init__(self, descriptor: int, name: str, echo: int | None) -> None:
        self.descriptor = descriptor
        self.name = name
        self.lines = Lines()
        self.read_open = ""
        """The state of the unfinished line that was read for metrics last."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._echo = echo

    def read(self) -> list[str] | None:
        """The lines that came; None at the end."""
        try:
            piece = os.read(self.descriptor, _READ)
        except OSError:
            piece = b""
        if not piece:
            return None
        if self._echo is not None:
            self._pass_on(piece)
        return self.lines.feed(self._decoder.decode(piece))

    def _pass_on(self, piece: bytes) -> None:
        try:
            while piece:
                piece = piece[os.write(self._echo or 1, piece) :]
        except OSError:
            self._echo = None  # whoever read it has gone; the log goes on


class Capture:
    """Writes what the run prints into the supervisor's spool."""

    def __init__(self, writer: SpoolWriter, sdk: SdkState, complain: Callable[[str], None]) -> None:
        self.last_words: str | None = None
        """The line that best says why the run ended: the last error, else the last line."""
        self._writer = writer
        self._sdk = sdk
        self._complain = complain
        self._parser = LogParser()
        self._pace = Pace()
        self._held: list[tuple[int | None, dict[str, float]]] = []
        self._held_since: float | None = None
        self._last_error: str | None = None
        self._from_zero = False
        self._bar_at = 0.0

    def take(self, stream: str, lines: list[str]) -> None:
        """Log `lines` and what they say."""
        now = time.time()
        rows: list[dict[str, Any]] = []
        said: list[Parsed] = []
        for line in lines:
            parsed = self._parser.feed(line)
            rows.append({"stream": stream, "text": line, "time": now, "level": parsed.level})
            if parsed.metrics or parsed.moved:
                said.append(parsed)
            if line.strip():
                self._remember(line.strip(), parsed.level)
        with self._writing():
            for start in range(0, len(rows), 500):
                part = rows[start : start + 500]
                self._writer.record("run.log", {"lines": part}, len(part))
        for parsed in said:
            self._told(parsed)

    def tick(self, streams: list[Stream]) -> None:
        """Read bars that are drawn on one line for minutes."""
        now = time.monotonic()
        if now - self._bar_at < _BAR_SECONDS:
            return
        self._bar_at = now
        for stream in streams:
            state = stream.lines.open
            if state and state != stream.read_open:
                stream.read_open = state
                self._told(self._parser.feed(state))
        if self._held_since is not None and now - self._held_since > _HOLD_SECONDS:
            self._release()

    def end(self, streams: list[Stream]) -> None:
        """The run is over: what was held back or unfinished comes now."""
        for stream in streams:
            self.take(stream.name, stream.lines.rest())
        if not self._sdk()[1]:
            self._release()

    def note(self, text: str, level: str = "info") -> None:
        """A line of the supervisor's own."""
        line = {"stream": "pulsetrain", "text": text, "time": time.time(), "level": level}
        with self._writing():
            self._writer.record("run.log", {"lines": [line]}, 1)

    def _remember(self, line: str, level: str | None) -> None:
        # Of a traceback, the last line says what happened.
        if level == "error":
            self._last_error = line
        self.last_words = (self._last_error or line)[:2000]

    def _told(self, parsed: Parsed) -> None:
        present, metrics, progress = self._sdk()
        if parsed.moved and not progress:
            self._progress(parsed)
        if not parsed.metrics or metrics:
            return
        row = (self._step(parsed), parsed.metrics)
        if present:
            # The script may be about to log the same numbers itself; they must not be there twice.
            self._held_since = self._held_since or time.monotonic()
            self._held = [*self._held[-_HELD_ROWS:], row]
        else:
            self._row(*row)

    def _release(self) -> None:
        held, self._held, self._held_since = self._held, [], None
        if not self._sdk()[1]:
            for row in held:
                self._row(*row)

    def _row(self, step: int | None, metrics: dict[str, float]) -> None:
        with self._writing():
            self._writer.row(step, metrics)

    def _step(self, parsed: Parsed) -> int | None:
        """Where a row of metrics belongs on a common axis: steps count on over epochs where their number is known."""
        self._from_zero = self._from_zero or parsed.epoch == 0
        if parsed.step is None:
            return parsed.epoch
        if parsed.epoch is None or not parsed.steps:
            return parsed.step
        return (parsed.epoch - (0 if self._from_zero else 1)) * parsed.steps + parsed.step

    def _progress(self, parsed: Parsed) -> None:
        data = self._pace.data(parsed.percent, parsed.epoch, parsed.epochs, parsed.step, parsed.steps, None, None, None)
        if data is not None:
            # The parser knows best what share of the whole an epoch's steps are.
            data["percent"] = parsed.percent
            with self._writing():
                self._writer.record("run.progress", data)

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
