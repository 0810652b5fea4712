"""Which column to predict, and whether it holds classes or numbers: pure rules over a table."""

from __future__ import annotations

from typing import Literal

import msgspec
import polars as pl

from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.tables.columns import NUMERIC, Kind
from pulsetrain.tables.read import Table

from .trainer import Wanted

Task = Literal["classification", "regression"]

USUAL_NAMES = (
    *("target", "label", "class", "y", "outcome", "response", "result", "output", "prediction", "category"),
    *("survived", "churn", "churned", "default", "diagnosis", "species", "income", "salary", "price", "quality"),
    *("score", "rating", "progression"),
)
"""Names that people give to what they want to know; the earlier, the surer."""

FEW_NUMBERS = 10
"""A column of whole numbers with at most so many values is taken as classes."""
MAX_CLASSES = 100
_MAX_SUGGESTED_CLASSES = 30
_NUMBER_LIKE: frozenset[Kind] = NUMERIC | {"constant"}


class Suggestion(msgspec.Struct, frozen=True):
    """A column to predict, and why this one."""

    name: str
    reason: str


def suggest_target(table: Table) -> Suggestion:
    """The column that is most likely meant to be predicted. Raises BadTable where none can be."""
    usable = [name for name in table.frame.columns if _usable(table.frame[name], table.kinds[name])]
    if not usable:
        raise BadTable(
            "No column of the table can be predicted: each is empty, constant, a date, or differs in every row.",
            hint="Name the column to predict as target.",
        )
    named = {name.strip().lower(): name for name in usable}
    for usual in USUAL_NAMES:
        if usual in named:
            return Suggestion(named[usual], f"{usual!r} is what such a column is often called")
    last = table.frame.columns[-1]
    if last == usable[-1]:
        return Suggestion(last, "it is the last column")
    classes = [name for name in usable if table.kinds[name] not in NUMERIC]
    if classes:
        return Suggestion(classes[-1], "it is the last column with a few classes")
    return Suggestion(usable[-1], "it is the last column that varies and is neither a date nor an identifier")


def _usable(column: pl.Series, kind: Kind) -> bool:
    present = column.drop_nulls()
    unique = present.n_unique()
    if unique < 2:
        return False
    if kind in ("category", "boolean", "text"):
        return unique <= min(_MAX_SUGGESTED_CLASSES, len(present) // 2)
    if kind == "integer":
        return not is_counter(present)
    return kind == "number"


def is_counter(present: pl.Series) -> bool:
    """Whether whole numbers count the rows: each is one more than the one before."""
    return len(present) > 2 and bool((present.diff().drop_nulls() == 1).all())


def task_of(column: pl.Series, kind: Kind, wanted: Wanted) -> tuple[Task, str]:
    """Whether to predict classes or numbers, and why. Raises BadTable or BadParameters where that cannot be."""
    name, unique = column.name, column.drop_nulls().n_unique()
    if unique < 2:
        raise BadTable(
            f"The target {name!r} has {'one value alone' if unique else 'no values'}, so there is nothing to predict.",
            hint="Choose a column that varies.",
        )
    if kind == "datetime":
        raise BadTable(f"The target {name!r} holds dates, which cannot be predicted.", hint="Choose another column.")
    if wanted == "prediction" and kind not in _NUMBER_LIKE:
        raise BadParameters(f"The target {name!r} holds no numbers.", hint="Take task=classification.")
    if wanted == "prediction":
        return "regression", "as asked"
    numbers = kind == "number" or (kind == "integer" and unique > FEW_NUMBERS)
    if numbers and wanted == "automatic":
        return "regression", f"the target has {unique:,} different numbers"
    if unique > MAX_CLASSES:
        raise BadParameters(
            f"The target {name!r} has {unique:,} different values; at most {MAX_CLASSES} classes can be told apart.",
            hint="Take task=prediction." if kind in NUMERIC else "Choose a column with fewer values.",
        )
    return "classification", "as asked" if wanted == "classification" else f"the target has {unique} different values"
