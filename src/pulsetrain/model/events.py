"""Events: immutable facts in one ordered log."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

Data = dict[str, Any]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

PRODUCER_TYPES = frozenset(
    {
        "run.status",
        "run.stage",
        "run.progress",
        "run.metrics",
        "run.log",
        "run.result",
        "run.artifact",
        "run.system",
        "run.controls",
        "run.table",
        "alert",
        "command.applied",
        "command.rejected",
    }
)
"""Event types that a run's producers may send (PROTOCOL §5)."""

ROW_TYPES = frozenset({"run.metrics", "run.log"})
"""Types whose one event may hold many rows."""


class NewEvent(msgspec.Struct, frozen=True):
    """A fact that is not in the log yet; the log gives it its seq when it commits."""

    type: str
    data: Data
    run: str | None = None
    time: str | None = None
    """ISO 8601 UTC; the log's own clock when None."""


class Event(msgspec.Struct, frozen=True):
    """A fact in the log."""

    seq: int
    run: str | None
    type: str
    time: str
    data: Data


def iso_time(unix_seconds: float) -> str:
    """`unix_seconds` as the protocol writes event times: UTC, microseconds, `Z`."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def is_event_time(text: str) -> bool:
    """Whether `text` is a time as `iso_time` writes it. Times stand in envelopes as they are, so nothing else may."""
    if _TIME.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def unix_time(time: str) -> float:
    """The Unix seconds of an event time."""
    return datetime.fromisoformat(time).timestamp()
