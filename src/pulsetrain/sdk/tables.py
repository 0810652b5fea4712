"""Small tables that a run shows while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pulsetrain.model.records import MAX_TABLE_COLUMNS, MAX_TABLE_ROWS

from .values import number, text
from .warn import warn_once

_LONGEST_CELL = 500


def shown(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The data of a `run.table`. Raises ValueError where a row has not one cell for each column."""
    name = text(name)
    if len(rows) > MAX_TABLE_ROWS or len(columns) > MAX_TABLE_COLUMNS:
        warn_once(
            f"size of {name}", f"the table {name!r} is cut to {MAX_TABLE_ROWS} rows of {MAX_TABLE_COLUMNS} columns."
        )
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row has {len(row)} cells for {len(columns)} columns")
    return {
        "name": name,
        "columns": [text(column) for column in columns[:MAX_TABLE_COLUMNS]],
        "rows": [[_cell(cell) for cell in row[:MAX_TABLE_COLUMNS]] for row in rows[:MAX_TABLE_ROWS]],
    }


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_CELL else f"{value[: _LONGEST_CELL - 1]}…"
    found = number(value)
    return text(value) if found is None else found
