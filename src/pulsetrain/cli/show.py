"""Runs in words: durations, sizes, progress, outcomes."""

from __future__ import annotations

import signal
from datetime import datetime

from pulsetrain.model.events import unix_time
from pulsetrain.model.runs import Progress, Run

MARKS = {
    "queued": "…",
    "starting": "…",
    "running": "●",
    "paused": "‖",
    "succeeded": "✓",
    "failed": "✗",
    "stopped": "■",
    "lost": "?",
    "pending": "○",
    "done": "✓",
}
"""A sign beside each word, since colour alone tells nothing to some."""
STYLES = {
    "running": "blue",
    "succeeded": "green",
    "done": "green",
    "failed": "red",
    "stopped": "yellow",
    "lost": "magenta",
    "paused": "yellow",
}
STOPPED = 130
"""What shells say of a program that was interrupted."""


def exit_code(run: Run) -> int:
    """How a command that waited for `run` ends: 0, the run's own return code, 1, or 130 if it was stopped."""
    if run.state == "succeeded":
        return 0
    if run.state == "stopped":
        return STOPPED
    if run.state == "failed":
        return _failed(run)
    return 1


def _failed(run: Run) -> int:
    code = run.return_code
    if run.signal:
        number = getattr(signal, run.signal, None)
        return 128 + number if isinstance(number, int) else 1
    if code is not None and code < 0:
        return 128 - code if -code < 128 else 1
    return code if code is not None and 1 <= code <= 255 else 1


def duration(seconds: float) -> str:
    """`seconds` for people: `4.2 s`, `42 s`, `2 m 5 s`, `3 h 4 m`, `2 d 5 h`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} m {rest} s"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} m"


def size(count: float) -> str:
    """`count` bytes for people: `512 B`, `1.5 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def elapsed(run: Run, now: float) -> float | None:
    """Seconds that `run` has run, up to `now` or its end; None before it started."""
    if run.started_at is None:
        return None
    return (unix_time(run.ended_at) if run.ended_at else now) - unix_time(run.started_at)


def progress(run: Run) -> str:
    """How far `run` is, as far as it is known: `62 % · epoch 31/50 · 412 it/s · 4 m 12 s left`."""
    known = run.progress
    if known is None:
        return ""
    if run.state == "queued":
        return _place(known)
    parts = [] if known.percent is None else [f"{known.percent:.0f} %"]
    if known.epoch is not None:
        parts.append(f"epoch {known.epoch}" + (f"/{known.epochs}" if known.epochs else ""))
    elif known.step is not None:
        parts.append(f"step {known.step}" + (f"/{known.steps}" if known.steps else ""))
    if run.active and known.rate is not None:
        parts.append(
            f"{known.rate:,.0f} {known.unit or 'it'}/s"
            if known.rate >= 10
            else f"{known.rate:.2g} {known.unit or 'it'}/s"
        )
    if run.active and known.eta_seconds is not None and known.eta_seconds >= 0.5:
        parts.append(f"{duration(known.eta_seconds)} left")
    return " · ".join(parts)


def _place(known: Progress) -> str:
    """Where a waiting run stands, as far as it is known: `number 3 · starts in 40 s`."""
    parts = [] if known.queue_position is None else [f"number {known.queue_position}"]
    if known.start_seconds is not None and known.start_seconds >= 0.5:
        parts.append(f"starts in {duration(known.start_seconds)}")
    return " · ".join(parts)


def number(value: float | str) -> str:
    """A metric's value in a few digits; those that JSON lacks come as their names."""
    return value if isinstance(value, str) else f"{value:.4g}"


def ago(time: str, now: float) -> str:
    """When an event happened, seen from `now`; a date once it is older than a day."""
    seconds = now - unix_time(time)
    if seconds >= 86400:
        return datetime.fromtimestamp(unix_time(time)).strftime("%Y-%m-%d %H:%M")
    return "just now" if seconds < 5 else f"{duration(seconds)} ago"
