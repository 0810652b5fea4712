"""Output → metrics: what a program's own lines say about its training (CONTRACTS A and D).

One parser per run holds what earlier lines said: an epoch printed alone belongs to the metrics on the lines after it,
and a traceback is one error over many lines. A line is read only where its form is sure: prose, clock times, paths and
ports give no metric. Every pattern looks at a bounded piece of text: a line costs time in proportion to its length.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

_LONGEST_JSON = 65_536
_LONGEST_TEXT = 8_192
"""Characters of a line that are searched for metrics; longer ones are data, not messages."""

_ANSI = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)?|\x1b[@-Z\\^_]")
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+]{1,15}://\S*+")

# ---- prefixes that loggers put before a message ----
_LEVEL = r"(?P<level>DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL)"
_STAMP = r"\[?(?:\d{4}[-/]\d\d[-/]\d\d[T ,])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?"
_PREFIXES = [
    re.compile(rf"{_STAMP}\s{{0,4}}[-|:]?\s{{1,8}}"),
    # Python's own formats: `INFO:name:message`, and the familiar `name - INFO - message`
    re.compile(rf"{_LEVEL}:[\w.]{{1,100}}:"),
    re.compile(rf"[\w.-]{{1,100}} - {_LEVEL} - "),
    re.compile(rf"{_LEVEL}\s{{0,8}}\| [^|\n]{{1,200}}? - "),
    re.compile(rf"[\[(]\s?{_LEVEL}\s{{0,3}}[\])]:?\s*"),
    re.compile(rf"{_LEVEL}\s{{0,4}}(?:[:|]\s*|-\s+|\s(?=\S))"),
    # glog and absl: `I1120 10:05:05.123456 4711 file.py:12] message`
    re.compile(r"(?P<letter>[DIWEF])\d{4} \d\d:\d\d:\d\d\.\d{6}\s{1,8}\d{1,10} [\w./-]{1,200}:\d{1,6}\] "),
]
_MAY_HAVE_PREFIX = re.compile(r"DEBUG|INFO|NOTICE|WARN|ERROR|CRITICAL|FATAL|^[\[DIWEF]?\d\d")
"""Most lines have none of this, and need no look at each form."""
_LEVELS = {
    "DEBUG": "debug", "INFO": "info", "NOTICE": "info", "WARNING": "warning", "WARN": "warning",
    "ERROR": "error", "CRITICAL": "error", "FATAL": "error",
    "D": "debug", "I": "info", "W": "warning", "E": "error", "F": "error",
}  # fmt: skip

_TRACEBACK = re.compile(r"[\s+|]{0,64}(?:Exception Group )?Traceback \(most recent call last\):")
_CHAINED = re.compile(r"(?:During handling of the above exception|The above exception was the direct cause)")
_EXCEPTION = re.compile(r"(?:[^\W\d]\w{0,99}\.){0,12}(?:[A-Z_]\w{0,99}|error|timeout)(?:: .*|:?)$", re.DOTALL)
_SAID_ERROR = re.compile(r"(?:[^\W\d]\w{0,99}\.){0,12}\w{0,99}(?:Error|Exception): ")
_SAID_WARNING = re.compile(r"(?:\S{1,300}:\d{1,7}: )?\w{0,60}Warning: ")

# ---- position in the training ----
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
_BAR = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)%\|[^|]{0,500}\|\s{0,3}(\d{1,12})/(\d{1,12})(?=\s)")
_BAR_OF_TRAINING = re.compile(r"epoch|train|progress|step|iter|fit|total|overall", re.I)
_BAR_OF_ELSE = re.compile(r"valid|val\b|eval|test|load|download|prepar", re.I)
_KERAS = re.compile(r"\s{0,8}(\d{1,9})/(\d{1,9})\s{0,3}(?:\[[=>.\-]{1,200}\]|[━╸╺\x20]{2,200})")

# ---- metrics ----
_NUMBER = (
    r"[-+]?(?:\d{1,30}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?"
    r"|[-+]?(?:nan|NaN|NAN|inf|Inf|INF|infinity|Infinity)"
)
_MAY_HAVE_NUMBER = re.compile(r"\d|nan|NaN|NAN|inf|Inf|INF")
_END = r"(?=%?(?:$|[\s;|)\]}\"'±]|,(?!\d\d\d(?:\D|$))|\.(?:\s|$)))"
_PAIR = re.compile(rf"(\"|'|)\s{{0,4}}([:=])(\s{{0,8}})({_NUMBER}){_END}")
_WORD = r"[^\W\d][\w./@-]*+"
_KEY = re.compile(rf"(?<![\w./@?&\\-])(?:{_WORD}[ ]){{0,5}}{_WORD}$")
_NEXT_PAIR = re.compile(r"[ ](?:[^\W\d][\w./@-]{0,60} ?){1,4} ?[:=]")
_PROSE_AFTER = re.compile(r"%? [^\W\d_]")
_MOST_WORDS = 4
_KEY_CHARACTERS = 96

_METRIC = (
    r"loss|losses|accuracy|acc|f1|auc|perplexity|ppl|score|scores|mse|mae|rmse|precision|recall|bleu|lr|reward|iou|map"
)
_NAMED = re.compile(rf"(?<![\w./-])((?:[^\W\d][\w/]{{0,30}}[ _]){{0,2}}(?:{_METRIC})) ({_NUMBER}){_END}")
_MAY_HAVE_NAMED = re.compile(rf"(?:{_METRIC}) [-+.\dnNiI]")
_METRIC_WORDS = frozenset(_METRIC.split("|"))
_LEADING = frozenset(re.findall(r"\w+", "a an and at by for in is now of on our the then to using was with"))
_NO_METRIC = frozenset(
    re.findall(
        r"\w+",
        """port pid ppid seed version host localhost line lineno id rank code status date timestamp ts year note
        device cuda gpu address thread errno asctime created levelno http https ip usage example
        step iter iteration batch epoch epochs progress percent""",
    )
)
"""Last words of keys whose numbers measure nothing."""

_EPOCHS_KEYS = frozenset({"epochs", "total_epochs", "num_epochs", "max_epochs", "n_epochs"})
_STEP_KEYS = frozenset({"step", "global_step", "iteration", "iter", "batch"})
_STEPS_KEYS = frozenset({"steps", "total_steps", "max_steps", "num_steps", "total_iterations"})
_PERCENT_KEYS = frozenset({"percent", "progress_percent", "percentage"})
_OPEN_KEYS = frozenset({"metrics", "data", "logs", "scalars", "values"})
"""Objects whose members count as if they stood one level higher."""


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


class _Found(msgspec.Struct):
    """What is being gathered from one line."""

    metrics: dict[str, float] = {}
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    percent: float | None = None
    epochs_done: float | None = None
    """Where the line gives a broken number of epochs."""


class LogParser:
    """Reads the output of one run, line by line, stdout and stderr alike. Never raises."""

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._epochs: int | None = None
        self._step: int | None = None
        self._steps: int | None = None
        self._from_zero = False
        self._percent: float | None = None
        self._in_traceback = False

    def feed(self, line: str) -> Parsed:
        """What `line` (without or with its line end) says."""
        text = _last_written(_ANSI.sub("", line))
        message, level = strip_prefix(text)
        if self._is_traceback(message):
            return Parsed(message, "error")
        level = level or _said_level(message)
        found = _Found()
        if message.startswith("{") and (record := _json_object(message)) is not None:
            message, level = _read_record(record, found, message, level)
        elif level != "error" and _MAY_HAVE_NUMBER.search(message) and not _SAID_WARNING.match(message):
            _read_text(message[:_LONGEST_TEXT], found)
        return self._placed(message, level, found)

    def _is_traceback(self, text: str) -> bool:
        if _TRACEBACK.match(text):
            self._in_traceback = True
            return True
        if _CHAINED.match(text):
            return True
        if not self._in_traceback:
            return False
        if text[:1] in (" ", "\t", "|", "+") and text.strip():
            return True
        if _EXCEPTION.match(text[:_LONGEST_TEXT]):
            self._in_traceback = False
            return True
        # A line of the other stream came between.
        return False

    def _placed(self, message: str, level: str | None, found: _Found) -> Parsed:
        """The result, with `metrics` put where earlier lines said that the training is."""
        if found.epoch is not None:
            if found.epoch != self._epoch:
                self._step = self._steps = None
            self._epoch = found.epoch
            self._from_zero = self._from_zero or found.epoch == 0
        self._epochs = found.epochs if found.epochs is not None else self._epochs
        if found.step is not None:
            self._step, self._steps = found.step, found.steps if found.steps is not None else self._steps
        said = found.epoch is not None or found.step is not None or found.percent is not None
        if not (found.metrics or said):
            return Parsed(message, level)
        percent = found.percent if found.percent is not None else self._share(found)
        moved = said or (percent is not None and percent != self._percent)
        self._percent = percent if percent is not None else self._percent
        at = (self._epoch, self._epochs, self._step, self._steps)
        return Parsed(message, level, found.metrics, *at, percent, moved)

    def _share(self, found: _Found) -> float | None:
        """Share of the run that is over, in percent, from its epochs and the steps within them; None where unknown."""
        share = self._step / self._steps if self._step is not None and self._steps else None
        if self._epoch is None and self._epochs is None:
            done = share
        elif self._epoch is None or not self._epochs:
            return None
        elif found.epochs_done is not None:
            done = found.epochs_done / self._epochs
        else:
            if share is None:
                # Metrics without a step are printed when their epoch is over.
                share = 1.0 if found.metrics and self._step is None else 0.0
            done = (self._epoch - (0 if self._from_zero else 1) + share) / self._epochs
        return round(100 * done, 3) if done is not None and 0 <= done <= 1 else None


def strip_prefix(line: str) -> tuple[str, str | None]:
    """`line` without the time, logger name and level before its message; and that level."""
    level: str | None = None
    text = line.rstrip()
    if not _MAY_HAVE_PREFIX.search(text[:256]):
        return text, None
    for _ in range(4):
        match = next((match for prefix in _PREFIXES if (match := prefix.match(text))), None)
        if match is None:
            break
        groups = match.groupdict()
        level = _LEVELS.get(groups.get("level") or groups.get("letter") or "", level)
        text = text[match.end() :].removeprefix("- ")
    return text, level


def metric_name(text: str) -> str:
    """`text` in snake_case: `Generator Loss`, `generatorLoss` and `generator/loss` are all `generator_loss`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()


def _last_written(line: str) -> str:
    """What a terminal shows of a line in which a carriage return goes back to its start."""
    parts = [part for part in line.rstrip("\r\n").split("\r") if part.strip()]
    return parts[-1].replace("\n", " ") if parts else ""


def _said_level(message: str) -> str | None:
    if _SAID_WARNING.match(message):
        return "warning"
    said = _SAID_ERROR.match(message)
    # `Mean Squared Error: 0.12` and `Error: 0.12` are measurements.
    return "error" if said and not re.match(rf"\s*(?:{_NUMBER}){_END}", message[said.end() :][:80]) else None


def _read_text(text: str, found: _Found) -> None:
    text = _URL.sub("\x00", text)
    rest = _read_bar(text, found)
    _read_position(text if rest is None else text[: len(text) - len(rest)], found, bar=rest is not None)
    _read_pairs(text if rest is None else rest, found)


def _read_bar(text: str, found: _Found) -> str | None:
    """Read a progress bar (tqdm, Keras) into `found`; the text after it, or None if there is no bar."""
    bar = _BAR.search(text)
    if bar:
        about = text[: bar.start()]
        if not _BAR_OF_ELSE.search(about) and (not about.strip() or _BAR_OF_TRAINING.search(about)):
            found.step, found.steps = int(bar[2]), int(bar[3])
        return text[bar.end() :]
    bar = _KERAS.match(text)
    if bar:
        found.step, found.steps = int(bar[1]), int(bar[2])
        return text[bar.end() :]
    return None


def _read_position(text: str, found: _Found, *, bar: bool) -> None:
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


def _read_pairs(text: str, found: _Found) -> None:
    for match in _PAIR.finditer(text):
        quote, separator, blanks, number = match.groups()
        value = _number(number)
        key = _key_before(text, match.start(), quote)
        if value is None or key is None or not _is_pair(text, match.end(), key, separator + blanks, number):
            continue
        name = metric_name(key)
        _take(name, value, found)
    for match in _NAMED.finditer(text) if _MAY_HAVE_NAMED.search(text) else ():
        name, value = metric_name(_without_leading(match[1])), _number(match[2])
        if value is not None and name not in found.metrics:
            _take(name, value, found)


def _key_before(text: str, end: int, quote: str) -> str | None:
    """The key that ends at `end`, or None where prose stands."""
    start = max(0, end - _KEY_CHARACTERS)
    before = text[start:end].rstrip(" ")
    if quote:
        opened = before.rfind(quote)
        return before[opened + 1 :] if opened >= 0 else None
    match = _KEY.search(before)
    if match is None or (match.start() == 0 and start > 0):
        return None
    key = _without_leading(match[0])
    return key if key.count(" ") < _MOST_WORDS else None


def _without_leading(key: str) -> str:
    words = key.split(" ")
    while len(words) > 1 and words[0].lower() in _LEADING:
        words = words[1:]
    return " ".join(words)


def _is_pair(text: str, end: int, key: str, separator: str, number: str) -> bool:
    last = re.split(r"[\s_]", key.lower())[-1]
    if separator == ":" and (re.fullmatch(r"\d{4,5}", number) or "." in key):
        return False  # host:port, file.py:12
    if last in _METRIC_WORDS or not _PROSE_AFTER.match(text, end):
        return True
    return _NEXT_PAIR.match(text[end : end + 280].removeprefix("%")) is not None


def _take(name: str, value: float, found: _Found) -> None:
    """Put a named number where it belongs: a position in the training, or a metric."""
    whole = int(value) if math.isfinite(value) and 0 <= value < 1e12 else None
    if name in _EPOCHS_KEYS:
        found.epochs = found.epochs if found.epochs is not None else whole
    elif name in _STEPS_KEYS:
        found.steps = found.steps if found.steps is not None else whole
    elif name == "epoch":
        if found.epoch is None:
            found.epoch = whole
            found.epochs_done = value if whole != value else None
    elif name in _STEP_KEYS:
        found.step = found.step if found.step is not None else whole
    elif name in _PERCENT_KEYS or (name == "progress" and (value == 0 or value > 1)):
        # `progress: 0.5` may be a share or half a percent, so it is left unread.
        found.percent = value if 0 <= value <= 100 else found.percent
    elif name and name not in _NO_METRIC and name.rsplit("_", 1)[-1] not in _NO_METRIC:
        found.metrics[name] = value


def _number(text: str) -> float | None:
    value = float(text)
    # A number too large for a float is not infinite.
    return value if math.isfinite(value) or not any(character.isdigit() for character in text) else None


def _json_object(text: str) -> dict[str, Any] | None:
    if len(text) > _LONGEST_JSON or not text.endswith("}"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read_record(record: dict[str, Any], found: _Found, message: str, level: str | None) -> tuple[str, str | None]:
    """Read a JSON object into `found`; its own message and level where it has them."""
    for key, value in record.items():
        name = metric_name(key)
        if isinstance(value, dict):
            for inner, number in value.items():
                _read_member(metric_name(inner if name in _OPEN_KEYS else f"{key}_{inner}"), number, found)
        else:
            _read_member(name, value, found)
    said = record.get("message", record.get("msg"))
    named = record.get("level", record.get("levelname", record.get("severity")))
    if isinstance(named, str):
        level = _LEVELS.get(named.upper(), level)
    return (said if isinstance(said, str) and said else message), level


def _read_member(name: str, value: object, found: _Found) -> None:
    if value in ("NaN", "Infinity", "-Infinity"):
        _take(name, float(str(value)), found)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            _take(name, float(value), found)
        except OverflowError:
            return
