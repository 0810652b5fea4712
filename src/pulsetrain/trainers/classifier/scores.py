"""How good answers are: loss, accuracy or R², AUC; and the count of the predictions that they took."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from .encoder import Numbers
from .target import Task

Answers = npt.NDArray[np.float64]
"""Of a classification: each row's probabilities; of a regression: each row's value."""
Truth = npt.NDArray[Any]
_SURE = 1e-15
_BOOTSTRAP = 1000
_BOOTSTRAP_ROWS = 20_000
"""Of larger sets the first so many rows tell the spread well enough."""


class Scores(msgspec.Struct, frozen=True):
    """`quality` is the accuracy of a classification and the R² of a regression, `loss` its log loss or its RMSE,
    `second` its AUC (mean of each class against the rest) or its mean absolute error; null where undefined."""

    quality: float | None
    loss: float
    second: float | None


class Asking:
    """Asks models, and counts each row that one of them answered."""

    def __init__(self, task: Task, made: int = 0) -> None:
        self.task = task
        self.made = made

    def ask(self, estimator: Any, rows: Numbers) -> Answers:
        """The answer to each row."""
        self.made += len(rows)
        answers = estimator.predict_proba(rows) if self.task == "classification" else estimator.predict(rows)
        return np.asarray(answers, dtype=np.float64)


def scores(task: Task, answers: Answers, truth: Truth) -> Scores:
    """How good `answers` are. Raises ValueError where they are not finite."""
    if not np.isfinite(answers).all():
        raise ValueError("its answers are not finite")
    if task == "classification":
        picked = np.clip(answers[np.arange(len(truth)), truth], _SURE, 1.0)
        return Scores(accuracy(answers, truth), float(-np.log(picked).mean()), auc(answers, truth))
    errors = answers - truth
    return Scores(r_squared(answers, truth), math.sqrt(float((errors**2).mean())), float(np.abs(errors).mean()))


def accuracy(answers: Answers, truth: Truth) -> float:
    return float((answers.argmax(axis=1) == truth).mean())


def r_squared(answers: Answers, truth: Truth) -> float | None:
    """1: perfect, 0: no better than the mean of `truth`, below: worse. Null where `truth` does not vary."""
    spread = float(((truth - truth.mean()) ** 2).sum())
    return None if spread == 0 else 1 - float(((answers - truth) ** 2).sum()) / spread


def auc(answers: Answers, truth: Truth) -> float | None:
    """Mean over the classes of how well each is ranked before the rest; null where none can be."""
    places = [1] if answers.shape[1] == 2 else range(answers.shape[1])
    found = [auc_of(answers[:, place], truth == place) for place in places]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def auc_of(ranking: Answers, is_it: npt.NDArray[np.bool_]) -> float | None:
    if is_it.all() or not is_it.any():
        return None
    return float(roc_auc_score(is_it, ranking))


def quality_interval(task: Task, answers: Answers, truth: Truth, seed: int) -> tuple[float, float] | None:
    """Where the quality lies in 95 of 100 resamplings of the held-out rows; null where it is not defined."""
    answers, truth = answers[:_BOOTSTRAP_ROWS], truth[:_BOOTSTRAP_ROWS]
    random = np.random.default_rng(seed)
    drawn: list[float] = []
    for _ in range(_BOOTSTRAP):
        rows = random.integers(0, len(truth), len(truth))
        value = (
            accuracy(answers[rows], truth[rows]) if task == "classification" else r_squared(answers[rows], truth[rows])
        )
        if value is not None:
            drawn.append(value)
    if not drawn:
        return None
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
