"""The competition: each kind of model learns on each fold, with an encoder of its own, and is judged by the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from statistics import fmean, stdev

import msgspec
import numpy as np
import polars as pl

from .columns import Feature
from .encoder import Encoder, Numbers
from .families import Family, Size, grow
from .parts import Rows, Target
from .scores import Asking, Scores, scores

BASELINE = "baseline"
BASELINE_TITLES = {"classification": "Baseline: the classes' shares", "regression": "Baseline: the mean"}


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


def compete(
    rows: pl.DataFrame,
    features: list[Feature],
    target: Target,
    folds: list[tuple[Rows, Rows]],
    families: list[Family],
    asking: Asking,
    *,
    seed: int,
    done: list[Trial],
    safe_point: Callable[[], None],
) -> Iterator[Trial]:
    """The trials that are not among `done`, one after the other; the baseline of each fold comes first.

    `rows` are prepared. Nothing of a fold's judging rows is seen by its encoder or its models before they are judged.
    """
    known = {(trial.family, trial.fold) for trial in done}
    for fold, (learn, judge) in enumerate(folds):
        open_ = [family for family in families if (family.name, fold) not in known]
        if (BASELINE, fold) not in known:
            yield _baseline(target, learn, judge, fold)
        if not open_:
            continue
        safe_point()
        encoder = Encoder(features, target.task, len(target.classes), seed)
        seen = encoder.fit(rows[learn], target.numbers[learn])
        unseen = encoder.encode(rows[judge])
        for family in open_:
            safe_point()
            yield _trial(family, seen, unseen, target, (learn, judge), fold, asking, seed)


def _trial(
    family: Family,
    seen: Numbers,
    unseen: Numbers,
    target: Target,
    rows: tuple[Rows, Rows],
    fold: int,
    asking: Asking,
    seed: int,
) -> Trial:
    learn, judge = (target.numbers[part] for part in rows)
    begun = time.perf_counter()
    scale = Scale.of(target, learn)
    try:
        estimator = family.make(target.task, Size(*seen.shape), seed)
        grow(family, estimator, seen, scale.down(learn), done=0, to=family.trial)
        found = scores(target.task, scale.up(asking.ask(estimator, unseen)), judge)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as problem:
        # A kind of model that a table breaks loses; the others go on.
        return Trial(family.name, fold, time.perf_counter() - begun, problem=str(problem))
    return Trial(family.name, fold, time.perf_counter() - begun, found)


def _baseline(target: Target, learn: Rows, judge: Rows, fold: int) -> Trial:
    answers = baseline_answers(target, learn, len(judge))
    return Trial(BASELINE, fold, 0.0, scores(target.task, answers, target.numbers[judge]))


def baseline_answers(target: Target, learn: Rows, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What somebody would answer who knew the target's values in `learn` and nothing else."""
    known = target.numbers[learn]
    if target.task == "regression":
        return np.full(count, known.mean())
    shares = np.bincount(known, minlength=len(target.classes)) / len(known)
    return np.tile(shares, (count, 1))


class Scale(msgspec.Struct, frozen=True):
    """Numbers to predict, brought to a mean of 0 and a spread of 1 for the models. Of classes: nothing."""

    mean: float = 0.0
    spread: float = 1.0

    @staticmethod
    def of(target: Target, learn: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Scale:
        if target.task == "classification":
            return Scale()
        return Scale(float(learn.mean()), float(learn.std()) or 1.0)

    def down(self, numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return numbers if self == Scale() else (numbers - self.mean) / self.spread

    def up(self, numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return numbers if self == Scale() else numbers * self.spread + self.mean


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
