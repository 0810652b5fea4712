"""What loggers put before a message, and how bad a line is: levels, warnings, tracebacks."""

from __future__ import annotations

import re

from .found import END, NUMBER

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
LEVELS = {
    "DEBUG": "debug", "INFO": "info", "NOTICE": "info", "WARNING": "warning", "WARN": "warning",
    "ERROR": "error", "CRITICAL": "error", "FATAL": "error",
    "D": "debug", "I": "info", "W": "warning", "E": "error", "F": "error",
}  # fmt: skip

_TRACEBACK = re.compile(r"[\s+|]{0,64}(?:Exception Group )?Traceback \(most recent call last\):")
_CHAINED = re.compile(r"(?:During handling of the above exception|The above exception was the direct cause)")
_EXCEPTION = re.compile(r"(?:[^\W\d]\w{0,99}\.){0,12}(?:[A-Z_]\w{0,99}|error|timeout)(?:: .*|:?)$", re.DOTALL)
_SAID_ERROR = re.compile(r"(?:[^\W\d]\w{0,99}\.){0,12}\w{0,99}(?:Error|Exception): ")
SAID_WARNING = re.compile(r"(?:\S{1,300}:\d{1,7}: )?\w{0,60}Warning: ")
_LONGEST_TEXT = 8_192


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
        level = LEVELS.get(groups.get("level") or groups.get("letter") or "", level)
        text = text[match.end() :].removeprefix("- ")
    return text, level


def said_level(message: str) -> str | None:
    """The level that a message tells without a logger: `UserWarning: …`, `ValueError: …`."""
    if SAID_WARNING.match(message):
        return "warning"
    said = _SAID_ERROR.match(message)
    # `Mean Squared Error: 0.12` and `Error: 0.12` are measurements.
    return "error" if said and not re.match(rf"\s*(?:{NUMBER}){END}", message[said.end() :][:80]) else None


class Tracebacks:
    """Follows a traceback from line to line: it is one error."""

    def __init__(self) -> None:
        self._inside = False

    def holds(self, text: str) -> bool:
        """Whether `text` is a line of one."""
        if _TRACEBACK.match(text):
            self._inside = True
            return True
        if _CHAINED.match(text):
            return True
        if not self._inside:
            return False
        if text[:1] in (" ", "\t", "|", "+") and text.strip():
            return True
        if _EXCEPTION.match(text[:_LONGEST_TEXT]):
            self._inside = False
            return True
        # A line of the other stream came between.
        return False
