"""A data file → a table. The name's ending says how the file is read."""

from __future__ import annotations

from pathlib import Path

from pulsetrain.model.errors import BadTable
from pulsetrain.model.formats import format_of

from .columns import MISSING
from .delimited import read_delimited
from .lines import read_lines
from .parquet import read_parquet
from .table import Table

__all__ = ["MISSING", "Table", "read_table"]


def read_table(path: Path) -> Table:
    """Read a CSV with a header, JSON Lines or a Parquet file.

    Rows that cannot be read are left out and named in `problems`, as long as they are few.
    Raises BadTable, which says what is wrong and in which row, and OSError.
    """
    if path.stat().st_size == 0:
        raise BadTable("The file is empty.", hint="It needs at least one row, and a CSV a header above it.")
    match format_of(path.name):
        case "jsonl":
            return read_lines(path)
        case "parquet":
            return read_parquet(path)
        case _:
            return read_delimited(path)
