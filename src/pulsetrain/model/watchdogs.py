"""Watchdogs: what they look at, and when they bark (PROTOCOL §9, *Watchdogs*). Pure; each event costs the same."""

from __future__ import annotations

import bisect
import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from .errors import BadParameters

Action = Literal["warn", "pause", "stop"]
MOST = 20
"""Watchdogs of one run."""
_ACTIVITY = frozenset({"run.metrics", "run.progress", "run.stage", "run.result"})


class _Watchdog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    action: Action = "warn"


class Nan(_Watchdog, frozen=True, tag="nan"):
    """A value is NaN or infinite; of every metric with `loss` in its name if none is named."""

    metric: str | None = None


class Diverges(_Watchdog, frozen=True, tag="diverges"):
    """The median of the last `window` values is above `factor` times the lowest such median so far."""

    metric: str
    factor: float = 3.0
    window: int = 20


class Stalled(_Watchdog, frozen=True, tag="stalled"):
    """The running run has said nothing of its work for so long."""

    minutes: float


class Bound(_Watchdog, frozen=True, tag="bound"):
    """A value is past the bound."""

    metric: str
    above: float | None = None
    below: float | None = None


class Disk(_Watchdog, frozen=True, tag="disk"):
    """The disk of the data folder has less than that free."""

    free_percent: float = 5.0


Watchdog: TypeAlias = Nan | Diverges | Stalled | Bound | Disk
DEFAULT: tuple[Watchdog, ...] = (Nan(), Disk())


class Alarm(msgspec.Struct, frozen=True):
    """What a watchdog has seen."""

    watchdog: str
    action: Action
    message: str
    step: int | None = None

    @property
    def severity(self) -> str:
        return "warning" if self.action == "warn" else "error"


def checked(wanted: Sequence[Any] | None) -> list[dict[str, Any]]:
    """The watchdogs of a run as `run.created` holds them; those of every run for None. Raises BadParameters."""
    if wanted is None:
        return [msgspec.to_builtins(one) for one in DEFAULT]
    if len(wanted) > MOST:
        raise BadParameters(f"A run has at most {MOST} watchdogs; asked for {len(wanted)}.")
    return [msgspec.to_builtins(_checked(one, number)) for number, one in enumerate(wanted, 1)]


def _checked(wanted: Any, number: int) -> Watchdog:
    try:
        watchdog: Watchdog = msgspec.convert(wanted, Watchdog)
    except msgspec.ValidationError as trouble:
        hint = "Kinds: nan, diverges, stalled, bound, disk. Actions: warn, pause, stop."
        raise BadParameters(f"Watchdog {number} is not understood: {trouble}.", hint=hint) from None
    problem = _problem(watchdog)
    if problem is not None:
        raise BadParameters(f"Watchdog {number} ({type(watchdog).__struct_config__.tag}): {problem}")
    return watchdog


def _problem(watchdog: Watchdog) -> str | None:
    match watchdog:
        case Diverges():
            if not (watchdog.factor > 1 and math.isfinite(watchdog.factor)):
                return "factor is above 1."
            return None if 3 <= watchdog.window <= 1000 else "window is 3 to 1000."
        case Stalled():
            return None if 0 < watchdog.minutes <= 10_080 else "minutes is above 0, and a week at most."
        case Bound():
            return "say above, below or both." if watchdog.above is None and watchdog.below is None else None
        case Disk():
            return None if 0 < watchdog.free_percent < 100 else "free_percent is between 0 and 100."
    return None


class Guard:
    """The watchdogs of one run. Each barks once, until what it saw has gone away."""

    def __init__(self, watchdogs: Sequence[dict[str, Any]], now: float) -> None:
        """What this version does not understand of `watchdogs` is left out; `now` and all times are the caller's."""
        known = [one for raw in watchdogs if (one := _understood(raw)) is not None]
        self.state = "queued"
        self._watching: list[_Value | _Trend] = [_Value(one) for one in known if isinstance(one, Nan | Bound)]
        self._watching += [_Trend(one) for one in known if isinstance(one, Diverges)]
        self._stalled = [one for one in known if isinstance(one, Stalled)]
        self._disk = [one for one in known if isinstance(one, Disk)]
        self._barked: set[Watchdog] = set()
        self._active_at = now

    @property
    def looks_at_the_disk(self) -> bool:
        return bool(self._disk)

    def barked(self, kind: str) -> None:
        """A watchdog of this kind has barked before, in the time of another server."""
        group: Sequence[Watchdog] = self._stalled if kind == "stalled" else self._disk if kind == "disk" else ()
        self._barked.update(group)

    def event(self, type: str, data: dict[str, Any], now: float) -> list[Alarm]:
        """What the watchdogs say to one event of the run."""
        if type == "run.status":
            self.state = data["state"]
            self._awake(now)
        elif type in _ACTIVITY:
            self._awake(now)
            if type == "run.metrics":
                return list(self._metrics(data))
        return []

    def _awake(self, now: float) -> None:
        self._active_at = now
        self._barked.difference_update(self._stalled)

    def _metrics(self, data: dict[str, Any]) -> Iterator[Alarm]:
        for key, column in data["values"].items():
            looking = [one for one in self._watching if one.looks_at(key)]
            if not looking:
                continue
            for step, raw in zip(data["step"], column, strict=True):
                if raw is not None:
                    value = float(raw)
                    yield from (alarm for one in looking if (alarm := one.see(key, value, step)) is not None)

    def tick(self, now: float) -> list[Alarm]:
        """What the time that has passed makes them say."""
        if self.state != "running":
            return []
        late = [one for one in self._stalled if now - self._active_at >= 60 * one.minutes and one not in self._barked]
        self._barked.update(late)
        return [
            Alarm("stalled", one.action, f"No metric, progress, stage or result for {_minutes(one.minutes)}.")
            for one in late
        ]

    def disk(self, free_percent: float) -> list[Alarm]:
        """What they say to so much free space."""
        alarms: list[Alarm] = []
        for one in self._disk:
            if free_percent >= one.free_percent:
                self._barked.discard(one)
            elif one not in self._barked:
                self._barked.add(one)
                said = f"The data folder's disk has {free_percent:.1f} % free, less than {one.free_percent:g} %."
                alarms.append(Alarm("disk", one.action, said))
        return alarms


class _Value:
    """A watchdog that looks at single values; it may have barked at each metric by itself."""

    def __init__(self, watchdog: Nan | Bound) -> None:
        self._watchdog = watchdog
        self._barked: set[str] = set()

    def looks_at(self, key: str) -> bool:
        metric = self._watchdog.metric
        return key == metric if metric is not None else "loss" in key.lower()

    def see(self, key: str, value: float, step: int | None) -> Alarm | None:
        said = _bad(self._watchdog, value)
        if said is None:
            self._barked.discard(key)
            return None
        if key in self._barked:
            return None
        self._barked.add(key)
        kind = "nan" if isinstance(self._watchdog, Nan) else "bound"
        return Alarm(kind, self._watchdog.action, f"{key} is {said}.", step)


def _bad(watchdog: Nan | Bound, value: float) -> str | None:
    if isinstance(watchdog, Nan):
        return None if math.isfinite(value) else "NaN" if math.isnan(value) else "infinite"
    if watchdog.above is not None and value > watchdog.above:
        return f"{value:.6g}, above {watchdog.above:g}"
    if watchdog.below is not None and value < watchdog.below:
        return f"{value:.6g}, below {watchdog.below:g}"
    return None


class _Trend:
    """Running medians of one metric."""

    def __init__(self, watchdog: Diverges) -> None:
        self._watchdog = watchdog
        self._values: deque[float] = deque()
        self._sorted: list[float] = []
        self._lowest = math.inf
        self._barked = False

    def looks_at(self, key: str) -> bool:
        return key == self._watchdog.metric

    def see(self, key: str, value: float, step: int | None) -> Alarm | None:
        # What is not finite is the other watchdog's business; a factor means nothing below 0.
        if not math.isfinite(value) or value <= 0:
            return None
        window = self._watchdog.window
        self._values.append(value)
        bisect.insort(self._sorted, value)
        if len(self._values) > window:
            del self._sorted[bisect.bisect_left(self._sorted, self._values.popleft())]
        if len(self._values) < window:
            return None
        middle = (self._sorted[(window - 1) // 2] + self._sorted[window // 2]) / 2
        self._lowest = min(self._lowest, middle)
        diverges = middle > self._watchdog.factor * self._lowest
        barks, self._barked = diverges and not self._barked, diverges
        if not barks:
            return None
        said = f"{key} diverges: the median of its last {window} values is {middle:.4g}, the lowest was "
        return Alarm("diverges", self._watchdog.action, f"{said}{self._lowest:.4g}.", step)


def _understood(raw: dict[str, Any]) -> Watchdog | None:
    try:
        watchdog: Watchdog = msgspec.convert(raw, Watchdog)
    except msgspec.ValidationError:
        return None
    return watchdog


def _minutes(minutes: float) -> str:
    return f"{60 * minutes:g} seconds" if minutes < 1 else f"{minutes:g} minutes" if minutes != 1 else "a minute"
