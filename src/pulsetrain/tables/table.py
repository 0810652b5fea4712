"""A table in memory, whatever file it came from."""

from __future__ import annotations

import msgspec
import polars as pl

from pulsetrain.model.formats import Format
from pulsetrain.model.rows import RowProblem

from .columns import Column, Kind

MAX_COLUMNS = 2000


class Table(msgspec.Struct):
    """A table in memory.

    `frame` holds typed columns (missing cells are null), `kinds` what each one is, `formats` how its dates are written
    (a strptime format), `warnings` what was doubtful and how it was taken. `problems` names the first rows with
    something wrong in them, of `problems_total`; rows that could not be read are not in `frame`.
    """

    frame: pl.DataFrame
    kinds: dict[str, Kind]
    formats: dict[str, str]
    warnings: list[str]
    format: Format
    delimiter: str | None = None
    encoding: str | None = None
    problems: list[RowProblem] = []
    problems_total: int = 0
    task: str | None = None
    """`nlu` where the rows are examples for language understanding."""


def of_columns(columns: list[tuple[str, Column]], warnings: list[str], format: Format) -> Table:
    """The table of typed columns; `warnings` is taken over and added to."""
    for _, column in columns:
        warnings += column.warnings
    if all(column.kind in ("empty", "constant") for _, column in columns):
        warnings.append("No column varies, so there is nothing to learn from this table.")
    return Table(
        pl.DataFrame([column.values.alias(name) for name, column in columns]),
        {name: column.kind for name, column in columns},
        {name: column.format for name, column in columns if column.format is not None},
        warnings,
        format,
    )
