"""The competition: each kind of model learns on each fold, with an encoder of its own, and is judged by the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import msgspec
import numpy as np
import polars as pl

from .columns import Feature
from .encoder import Encoder
from .families import FAMILIES, Family, Size, grow
from .parts import Rows, Sample, Scale, Target
from .scores import Answers, Asking, Scores, scores
from .target import Task

BASELINE = "baseline"
_PARTS = 4
_BASELINE_TITLES: dict[Task, str] = {
    "classification": "Baseline: the classes' shares",
    "regression": "Baseline: the mean",
}


class Trial(msgspec.Struct, frozen=True):
    """What a family reached on one fold. Without scores it failed, and `problem` says how."""

    family: str
    fold: int
    seconds: float
    scores: Scores | None = None
    problem: str | None = None


class Standing(msgspec.Struct, frozen=True):
    """A family in the leaderboard: means over its folds so far."""

    family: str
    folds: int
    loss: float
    loss_spread: float | None
    quality: float | None
    second: float | None
    seconds: float


@dataclass(frozen=True)
class Competition:
    """`rows` are prepared. Nothing of a fold's judging rows is seen by its encoder or its models before they judge."""

    rows: pl.DataFrame
    features: list[Feature]
    target: Target
    families: list[Family]
    asking: Asking
    seed: int

    def trials(
        self, folds: list[tuple[Rows, Rows]], done: Sequence[Trial], safe_point: Callable[[], None]
    ) -> Iterator[Trial]:
        """The trials that are not among `done`, one after the other; the baseline of each fold comes first."""
        known = {(trial.family, trial.fold) for trial in done}
        for fold, (learn, judge) in enumerate(folds):
            if (BASELINE, fold) not in known:
                yield _baseline(self.target, learn, judge, fold)
            missing = [family for family in self.families if (family.name, fold) not in known]
            if not missing:
                continue
            safe_point()
            encoder = Encoder(self.features, self.target.task, len(self.target.classes), self.seed)
            seen = Sample(encoder.fit(self.rows[learn], self.target.numbers[learn]), self.target.numbers[learn])
            unseen = Sample(encoder.encode(self.rows[judge]), self.target.numbers[judge])
            for family in missing:
                yield self._trial(family, fold, seen, unseen, safe_point)

    def _trial(self, family: Family, fold: int, seen: Sample, unseen: Sample, safe_point: Callable[[], None]) -> Trial:
        begun, task = time.perf_counter(), self.target.task
        scale = Scale.of(self.target, seen.truth)
        try:
            estimator = family.make(task, Size(*seen.rows.shape), self.seed)
            # In parts, so that a request to stop need not wait for a large table's whole trial.
            part = family.trial if family.unit == "iterations" else family.trial // _PARTS
            for done in range(0, family.trial, part):
                safe_point()
                to = min(family.trial, done + part)
                grow(family, estimator, seen.rows, scale.down(seen.truth), done=done, to=to)
            found = scores(task, scale.up(self.asking.ask(estimator, unseen.rows)), unseen.truth)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as problem:
            # A kind of model that a table breaks loses; the others go on.
            return Trial(family.name, fold, time.perf_counter() - begun, problem=str(problem))
        return Trial(family.name, fold, time.perf_counter() - begun, found)


def _baseline(target: Target, learn: Rows, judge: Rows, fold: int) -> Trial:
    answers = baseline_answers(target, learn, len(judge))
    return Trial(BASELINE, fold, 0.0, scores(target.task, answers, target.numbers[judge]))


def baseline_answers(target: Target, learn: Rows, count: int) -> Answers:
    """What somebody would answer who knew the target's values in `learn` and nothing else."""
    known = target.numbers[learn]
    if target.task == "regression":
        return np.full(count, known.mean())
    shares = np.bincount(known, minlength=len(target.classes)) / len(known)
    return np.tile(shares, (count, 1))


def standings(trials: list[Trial]) -> list[Standing]:
    """The leaderboard, best first: the lowest mean loss leads. Families that failed on a fold are out of it."""
    failed = {trial.family for trial in trials if trial.scores is None}
    names = dict.fromkeys(trial.family for trial in trials if trial.family not in failed)
    found = [_standing(name, [trial for trial in trials if trial.family == name]) for name in names]
    return sorted(found, key=lambda standing: standing.loss)


def _standing(name: str, trials: list[Trial]) -> Standing:
    judged = [trial.scores for trial in trials if trial.scores is not None]
    losses = [one.loss for one in judged]
    return Standing(
        family=name,
        folds=len(judged),
        loss=fmean(losses),
        loss_spread=stdev(losses) if len(losses) > 1 else None,
        quality=_mean([one.quality for one in judged]),
        second=_mean([one.second for one in judged]),
        seconds=math.fsum(trial.seconds for trial in trials),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def winner(trials: list[Trial], families: list[Family]) -> Family:
    """The family that leads. Raises ValueError where every one of them failed."""
    by_name = {family.name: family for family in families}
    for standing in standings(trials):
        if standing.family in by_name:
            return by_name[standing.family]
    problems = {trial.family: trial.problem for trial in trials if trial.problem}
    raise ValueError(f"No kind of model could learn from this table: {problems}")


def title_of(family: str, task: Task) -> str:
    """What the leaderboard calls a family, or the baseline."""
    return _BASELINE_TITLES[task] if family == BASELINE else FAMILIES[family].title
