"""How the columns of a mixed table hang together, pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

MAX_COLUMNS = 40
MAX_ROWS = 10_000
MAX_LEVELS = 50

Matrix = NDArray[np.float64]


def correlation(
    real: pl.DataFrame, synthetic: pl.DataFrame, kinds: dict[str, str], seed: int, notes: list[str]
) -> dict[str, Any] | None:
    """Both matrices of association, and the mean absolute difference of their pairs; None with fewer than two columns.

    Pearson's r for two numbers (−1 … 1), the correlation ratio η for a number and a category, Cramér's V for two
    categories (0 … 1). What is undefined, because a column does not vary, is None.
    """
    names = list(kinds)[:MAX_COLUMNS]
    if len(names) < 2:
        return None
    if len(kinds) > MAX_COLUMNS:
        notes.append(f"Correlations are those of the first {MAX_COLUMNS} columns.")
    levels = {name: _levels(real[name]) for name in names if kinds[name] == "categorical"}
    both = [
        association(frame.sample(min(MAX_ROWS, frame.height), seed=seed), names, levels) for frame in (real, synthetic)
    ]
    pairs = np.triu_indices(len(names), 1)
    difference = np.abs(both[0] - both[1])[pairs]
    known = difference[np.isfinite(difference)]
    return {
        "columns": names,
        "real": _plain(both[0]),
        "synthetic": _plain(both[1]),
        "mean_absolute_difference": float(known.mean()) if len(known) else None,
    }


def association(frame: pl.DataFrame, names: list[str], levels: dict[str, list[str | None]]) -> Matrix:
    """The matrix of association; `levels` are the values of the categorical columns. Undefined is NaN."""
    count = len(names)
    matrix = np.full((count, count), np.nan)
    hot = {name: _one_hot(frame[name], levels[name]) for name in levels}
    numeric = [index for index, name in enumerate(names) if name not in levels]
    numbers = {index: _standard(frame[names[index]]) for index in numeric}
    for i in range(count):
        matrix[i, i] = 1.0
        for j in range(i):
            matrix[i, j] = matrix[j, i] = _pair(i, j, names, numbers, hot)
    return matrix


def _pair(i: int, j: int, names: list[str], numbers: dict[int, Matrix], hot: dict[str, Matrix]) -> float:
    if i in numbers and j in numbers:
        one, other = numbers[i], numbers[j]
        both = np.isfinite(one) & np.isfinite(other)
        return _pearson(one[both], other[both])
    if i in numbers:
        return _correlation_ratio(numbers[i], hot[names[j]])
    if j in numbers:
        return _correlation_ratio(numbers[j], hot[names[i]])
    return _cramers_v(hot[names[i]].T @ hot[names[j]])


def _pearson(one: Matrix, other: Matrix) -> float:
    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(np.mean((one - one.mean()) * (other - other.mean())) / (one.std() * other.std()))


def _correlation_ratio(values: Matrix, groups: Matrix) -> float:
    """η: the root of the share of the variance that lies between the groups."""
    present = np.isfinite(values)
    values, groups = values[present], groups[present]
    total = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    sizes = groups.sum(axis=0)
    if total == 0 or (sizes > 0).sum() < 2:
        return float("nan")
    means = (values @ groups)[sizes > 0] / sizes[sizes > 0]
    return float(np.sqrt(min(1.0, (sizes[sizes > 0] * (means - values.mean()) ** 2).sum() / total)))


def _cramers_v(table: Matrix) -> float:
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return float("nan")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chi = ((table - expected) ** 2 / expected).sum()
    return float(np.sqrt(min(1.0, chi / (table.sum() * (min(table.shape) - 1)))))


def _levels(series: pl.Series) -> list[str | None]:
    counts = series.cast(pl.String).value_counts(sort=True)
    return counts[series.name].to_list()[: MAX_LEVELS - 1]


def _one_hot(series: pl.Series, levels: list[str | None]) -> Matrix:
    """Rows × levels, with one more column for all other values."""
    places = {level: place for place, level in enumerate(levels)}
    codes = [places.get(value, len(levels)) for value in series.cast(pl.String).to_list()]
    return np.eye(len(levels) + 1)[codes]


def _standard(series: pl.Series) -> Matrix:
    if series.dtype.is_temporal():
        series = series.cast(pl.Datetime("us")).to_physical()
    values = series.cast(pl.Float64).to_numpy()
    present = values[np.isfinite(values)]
    scale = float(present.std()) if len(present) else 0.0
    return np.asarray((values - (present.mean() if len(present) else 0.0)) / (scale or 1.0))


def _plain(matrix: Matrix) -> list[list[float | None]]:
    return [[float(value) if np.isfinite(value) else None for value in row] for row in matrix]
