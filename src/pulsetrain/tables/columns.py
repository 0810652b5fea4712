"""Text cells → what a column holds."""

from __future__ import annotations

from typing import Literal

import msgspec
import polars as pl

Kind = Literal["integer", "number", "category", "text", "datetime", "boolean", "constant", "empty"]
NUMERIC: frozenset[Kind] = frozenset({"integer", "number"})
MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "Null", "None", "NaN", "nan", "NAN", "?", "-"]
"""Cells of text files that stand for no value."""

DATE_FORMATS = [
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%Y-%m-%dT%H:%M:%S%#z",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
]
"""Tried in this order. A column is a date where one format fits every cell."""

_AMBIGUOUS = {"%m/%d/%Y": "%d/%m/%Y", "%m/%d/%Y %H:%M:%S": "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M": "%d/%m/%Y %H:%M"}
_SAMPLE = 200
_INTEGER = r"^[-+]?(0|[1-9][0-9]*)$"
_NUMBER = r"^[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
_INFINITE = r"(?i)^[-+]?inf(inity)?$"
_COMMA = r"^[-+]?[0-9]+,[0-9]+$"
_CODE = r"^0[0-9]+$"
_FEW = 20
_MANY = 1000
_ODD_SHARE = 0.1
_ODD_SHOWN = 100


class Column(msgspec.Struct):
    """A typed column. `format` is set for dates alone."""

    values: pl.Series
    kind: Kind
    format: str | None = None
    warnings: list[str] = []


def cleaned(text: pl.Series) -> pl.Series:
    """`text` without blanks around each cell, missing ones null."""
    stripped = text.str.strip_chars()
    return stripped.set(stripped.is_in(MISSING), None)


def type_column(text: pl.Series, *, decimal_comma: bool = False, numbers: bool = True) -> Column:
    """What the cells of `text` (strings, stripped, missing ones null) are. A form counts where every cell has it.

    Without `numbers`, what looks like one is a word: where the file itself tells numbers from text.
    """
    present = text.drop_nulls()
    if present.is_empty():
        return _empty(text)
    column = None
    if numbers:
        column = _number(text, present, decimal_comma=decimal_comma) or _boolean(text, present)
    return _judged(column or _date(text, present) or Column(text, _words(present)))


def type_values(values: pl.Series) -> Column:
    """What a column is whose file says its type: whole numbers, floats, booleans or times."""
    present = values.drop_nulls()
    if present.is_empty():
        return _empty(values)
    if values.dtype == pl.Boolean:
        return _judged(Column(values, "boolean"))
    if values.dtype.is_temporal():
        return _judged(Column(values, "datetime", "%Y-%m-%d %H:%M:%S%.f"))
    if values.dtype.is_integer():
        return _judged(Column(values.cast(pl.Int64), "integer"))
    return _judged(_finite(values.cast(pl.Float64)))


def odd_cells(text: pl.Series, column: Column) -> list[tuple[int, str]]:
    """The places of a few cells that keep a column of numbers from being one, and what stands there."""
    if column.kind not in ("category", "text"):
        return []
    present = text.drop_nulls()
    odd = ~present.str.contains(f"{_NUMBER}|{_INFINITE}")
    count = int(odd.sum())
    # Numbers with zeros before them are codes, and so is all the rest of their column.
    if not 0 < count <= len(present) * _ODD_SHARE or present.str.contains(_CODE).any():
        return []
    places = text.is_not_null().arg_true().filter(odd).head(_ODD_SHOWN)
    return [(place, str(text[place])[:40]) for place in places]


def _empty(values: pl.Series) -> Column:
    return Column(values, "empty", None, [f"Column {values.name!r} has no values at all."])


def _judged(column: Column) -> Column:
    """The column, `constant` where it never varies."""
    values = column.values
    if column.kind == "empty" or values.null_count() or values.drop_nulls().n_unique() > 1:
        return column
    warning = f"Column {values.name!r} has the same value in every row."
    return Column(values, "constant", column.format, [*column.warnings, warning])


def _words(present: pl.Series) -> Kind:
    unique = present.n_unique()
    return "category" if unique <= _FEW or (unique <= _MANY and unique * 2 <= len(present)) else "text"


def _number(text: pl.Series, present: pl.Series, *, decimal_comma: bool) -> Column | None:
    head = present.head(_SAMPLE)
    if decimal_comma and head.str.contains(_COMMA).any():
        text, present, head = (part.str.replace(",", ".", literal=True) for part in (text, present, head))
    if not _all(head, f"{_NUMBER}|{_INFINITE}"):
        return None
    if _all(present, _INTEGER):
        values = text.cast(pl.Int64, strict=False)
        if values.null_count() == text.null_count():
            return Column(values, "integer")
        return None  # longer than any number that is counted with: a code
    infinite = present.str.contains(_INFINITE).sum()
    if not _all(present, f"{_NUMBER}|{_INFINITE}" if infinite else _NUMBER):
        return None
    return _finite(text.cast(pl.Float64, strict=False))


def _finite(values: pl.Series) -> Column:
    """Floats; what is not finite is taken as missing, and said if it was infinite."""
    values, name = values.fill_nan(None), values.name
    infinite = int(values.is_infinite().sum() or 0)
    values = values.set(values.is_infinite().fill_null(False), None)
    if values.null_count() == len(values):
        return Column(values, "empty", None, [f"Column {name!r} has no finite values."])
    warnings = []
    if infinite:
        warnings.append(f"Column {name!r} has {infinite} infinite value{'s' * (infinite > 1)}, taken as missing.")
    return Column(values, "number", None, warnings)


def _boolean(text: pl.Series, present: pl.Series) -> Column | None:
    if not _all(present.head(_SAMPLE), "(?i)^(true|false)$") or not _all(present, "(?i)^(true|false)$"):
        return None
    return Column(text.str.to_lowercase() == "true", "boolean")


def _date(text: pl.Series, present: pl.Series) -> Column | None:
    head = present.head(_SAMPLE)
    if not _all(head, r"[0-9].*[-/. ,].*[0-9]"):
        return None
    for format in DATE_FORMATS:
        if _parse_dates(head, format).null_count():
            continue
        values = _parse_dates(text, format)
        if values.null_count() > text.null_count():
            continue
        warnings = []
        other = _AMBIGUOUS.get(format)
        if other and not _parse_dates(present, other).null_count():
            warnings.append(f"The dates of column {text.name!r} may have day or month first; month first was taken.")
        return Column(values, "datetime", format, warnings)
    return None


def _parse_dates(text: pl.Series, format: str) -> pl.Series:
    """The times, without zone (UTC where the text names one); null where `format` does not fit."""
    if "%H" not in format:
        return text.str.to_date(format, strict=False, exact=True).cast(pl.Datetime("us"))
    times = text.str.to_datetime(format, strict=False, exact=True, time_unit="us")
    return times.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if "z" in format else times


def _all(text: pl.Series, pattern: str) -> bool:
    return bool(text.str.contains(pattern).all())
