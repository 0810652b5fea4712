"""The final model grows, and after every step it is looked at by the validation rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .encoder import Numbers
from .families import Family, converged, grow
from .parts import Sample, Scale
from .scores import Answers, Asking, Scores, scores
from .target import Task

GAP_ROWS = 2000
"""So many training rows tell how much better the model knows what it has learnt from."""


class Look(msgspec.Struct, frozen=True):
    """What one look at the growing model found, when it had grown to `grown`."""

    grown: int
    validation: Scores
    training: Scores


class Progress(msgspec.Struct):
    """How far the growth is; `best` is where the validation loss was lowest."""

    grown: int = 0
    best: int = 0
    best_loss: float | None = None
    looks: list[Look] = []
    ended: str = ""
    """Why it does not grow on, once it does not."""


@dataclass
class Growth:
    """A model that grows. `kept` is the model at its best moment, for families that more can make worse."""

    family: Family
    train: Sample
    validation: Sample
    scale: Scale
    asking: Asking
    estimator: Any
    patience: int
    kept: Any = None
    progress: Progress = field(default_factory=Progress)

    def step(self, epochs: int, rate: float) -> Look | None:
        """Grow by a chunk, to at most `epochs`, and look. None when there is nothing more to grow; `ended` says why."""
        at = self.progress
        if at.ended == "" or (at.ended == _ALL and at.grown < epochs):
            at.ended = _ALL if at.grown >= epochs else ""
        if at.ended:
            return None
        to = min(epochs, at.grown + self.family.chunk)
        target = self.scale.down(self.train.truth)
        grow(self.family, self.estimator, self.train.rows, target, done=at.grown, to=to, rate=rate)
        grown, at.grown = to - at.grown, to
        look = Look(to, self.judge(self.estimator, self.validation), self.judge(self.estimator, self._some_seen()))
        at.looks.append(look)
        self._keep(look)
        if converged(self.family, self.estimator, grown):
            at.ended = "nothing changes any more"
        elif self._impatient(look):
            at.ended = f"the validation loss was lowest at {at.best} {self.family.unit}"
        return look

    def judge(self, estimator: Any, sample: Sample) -> Scores:
        """How good `estimator` is on some rows."""
        return scores(self.task, self.scale.up(self.asking.ask(estimator, sample.rows)), sample.truth)

    def answers(self, rows: Numbers) -> Answers:
        """What the model says to some rows."""
        return self.scale.up(self.asking.ask(self.model, rows))

    @property
    def task(self) -> Task:
        return self.asking.task

    @property
    def size(self) -> int:
        """How far the model has grown."""
        return self.progress.grown if self.kept is None else self.progress.best

    @property
    def model(self) -> Any:
        """What the growth has come to: the best moment where more can be worse, else all of it."""
        return self.estimator if self.kept is None else self.kept

    def _keep(self, look: Look) -> None:
        at = self.progress
        if at.best_loss is None or look.validation.loss < at.best_loss:
            at.best, at.best_loss = look.grown, look.validation.loss
            if self.family.overfits:
                self.kept = copy.deepcopy(self.estimator)

    def _impatient(self, look: Look) -> bool:
        waited = (look.grown - self.progress.best) / self.family.chunk
        return self.family.overfits and self.patience > 0 and waited >= self.patience

    def _some_seen(self) -> Sample:
        return Sample(self.train.rows[:GAP_ROWS], self.train.truth[:GAP_ROWS])


_ALL = "it has grown as far as it should"


def go_on(growth: Growth, epochs: Callable[[], int], rate: Callable[[], float], told: Callable[[Look], None]) -> None:
    """Grow to the end. `epochs` and `rate` are asked before each step: both can be changed while it grows."""
    while (look := growth.step(epochs(), rate())) is not None:
        told(look)
