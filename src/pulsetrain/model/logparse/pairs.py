"""Metrics in a line: `name: number`, `name=number`, `loss 0.5`, and records in JSON or as Python prints them."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .found import END, NUMBER, Found, metric_name, number_of, take
from .prefixes import LEVELS

_LONGEST_JSON = 65_536
_PAIR = re.compile(rf"(\"|'|)\s{{0,4}}([:=])(\s{{0,8}})({NUMBER}){END}")
_WORD = r"[^\W\d][\w./@-]*+"
_KEY = re.compile(rf"(?<![\w./@?&\\-])(?:{_WORD}[ ]){{0,5}}{_WORD}$")
_NEXT_PAIR = re.compile(r"[ ](?:[^\W\d][\w./@-]{0,60} ?){1,4} ?[:=]")
_PROSE_AFTER = re.compile(r"%? [^\W\d_]")
_MOST_WORDS = 4
_KEY_CHARACTERS = 96

_METRIC = (
    r"loss|losses|accuracy|acc|f1|auc|perplexity|ppl|score|scores|mse|mae|rmse|precision|recall|bleu|lr|reward|iou|map"
)
_NAMED = re.compile(rf"(?<![\w./-])((?:[^\W\d][\w/]{{0,30}}[ _]){{0,2}}(?:{_METRIC})) ({NUMBER}){END}")
_MAY_HAVE_NAMED = re.compile(rf"(?:{_METRIC}) [-+.\dnNiI]")
_METRIC_WORDS = frozenset(_METRIC.split("|"))
_LEADING = frozenset(re.findall(r"\w+", "a an and at by for in is now of on our the then to using was with"))
_MEMBER = re.compile(rf"[{{,] ?'([\w./ @-]{{1,60}})': ('?)({NUMBER})\2(?=[,}}])")
_OPEN_KEYS = frozenset({"metrics", "data", "logs", "scalars", "values"})
"""Objects whose members count as if they stood one level higher."""


def read_pairs(text: str, found: Found) -> None:
    """Read the numbers that `text` names into `found`."""
    for match in _PAIR.finditer(text) if ":" in text or "=" in text else ():
        quote, separator, blanks, number = match.groups()
        value = number_of(number)
        key = _key_before(text, match.start(), quote)
        if value is None or key is None or not _is_pair(text, match.end(), key, separator + blanks, number):
            continue
        name = metric_name(key)
        take(name, value, found)
    for match in _NAMED.finditer(text) if _MAY_HAVE_NAMED.search(text) else ():
        name, value = metric_name(_without_leading(match[1])), number_of(match[2])
        if value is not None and name not in found.metrics:
            take(name, value, found)


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


def read_python_record(text: str, found: Found) -> bool:
    """Read a mapping as Python prints it, with strings or numbers as values; whether `text` is one."""
    if not text.startswith("{'") or not text.endswith("}"):
        return False
    for key, quote, digits in _MEMBER.findall(text):
        value = number_of(digits)
        if value is None:
            continue
        name = metric_name(key)
        take(name, value, found)
        if name == "epoch" and (quote or not digits.isdigit()):
            # Hugging Face's Trainer counts epochs in fractions: 1.5 is in the middle of the second.
            found.epochs_done, found.epoch = value, math.ceil(value) if 0 <= value < 1e9 else None
    return True


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is; None if it is none."""
    if len(text) > _LONGEST_JSON or not text.endswith("}"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_record(record: dict[str, Any], found: Found, message: str, level: str | None) -> tuple[str, str | None]:
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
        level = LEVELS.get(named.upper(), level)
    return (said if isinstance(said, str) and said else message), level


def _read_member(name: str, value: object, found: Found) -> None:
    if value in ("NaN", "Infinity", "-Infinity"):
        take(name, float(str(value)), found)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            take(name, float(value), found)
        except OverflowError:
            return
