"""How long a run will take: from its own speed, and before that is known from earlier runs like it. Pure and quick.

Speeds are medians or means of the middle half, so that a slow first epoch or a busy minute moves them little.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from .events import unix_time
from .runs import Run

KEPT = 10
"""How many earlier runs are looked at."""
_SAMPLES = 64
_FEWEST, _FEW = 17, 4
_OVERDUE = 0.1
"""A stage that takes longer than ever before is taken to need this share of its time so far again, never nothing."""
_RATIO = 4.0
"""A run is taken to be at most so many times faster or slower than those before it."""


class Past(msgspec.Struct, frozen=True):
    """What an earlier run took, pauses left out."""

    seconds: float
    stages: dict[str, float] = {}
    """Seconds of each stage, in their order."""
    epochs: int | None = None


def past_of(run: Run, pauses: Sequence[tuple[float, float]] = ()) -> Past | None:
    """What `run` took; None if it did not succeed, or began in the middle. `pauses` are Unix seconds."""
    if run.state != "succeeded" or run.resume_from is not None or run.started_at is None or run.ended_at is None:
        return None
    stages = {
        stage.name: _spent(stage.started_at, stage.ended_at, pauses)
        for stage in run.stages
        if stage.started_at is not None and stage.ended_at is not None
    }
    epochs = run.progress.epochs if run.progress is not None else None
    return Past(_spent(run.started_at, run.ended_at, pauses), stages, epochs)


def _spent(begin: str, end: str, pauses: Iterable[tuple[float, float]]) -> float:
    first, last = unix_time(begin), unix_time(end)
    asleep = sum(max(0.0, min(last, until) - max(first, since)) for since, until in pauses)
    return round(max(0.0, last - first - asleep), 3)


def expected_stages(history: Sequence[Past], epochs: int | None) -> dict[str, float]:
    """Seconds that each stage will take in a run of `epochs`, in their order, by the medians of earlier runs."""
    names = dict.fromkeys(name for past in history for name in past.stages)
    return {name: _expected([(past.stages.get(name), past.epochs) for past in history], epochs) for name in names}


def expected_seconds(history: Sequence[Past], epochs: int | None) -> float | None:
    """Seconds that a whole run of `epochs` will take; None where nothing tells."""
    if not history:
        return None
    stages = expected_stages(history, epochs)
    if not stages:
        return _expected([(past.seconds, past.epochs) for past in history], epochs)
    # What lies before the first stage and after the last: to start the process, to ship what it made.
    around = median(max(0.0, past.seconds - sum(past.stages.values())) for past in history)
    return sum(stages.values()) + around


def _expected(found: Sequence[tuple[float | None, int | None]], epochs: int | None) -> float:
    """The median of seconds; of seconds for each epoch where these vary less among runs of other numbers of epochs."""
    known = [(seconds, of) for seconds, of in found if seconds is not None]
    plain = [seconds for seconds, _ in known]
    each = [seconds / of for seconds, of in known if of]
    if epochs is None or len(each) < len(known) or not each:
        return median(plain)
    if len({of for _, of in known}) > 1 and _spread(plain) < _spread(each):
        return median(plain)
    return median(each) * epochs


def median(values: Iterable[float]) -> float:
    """The middle one of `values`, of which there are some. To import `statistics` would slow each training down."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    return median(abs(value - middle) for value in values) / middle if middle > 0 else 0.0


class Speed:
    """Seconds for each unit of what a run does, while it does it. Keeps few samples, however long the run."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []

    def add(self, at: float, done: float) -> None:
        """At `at`, so much was done. Less than before is a new beginning."""
        samples = self._samples
        if samples and done < samples[-1][1]:
            samples.clear()
        if samples and done == samples[-1][1]:
            return
        samples.append((at, done))
        if len(samples) > _SAMPLES:
            del samples[-2:0:-2]

    def seconds_each(self) -> float | None:
        """The mean over the newer half of what was seen, without the slowest and the fastest quarter of it."""
        samples = self._samples[-max(_FEWEST, len(self._samples) // 2 + 1) :]
        steps = sorted(((later - at) / (more - done), more - done) for (at, done), (later, more) in pairwise(samples))
        if not steps:
            return None
        whole = sum(weight for _, weight in steps)
        # A quarter of very few is not one whole step: then it is the middle one alone that counts.
        cut = whole / 4 if len(steps) > _FEW else whole * 0.49
        seconds, passed = 0.0, 0.0
        for each, weight in steps:
            inside = min(whole - cut, passed + weight) - max(cut, passed)
            seconds += each * max(0.0, inside)
            passed += weight
        return max(0.0, seconds / (whole - 2 * cut))

    @property
    def known(self) -> bool:
        """Whether more than a first, perhaps slow, unit was seen."""
        return len(self._samples) > 2


class Outlook:
    """What one run's own progress and its history say of the time that it still needs.

    Its times come from the caller and leave pauses out.
    """

    def __init__(self, history: Sequence[Past] = ()) -> None:
        self._history = history[:KEPT]
        self._stage: str | None = None
        self._began: float | None = None
        self._stage_began: float | None = None
        self._epochs: int | None = None
        self._units, self._percents = Speed(), Speed()
        self._left_units: float | None = None
        self._left_percent: float | None = None
        self._said: float | None = None
        self._expected: dict[str, float] = expected_stages(self._history, None)

    def stage(self, name: str, at: float) -> None:
        """The run is in another stage."""
        self._stage, self._stage_began = name, at
        self._began = at if self._began is None else self._began
        self._units, self._percents = Speed(), Speed()
        self._left_units = None

    def progress(
        self, at: float, percent: float | None, done: float | None, whole: float | None, epochs: int | None
    ) -> None:
        """The run is at `percent` of itself, and has `done` epochs or steps of the `whole` of its stage."""
        self._began = at if self._began is None else self._began
        if epochs is not None and epochs != self._epochs:
            self._epochs = epochs
            self._expected = expected_stages(self._history, epochs)
        if done is not None and whole:
            self._units.add(at, done)
            self._left_units = max(0.0, whole - done)
        if percent is not None:
            self._percents.add(at, percent)
            self._left_percent = max(0.0, 100.0 - percent)
        self._said = at

    def remaining(self, at: float) -> float | None:
        """Seconds until the run's end, as seen at `at`; None while nothing tells."""
        found = self._by_stages(at)
        if found is None:
            found = self._by_percent(at)
        if found is None and self._began is not None:
            whole = expected_seconds(self._history, self._epochs)
            found = None if whole is None else _rest(whole, at - self._began)
        return None if found is None else max(0.0, found)

    def _by_stages(self, at: float) -> float | None:
        """The rest of this stage at its own speed, and the later ones as long as they took before."""
        names = list(self._expected)
        if self._stage not in self._expected or self._stage_began is None:
            return None
        usual, spent = self._expected[self._stage], at - self._stage_began
        here, ratio = _rest(usual, spent), 1.0
        each = self._units.seconds_each() if self._units.known else None
        if each is not None and self._left_units is not None and self._said is not None:
            own = self._left_units * each
            here = own - (at - self._said) if own else 0.0
            here = max(here, min(own, each)) if own else _OVERDUE * (at - self._said)
            whole = spent + own
            ratio = min(_RATIO, max(1 / _RATIO, whole / usual)) if usual > 0 else 1.0
        later = names[names.index(self._stage) + 1 :]
        # A stage that is slower than before is so for its data or for a busy machine: the others get half of it.
        return here + sum(self._expected[name] for name in later) * math.sqrt(ratio)

    def _by_percent(self, at: float) -> float | None:
        each, left = self._percents.seconds_each(), self._left_percent
        if each is None or left is None or self._said is None:
            return None
        since = at - self._said
        return max(left * each - since, min(left, 1.0) * each, _OVERDUE * since)


def _rest(usual: float, spent: float) -> float:
    return max(usual - spent, _OVERDUE * spent)
