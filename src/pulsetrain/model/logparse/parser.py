"""The parser of one run: it remembers what earlier lines said.

An epoch printed alone belongs to the metrics on the lines after it, and the step of a bar to those behind it.
"""

from __future__ import annotations

import re

import msgspec

from .bars import Bar, bar_in, read_round
from .found import Found
from .pairs import json_object, read_pairs, read_python_record, read_record
from .place import Place
from .prefixes import SAID_WARNING, Tracebacks, said_level, strip_prefix

_LONGEST_TEXT = 8_192
"""Characters of a line that are searched for metrics; longer ones are data, not messages."""
_ANSI = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)?|\x1b[@-Z\\^_]")
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+]{1,15}://\S*+")
_MAY_HAVE_NUMBER = re.compile(r"\d|nan|NaN|NAN|inf|Inf|INF")
_LIGHTGBM = "[LightGBM] "

_OF = r"\[?(\d{1,9})\s{0,3}(?:/|of)\s{0,3}(\d{1,9})"
_EPOCH_OF = re.compile(rf"(?<!best )(?<!from )(?<![\w-])epoch\s{{0,3}}[:#=]?\s{{0,3}}{_OF}(?![\d/.])", re.I)
_EPOCH = re.compile(
    r"[\s\[(=#>*-]{0,40}"
    r"(?:(?:train(?:ing)?|starting|start|begin|running|finished|end of|valid(?:ation)?|val|test|eval)\s)?"
    r"epoch\s{0,3}[:#=]?\s{0,3}\[?(\d{1,9})(?![\d/])(?!\.\d)",
    re.I,
)
_STEP_OF = re.compile(rf"(?<![\w-])(?:step|iter|iteration|batch)\s{{0,3}}[:#=]?\s{{0,3}}{_OF}(?![\d/.])", re.I)
_STEP = re.compile(
    r"(?:^|[\[(,;|-]\s{0,2})(?:global[ _])?(?:step|iter|iteration)\s{0,3}[:#=]?\s{0,3}(\d{1,12})(?![\d/])(?!\.\d)", re.I
)
_OF_EPOCH = re.compile(r"epoch[:\s]{1,3}\d{1,9}\s{1,3}\[(\d{1,12})/(\d{1,12})\s\(", re.I)
_PROGRESS = re.compile(r"(?<![\w-])progress\s{0,3}[:=]?\s{0,3}(\d{1,3}(?:\.\d{1,9})?)\s?%", re.I)
_MAY_HAVE_POSITION = re.compile(r"[eE](?:poch|POCH)|[sS](?:tep|TEP)|[iI](?:ter|TER)|[bB](?:atch|ATCH)|[pP](?:rog|ROG)")
_HELD_OUT = re.compile(r"(?:val|valid|validation|eval|test)_")
_EVALUATED = "evaluate_"


class Parsed(msgspec.Struct, frozen=True):
    """What one line says. Unknown is None.

    `metrics` belong to `epoch` and `step`, which an earlier line may have named. `percent` is of the whole run.
    """

    message: str
    level: str | None = None
    metrics: dict[str, float] = {}
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    percent: float | None = None
    moved: bool = False
    """Whether this line says how far the training is; else `epoch` and `step` are those of earlier lines."""
    at: int | None = None
    """Where `metrics` belong on an axis of the whole run."""
    rate: float | None = None
    """How many of `unit` a second."""
    unit: str | None = None
    later: bool = False
    """Whether `metrics` belong to the step that the bar shows next, and not to `at`."""


class LogParser:
    """Reads the output of one run, line by line, stdout and stderr alike. Never raises."""

    def __init__(self) -> None:
        self._place = Place()
        self._traceback = Tracebacks()
        self._evaluating = False
        """Whether Keras has finished an epoch: the bars until the next one are of `evaluate()`."""
        self._told: dict[str, tuple[int, float]] = {}
        """Metric → where it was told last, and its value: a line that is drawn again says nothing new."""
        self._in_bar: dict[str, float] = {}

    def feed(self, line: str) -> Parsed:
        """What `line` (without or with its line end) says."""
        message, level = strip_prefix(_last_written(_ANSI.sub("", line) if "\x1b" in line else line))
        if self._traceback.holds(message):
            return Parsed(message, "error")
        level = level or said_level(message)
        found = Found()
        if message.startswith("{") and (record := json_object(message)) is not None:
            message, level = read_record(record, found, message, level)
        elif message.startswith(_LIGHTGBM):
            level = _lightgbm_level(message)
        elif level != "error" and _MAY_HAVE_NUMBER.search(message) and not SAID_WARNING.match(message):
            self._read(message[:_LONGEST_TEXT], found, over=True)
        return self._result(message, level, found)

    def look(self, rows: list[str]) -> Parsed | None:
        """What bars say that are still being drawn, the outer one first; None if there are none."""
        bars = [bar_in(row[:_LONGEST_TEXT]) for row in rows[:2]]
        found = Found()
        if not bars or bars[0] is None:
            return None
        self._read(rows[0][:_LONGEST_TEXT], found, over=False)
        inner = bars[1] if len(bars) > 1 else None
        if bars[0].of == "epochs" and inner is not None and inner.of == "training":
            self._read_bar(inner, found, over=False)  # batches of the epoch that is under way
        return self._result("", None, found)

    def _result(self, message: str, level: str | None, found: Found) -> Parsed:
        place = self._place
        said = place.move(found)
        if not (found.metrics or said):
            return Parsed(message, level)
        percent, moved = place.share(found, said)
        at = place.at(found)
        later = found.later and place.whole_run
        metrics = found.metrics if later else self._news(found.metrics, at)
        where = (place.epoch, place.epochs, place.step, place.steps)
        return Parsed(message, level, metrics, *where, percent, moved, at, found.rate, found.unit, later)

    def _news(self, metrics: dict[str, float], at: int | None) -> dict[str, float]:
        if at is None:
            return metrics
        news = {name: value for name, value in metrics.items() if self._told.get(name) != (at, value)}
        self._told.update((name, (at, value)) for name, value in news.items())
        return news

    # ---- reading text ----

    def _read(self, text: str, found: Found, *, over: bool) -> None:
        if read_round(text, found):
            return
        if read_python_record(text, found):
            found.later = found.epochs_done is not None and found.step is None
            return
        text = _URL.sub("\x00", text) if "://" in text else text
        bar = bar_in(text)
        _read_position(text if bar is None else text[: len(text) - len(bar.rest)], found, bar=bar is not None)
        if bar is None:
            read_pairs(text, found)
            if found.epoch is not None:
                self._evaluating = False
        else:
            self._read_bar(bar, found, over=over)

    def _read_bar(self, bar: Bar, found: Found, *, over: bool) -> None:
        numbers = Found()
        if bar.done > 0:  # what stands behind a bar at 0 is left over from the one before it
            read_pairs(bar.rest, numbers)
        if bar.keras and self._evaluating:
            if over and bar.done == bar.total:
                found.metrics = {_EVALUATED + name: value for name, value in numbers.metrics.items()}
            return
        if bar.of == "else":
            found.metrics = numbers.metrics if bar.total and bar.done == bar.total else {}
            found.epoch = found.epochs = None
            return
        found.metrics |= numbers.metrics if bar.keras else self._fresh(numbers.metrics)
        found.rate, found.unit = bar.rate, bar.unit
        if bar.epoch is not None:
            found.epoch, found.epochs = bar.epoch, bar.epochs
        if bar.of == "epochs" and found.epoch is None:
            # The one that is under way, if those that are over are not all.
            found.epoch, found.epochs, found.epochs_over = min(bar.done + 1, bar.total), bar.total, bar.done
        else:
            found.step, found.steps = bar.done, bar.total
        if bar.keras and over and bar.done == bar.total:
            self._evaluating = True

    def _fresh(self, metrics: dict[str, float]) -> dict[str, float]:
        """Without those of held-out rows that stay in a bar until the next evaluation."""
        held_out = {name: value for name, value in metrics.items() if _HELD_OUT.match(name)}
        stale = {name for name, value in held_out.items() if self._in_bar.get(name) == value}
        self._in_bar |= held_out
        return {name: value for name, value in metrics.items() if name not in stale}


def _read_position(text: str, found: Found, *, bar: bool) -> None:
    if not _MAY_HAVE_POSITION.search(text):
        return
    if match := _EPOCH_OF.search(text):
        found.epoch, found.epochs = int(match[1]), int(match[2])
    elif match := _EPOCH.match(text):
        found.epoch = int(match[1])
    if match := _PROGRESS.search(text):
        percent = float(match[1])
        found.percent = percent if percent <= 100 else None
    if bar:
        return
    if match := _STEP_OF.search(text) or _OF_EPOCH.search(text):
        found.step, found.steps = int(match[1]), int(match[2])
    elif match := _STEP.search(text):
        found.step = int(match[1])


def _last_written(line: str) -> str:
    """What a terminal shows of a line in which a carriage return goes back to its start."""
    parts = [part for part in line.rstrip("\r\n").split("\r") if part.strip()]
    return parts[-1].replace("\n", " ") if parts else ""


def _lightgbm_level(message: str) -> str | None:
    """Its own messages hold counts and scores, and none of them is a metric."""
    named = message[len(_LIGHTGBM) :].partition("]")[0].removeprefix("[")
    return {"Info": "info", "Debug": "debug", "Warning": "warning", "Fatal": "error"}.get(named)
