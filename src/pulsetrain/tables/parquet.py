"""Parquet → table. The file says its types; nested values are shown as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from pulsetrain.model.errors import BadTable

from .columns import Column, type_column, type_values
from .table import MAX_COLUMNS, Table, of_columns

MAX_CELLS = 100_000_000
"""A small file can hold a billion times the same value; what does not fit into memory is refused before it is read."""


def read_parquet(path: Path) -> Table:
    """Read a Parquet file. Raises BadTable and OSError."""
    try:
        lazy = pl.scan_parquet(path)
        width = len(lazy.collect_schema())
        rows = int(lazy.select(pl.len()).collect().item())
        if width > MAX_COLUMNS:
            raise BadTable(f"The table has {width} columns; at most {MAX_COLUMNS} can be used.")
        if rows * width > MAX_CELLS:
            raise BadTable(f"The table has {rows * width:,} cells; at most {MAX_CELLS:,} can be used.", hint=_SMALLER)
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as problem:
        if isinstance(problem, FileNotFoundError):
            raise
        what = str(problem).splitlines()[0][:200] if str(problem) else type(problem).__name__
        raise BadTable(f"The file cannot be read as Parquet: {what}.", hint="Write it anew, and try again.") from None
    if rows == 0 or width == 0:
        raise BadTable("The table has no rows." if width else "The table has no columns.", hint="It needs some.")
    return of_columns([(name, _typed(frame[name])) for name in frame.columns], [], "parquet")


_SMALLER = "Take a part of its rows or columns."


def _typed(values: pl.Series) -> Column:
    dtype = values.dtype
    if dtype in (pl.Categorical, pl.Enum, pl.Time):
        values = values.cast(pl.String)
    elif dtype == pl.Decimal:
        values = values.cast(pl.Float64)
    elif dtype == pl.Duration:
        values = values.dt.total_microseconds().cast(pl.Float64) / 1e6
    elif dtype == pl.UInt64 and values.drop_nulls().len() and int(values.max() or 0) >= 2**63:  # type: ignore[arg-type]
        values = values.cast(pl.String)
    elif dtype == pl.Datetime and getattr(dtype, "time_zone", None):
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if values.dtype.is_temporal():
        values = values.cast(pl.Datetime("us"))
    if values.dtype.is_numeric() or values.dtype.is_temporal() or values.dtype == pl.Boolean:
        return type_values(values)
    if values.dtype != pl.String:
        values = pl.Series(values.name, [_text(value) for value in values.to_list()], dtype=pl.String)
    return type_column(values, numbers=False)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return json.dumps(value, ensure_ascii=False, default=str)
