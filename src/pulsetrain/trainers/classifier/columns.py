"""Columns of the table → features: what each one is for the model, and which ones cannot help it.

Pure and without a look at the target's values: nothing that is decided here could leak what is to be predicted.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
import polars as pl

from pulsetrain.model.errors import BadTable
from pulsetrain.tables.columns import Kind
from pulsetrain.tables.read import Table

from .target import is_counter

Form = Literal["number", "flag", "category", "many", "date", "text"]
"""`many` is a category of too many levels for a number each."""

MAX_LEVELS = 30
"""A category of more levels becomes the target's mean at each."""
_WORDS_OF_TEXT = 3.0
_IDENTIFIER_SHARE = 0.9
_IDENTIFIER_NAME = re.compile(r"(?i)(^|[ _\-.])(id|ids|uuid|guid|key|index|nr|no|number|rownum)$|^column_1$|^unnamed")
DATE_PARTS = ("year", "month", "day", "weekday", "hour", "days")


class Feature(msgspec.Struct, frozen=True):
    """A column that is learnt from. `format` is how its dates are written."""

    name: str
    form: Form
    kind: Kind
    format: str | None = None
    parts: list[str] = []
    """Of a date: those that vary."""


class Dropped(msgspec.Struct, frozen=True):
    """A column that is not learnt from, and why."""

    name: str
    why: str


class Plan(msgspec.Struct, frozen=True):
    """What becomes of each column but the target."""

    features: list[Feature]
    dropped: list[Dropped]


def plan_columns(table: Table, target: str, leave_out: list[str]) -> Plan:
    """The features of `table`. Raises BadTable where there would be none."""
    frame = table.frame
    features: list[Feature] = []
    dropped: list[Dropped] = []
    seen: dict[int, list[str]] = {}
    for name in frame.columns:
        if name == target:
            continue
        column, kind = frame[name], table.kinds[name]
        why = "you left it out" if name in leave_out else _useless(column, kind) or _copy(frame, name, target, seen)
        if why:
            dropped.append(Dropped(name, why))
        else:
            features.append(_feature(column, kind, table.formats.get(name)))
    if not features:
        reasons = " ".join(f"{column.name!r}: {column.why}." for column in dropped[:10])
        raise BadTable(f"No column is left to predict {target!r} from. {reasons}".strip())
    return Plan(features, dropped)


def _useless(column: pl.Series, kind: Kind) -> str | None:
    present = column.drop_nulls()
    unique = present.n_unique()
    if unique == 0:
        return "it is empty"
    if unique == 1 and (column.null_count() == 0 or kind == "datetime"):
        return "it has the same value in every row"
    if kind == "integer":
        named = _IDENTIFIER_NAME.search(column.name) is not None and unique == len(column)
        if is_counter(present) or named:
            return "it numbers the rows"
    if kind in ("category", "text") and _is_identifier(present, unique):
        return "it differs in almost every row, as names and identifiers do"
    return None


def _is_identifier(present: pl.Series, unique: int) -> bool:
    return unique >= _IDENTIFIER_SHARE * len(present) and unique > 2 and _words(present) < _WORDS_OF_TEXT


def _words(present: pl.Series) -> float:
    return float(present.head(1000).str.count_matches(r"\w+").mean() or 0.0)  # type: ignore[arg-type]


def _copy(frame: pl.DataFrame, name: str, target: str, seen: dict[int, list[str]]) -> str | None:
    """Whether the column says what another one says already."""
    column = frame[name]
    if column.rename(target).equals(frame[target]):
        return f"it is the target {target!r} once more"
    mark = hash((str(column.dtype), column.hash(seed=0).bitwise_xor()))
    for other in seen.setdefault(mark, []):
        if column.rename(other).equals(frame[other]):
            return f"it is {other!r} once more"
    seen[mark].append(name)
    return None


def _feature(column: pl.Series, kind: Kind, format: str | None) -> Feature:
    match kind:
        case "datetime":
            return Feature(column.name, "date", kind, format, date_parts(column))
        case "boolean":
            return Feature(column.name, "flag", kind)
        case "category" | "text":
            present = column.drop_nulls()
            if kind == "text" and _words(present) >= _WORDS_OF_TEXT:
                return Feature(column.name, "text", kind)
            return Feature(column.name, "category" if present.n_unique() <= MAX_LEVELS else "many", kind)
        case _:
            # A constant with holes keeps its type: whether it is there may tell something.
            number = column.dtype.is_numeric()
            return Feature(
                column.name, "number" if number else "flag" if column.dtype == pl.Boolean else "category", kind
            )


def date_parts(column: pl.Series) -> list[str]:
    """The parts of dates that vary."""
    return [part for part in DATE_PARTS if date_part(column, part).drop_nulls().n_unique() > 1]


def date_part(column: pl.Series, part: str) -> pl.Series:
    """One part of each date, as a number. `days` counts from 1970 on, with the time of day as its fraction."""
    if part == "days":
        return column.dt.epoch("s").cast(pl.Float64) / 86_400
    return getattr(column.dt, part)().cast(pl.Float64)  # type: ignore[no-any-return]
