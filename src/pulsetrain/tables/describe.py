"""Table → what a person looks at before training: statistics, histograms, first rows, the end of a series."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import polars as pl

from pulsetrain.model.formats import Format

from .columns import NUMERIC, Kind
from .table import Table

BINS = 20
TOP = 10
FIRST_ROWS = 10
SERIES = 5
SERIES_VALUES = 50

Cell = str | int | float | bool | None


class TopValue(msgspec.Struct):
    value: Cell
    count: int


class Histogram(msgspec.Struct):
    """`counts[i]` values lie from `edges[i]` to `edges[i + 1]`; dates count in Unix seconds."""

    edges: list[float]
    counts: list[int]


class ColumnStatistics(msgspec.Struct):
    """What one column holds. `min` and `max` of dates are ISO 8601; None where the kind has no such figure."""

    name: str
    kind: Kind
    dtype: str
    missing: int
    unique: int
    min: Cell = None
    max: Cell = None
    mean: float | None = None
    std: float | None = None
    quartiles: tuple[float, float, float] | None = None
    top: list[TopValue] = []
    histogram: Histogram | None = None


class Index(msgspec.Struct):
    """The first column of dates: the last values of the series stand beside these."""

    name: str
    values: list[Cell]


class Description(msgspec.Struct):
    """The *table* of PROTOCOL §4."""

    rows: int
    columns: list[ColumnStatistics]
    first_rows: list[list[Cell]]
    series: dict[str, list[Cell]]
    index: Index | None
    delimiter: str | None
    encoding: str | None
    warnings: list[str]
    format: Format


def describe(table: Table) -> Description:
    """The preview of `table`."""
    frame = table.frame
    numeric = [name for name, kind in table.kinds.items() if kind in NUMERIC]
    dates = [name for name, kind in table.kinds.items() if kind == "datetime"]
    return Description(
        rows=frame.height,
        columns=[_statistics(column, table.kinds[column.name]) for column in frame.iter_columns()],
        first_rows=[[_cell(value) for value in row] for row in frame.head(FIRST_ROWS).iter_rows()],
        series={name: _last(frame[name]) for name in numeric[:SERIES]},
        index=Index(dates[0], _last(frame[dates[0]])) if dates else None,
        delimiter=table.delimiter,
        encoding=table.encoding.removesuffix("-sig") if table.encoding else None,
        warnings=table.warnings,
        format=table.format,
    )


def _last(column: pl.Series) -> list[Cell]:
    return [_cell(value) for value in column.tail(SERIES_VALUES)]


def _cell(value: Any) -> Cell:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _statistics(column: pl.Series, kind: Kind) -> ColumnStatistics:
    present = column.drop_nulls()
    found = ColumnStatistics(column.name, kind, str(column.dtype), column.null_count(), present.n_unique())
    if present.is_empty():
        return found
    if column.dtype.is_numeric():
        found.min, found.max = _cell(present.min()), _cell(present.max())
        values = present.cast(pl.Float64)
        found.mean, found.std = _finite(values.mean()), _finite(values.std())
        quartiles = [_finite(values.quantile(share, "linear")) for share in (0.25, 0.5, 0.75)]
        low, middle, high = quartiles
        if low is not None and middle is not None and high is not None:
            found.quartiles = (low, middle, high)
        found.histogram = _histogram(values, whole=column.dtype.is_integer())
    elif column.dtype.is_temporal():
        found.min, found.max = _cell(present.min()), _cell(present.max())
        found.histogram = _histogram(present.dt.epoch("us").cast(pl.Float64) / 1e6, whole=False)
    if not column.dtype.is_numeric() or found.unique <= BINS:
        found.top = _top(present)
    return found


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _top(present: pl.Series) -> list[TopValue]:
    counts = present.rename("value").value_counts(name="count")
    # Among equals the smaller value comes first, so that the same table always gives the same answer.
    counts = counts.sort(["count", "value"], descending=[True, False]).head(TOP)
    return [TopValue(_cell(value), count) for value, count in counts.iter_rows()]


def _histogram(values: pl.Series, *, whole: bool) -> Histogram | None:
    numbers = values.to_numpy()
    low, high = float(numbers.min()), float(numbers.max())
    if not math.isfinite(high - low):
        return None
    if low == high:
        edges = np.array([low - 0.5, high + 0.5])
    elif whole and high - low < 2**52:
        # Each bin holds equally many whole numbers; others would show steps that are not in the data.
        width = math.ceil((high - low + 1) / BINS)
        edges = np.arange(math.ceil((high - low + 1) / width) + 1) * width + (low - 0.5)
    else:
        edges = np.linspace(low, high, BINS + 1)
    if not np.all(np.diff(edges) > 0):
        return None  # values closer together than floats can divide
    counts, _ = np.histogram(numbers, bins=edges)
    return Histogram(edges.tolist(), counts.tolist())
