"""Which rows are learnt from, looked at while learning, and held out; and what the target is in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.model_selection import KFold, StratifiedKFold

from .target import Task

Rows = npt.NDArray[np.int64]
HELD_OUT = 0.2
VALIDATION = 0.15
Label = str | int | float | bool


@dataclass(frozen=True)
class Parts:
    """Row numbers, disjoint: `train` to learn from, `validation` to look at meanwhile, `test` held out to the end."""

    train: Rows
    validation: Rows
    test: Rows


@dataclass(frozen=True)
class Target:
    """What is to be predicted. `classes` are its labels in the order of their numbers; a regression has none."""

    name: str
    task: Task
    numbers: npt.NDArray[Any]
    classes: list[Label]

    @property
    def labels(self) -> list[str]:
        return [label_text(label) for label in self.classes]


def target_of(column: pl.Series, task: Task) -> Target:
    """`column`, which has no holes, as numbers."""
    if task == "regression":
        return Target(column.name, task, column.cast(pl.Float64).to_numpy().copy(), [])
    classes = column.unique().sort()
    places = {label: place for place, label in enumerate(classes.to_list())}
    numbers = np.array([places[label] for label in column.to_list()], dtype=np.int64)
    return Target(column.name, task, numbers, classes.to_list())


def label_text(label: Label) -> str:
    """A class as the CSV writes it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def sampled(target: Target, rows: Rows, limit: int, seed: int) -> Rows:
    """At most `limit` of `rows`, each class in proportion, in their order."""
    if len(rows) <= limit:
        return rows
    random = np.random.default_rng(seed)
    share = limit / len(rows)
    kept = [random.permutation(group)[: max(1, round(share * len(group)))] for group in _groups(target, rows)]
    return np.sort(np.concatenate(kept))


def split(target: Target, rows: Rows, seed: int) -> Parts:
    """Held-out and validation rows by chance, of each class in proportion, at least one of each."""
    random = np.random.default_rng(seed)
    train, validation, test = [], [], []
    for group in _groups(target, rows):
        order = random.permutation(group)
        held_out = max(1, round(HELD_OUT * len(order)))
        looked_at = max(1, round(VALIDATION * len(order)))
        test.append(order[:held_out])
        validation.append(order[held_out : held_out + looked_at])
        train.append(order[held_out + looked_at :])
    return Parts(*(np.sort(np.concatenate(part)) for part in (train, validation, test)))


def folds(target: Target, rows: Rows, count: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Pairs of rows to learn from and rows to judge by; fewer than `count` where a class has too few rows."""
    numbers = target.numbers[rows]
    if target.task == "regression":
        parts = KFold(min(count, len(rows)), shuffle=True, random_state=seed).split(rows)
    else:
        fewest = int(np.bincount(numbers).min())
        parts = StratifiedKFold(max(2, min(count, fewest)), shuffle=True, random_state=seed).split(rows, numbers)
    return [(rows[learn], rows[judge]) for learn, judge in parts]


def _groups(target: Target, rows: Rows) -> list[Rows]:
    if target.task == "regression":
        return [rows]
    numbers = target.numbers[rows]
    return [rows[numbers == place] for place in range(len(target.classes))]


@dataclass(frozen=True)
class Sample:
    """Encoded rows with their target."""

    rows: npt.NDArray[np.float32]
    truth: npt.NDArray[Any]


class Scale(msgspec.Struct, frozen=True):
    """Numbers to predict, brought to a mean of 0 and a spread of 1 for the models. Of classes: nothing."""

    mean: float = 0.0
    spread: float = 1.0

    @staticmethod
    def of(target: Target, learn: npt.NDArray[Any]) -> Scale:
        if target.task == "classification":
            return Scale()
        return Scale(float(learn.mean()), float(learn.std()) or 1.0)

    def down(self, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return numbers if self == Scale() else (numbers - self.mean) / self.spread

    def up(self, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return numbers if self == Scale() else numbers * self.spread + self.mean
