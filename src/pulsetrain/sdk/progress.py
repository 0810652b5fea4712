"""How far a run is: its stages, its share done, and how long the rest will take (`model/eta.py`)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from pulsetrain.model.eta import Outlook, Past

from .values import count, finite, text

_SECONDS = 0.05
"""Progress within one epoch is written at most this often; nobody can see more."""


class Stage:
    """A named part of a run; a context manager."""

    def __init__(
        self, name: str, index: int | None, of: int | None, record: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self.name = name
        self._index, self._of, self._record = index, of, record

    def begin(self) -> None:
        self._say("running")

    def done(self) -> None:
        self._say("done")

    def failed(self) -> None:
        self._say("failed")

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self._say("done" if value is None else "failed")

    def _say(self, state: str) -> None:
        self._record("run.stage", {"name": self.name, "index": self._index, "of": self._of, "state": state})


class Pace:
    """Remembers when a run was how far, and what runs like it took."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, history: Sequence[Past] | None = None) -> None:
        """`clock` stands still while the run is paused. `history` is by default what the server said."""
        self._clock = clock
        self._history = earlier() if history is None else history
        self._outlook = Outlook(self._history)
        self._last: tuple[float, Any] | None = None
        self._data: dict[str, Any] = {}

    def stage(self, name: str) -> dict[str, Any] | None:
        """The run is in another stage. The data of a `run.progress` where earlier runs tell how long it will take."""
        now = self._clock()
        self._outlook.stage(name, now)
        if not self._history:
            return None
        return {"percent": None, **self._data, "rate": None, "unit": None, "eta_seconds": self._eta(now)}

    def data(
        self, percent: Any, epoch: Any, epochs: Any, step: Any, steps: Any, rate: Any, unit: Any, eta_seconds: Any
    ) -> dict[str, Any] | None:
        """The data of a `run.progress`; None if the last one within this epoch was just now."""
        now = self._clock()
        done = _percent(percent, epoch, epochs, step, steps)
        if self._last is not None and now - self._last[0] < _SECONDS and epoch == self._last[1] and done != 100:
            return None
        self._last = (now, epoch)
        units, whole = (epoch, epochs) if finite(epochs) else (step, steps)
        self._outlook.progress(now, done, finite(units), finite(whole), count(epochs))
        self._data = {
            "percent": done,
            "epoch": count(epoch),
            "epochs": count(epochs),
            "step": count(step),
            "steps": count(steps),
            "rate": finite(rate),
            "unit": None if unit is None else text(unit),
        }
        return {**self._data, "eta_seconds": self._eta(now) if eta_seconds is None else finite(eta_seconds)}

    def _eta(self, now: float) -> float | None:
        left = self._outlook.remaining(now)
        return None if left is None else round(left, 3)


def earlier() -> list[Past]:
    """What earlier runs like this one took, as the server that started it has noted it."""
    path = os.environ.get("PULSETRAIN_SPEC")
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=_Specification).history if path else []
    except (OSError, msgspec.DecodeError):
        return []


class _Specification(msgspec.Struct):
    history: list[Past] = []


def _percent(percent: Any, epoch: Any, epochs: Any, step: Any, steps: Any) -> float | None:
    """What is given, else the share of the epochs or steps that are over; 0 to 100."""
    given = finite(percent)
    if given is None:
        for part, whole in ((epoch, epochs), (step, steps)):
            done, total = finite(part), finite(whole)
            if done is not None and total:
                given = 100 * done / total
                break
    return None if given is None else min(100.0, max(0.0, given))
