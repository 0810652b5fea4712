"""What is wrong with a table before anything is learnt from it: pure findings, with the numbers of the rows."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.tables.read import Table

from .target import Task

MIN_ROWS = 10
MIN_CLASS_ROWS = 5
"""A class needs rows to learn from, rows to check by while learning, and rows that are held out."""
_ROWS_SHOWN = 8
_MOSTLY_MISSING = 0.5
_RARE = 0.05


def findings(table: Table) -> list[str]:
    """What the reader should know about the table as it is. Raises BadTable where it has too few rows."""
    frame = table.frame
    if frame.height < MIN_ROWS:
        raise BadTable(
            f"The table has {frame.height} row{'s' * (frame.height != 1)}; at least {MIN_ROWS} are needed.",
            hint="Some hundred rows are a sensible beginning.",
        )
    found = list(table.warnings)
    copies = ~frame.select(pl.struct(pl.all()).is_first_distinct()).to_series()
    if copies.any():
        found.append(
            f"{_count(copies)} the same as an earlier row, which may make the figures look better than they are: "
            f"{rows_named(copies)}."
        )
    for column in frame.iter_columns():
        missing = column.null_count()
        if missing > _MOSTLY_MISSING * frame.height and table.kinds[column.name] != "empty":
            found.append(f"Column {column.name!r} is missing in {missing:,} of {frame.height:,} rows.")
    return found


def usable_rows(table: Table, target: str, task: Task) -> tuple[pl.Series, list[str]]:
    """Which rows can be learnt from (a mask), and what was left out and why. Raises BadTable where too few are."""
    column = table.frame[target]
    missing = column.is_null()
    notes = []
    if missing.any():
        notes.append(f"{_count(missing)} without a {target!r} and left out: {rows_named(missing)}.")
    usable = ~missing
    if task == "classification":
        counts = column.drop_nulls().value_counts()
        rare = counts.filter(pl.col("count") < MIN_CLASS_ROWS)[target]
        if len(rare):
            scarce = usable & column.is_in(rare.implode())
            usable = usable & ~scarce
            notes.append(
                f"{len(rare)} class{'es have' if len(rare) > 1 else ' has'} fewer than {MIN_CLASS_ROWS} rows and "
                f"{'are' if len(rare) > 1 else 'is'} left out ({_some(map(str, rare.sort()))}): {rows_named(scarce)}."
            )
    if usable.sum() < MIN_ROWS:
        raise BadTable(
            " ".join([f"{int(usable.sum())} rows have a usable {target!r}; at least {MIN_ROWS} are needed.", *notes]),
            hint="Fill in the target, or choose another column.",
        )
    if task == "classification":
        notes += _balance(column.filter(usable))
    return usable, notes


def _balance(labels: pl.Series) -> list[str]:
    counts = labels.value_counts(sort=True)
    if counts.height < 2:
        raise BadTable(
            f"The target {labels.name!r} has fewer than two classes with at least {MIN_CLASS_ROWS} rows.",
            hint="Add rows of the other classes, or choose another column.",
        )
    name, fewest = counts.row(-1)
    share = fewest / len(labels)
    if share < _RARE:
        return [f"The classes are uneven: {str(name)!r} is {share:.1%} of the rows. Accuracy alone says little here."]
    return []


def left_out(text: str, table: Table, target: str) -> list[str]:
    """The columns that the user does not want learnt from. Raises BadParameters for those that are not there."""
    if not text.strip():
        return []
    names = [text.strip()] if text.strip() in table.frame.columns else [name.strip() for name in text.split(",")]
    names = [name for name in names if name]
    unknown = [name for name in names if name not in table.frame.columns]
    if unknown:
        raise BadParameters(
            f"There is no column {unknown[0]!r} to leave out.", hint=f"Columns: {_some(table.frame.columns)}."
        )
    if target in names:
        raise BadParameters(f"The target {target!r} cannot be left out.")
    return names


def _count(mask: pl.Series) -> str:
    count = int(mask.sum())
    return f"{count:,} {'row is' if count == 1 else 'rows are'}"


def rows_named(mask: pl.Series) -> str:
    """`row 3`, or `rows 3, 8, 9 and 40 more`. The first row under the header is row 1."""
    rows = [index + 1 for index in mask.arg_true().to_list()]
    return ("row " if len(rows) == 1 else "rows ") + _some((f"{row:,}" for row in rows), _ROWS_SHOWN)


def _some(items: Iterable[str], shown: int = _ROWS_SHOWN) -> str:
    texts = list(items)
    more = len(texts) - shown
    return ", ".join(texts[:shown]) + (f" and {more:,} more" if more > 0 else "")
