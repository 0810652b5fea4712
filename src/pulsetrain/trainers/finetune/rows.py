"""File → rows: CSV, JSON lines, a JSON array or Parquet, each row with its number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from pulsetrain.model.errors import BadTable
from pulsetrain.tables.read import read_table

Row = dict[str, Any]
_SHOWN = 5


def read_rows(path: Path) -> tuple[list[tuple[int, Row]], list[str]]:
    """The rows of the file with their numbers (from 1; blank lines do not count), and notes on what was doubtful.

    What the file is, its content says. Raises BadTable with the number of the row that is wrong, and OSError.
    """
    with path.open("rb") as file:
        begin = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(b"{"):
        return list(_json_lines(path)), []
    if begin.startswith(b"["):
        return list(_json_array(path)), []
    if begin.startswith(b"PAR1"):
        return _numbered(pl.read_parquet(path)), []
    table = read_table(path)
    doubtful = [f"Row {problem.row}: {problem.message}" for problem in table.problems[:_SHOWN]]
    return _numbered(table.frame), [*table.warnings, *doubtful]


def _numbered(frame: pl.DataFrame) -> list[tuple[int, Row]]:
    plain = frame.with_columns(
        pl.col(name).cast(pl.String) for name, dtype in frame.schema.items() if not dtype.is_nested()
    )
    return list(enumerate(plain.to_dicts(), 1))


def _json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    decode = msgspec.json.Decoder(Any).decode
    with path.open("rb") as file:
        lines = (line.removeprefix(b"\xef\xbb\xbf").strip() for line in file)
        for number, line in enumerate(filter(None, lines), 1):
            try:
                value = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                raise BadTable(f"Row {number} is no JSON: {problem}.", hint="Each line must hold one object.") from None
            yield number, _object(number, value)


def _json_array(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        values = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadTable(f"The file is no JSON: {problem}.", hint="It must be an array of objects.") from None
    for number, value in enumerate(values, 1):
        yield number, _object(number, value)


def _object(number: int, value: Any) -> Row:
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else f"{value!r}"[:40]
        raise BadTable(f"Row {number} is {kind}, not an object.", hint='Such as {"text": "…", "label": "…"}.')
    return value
