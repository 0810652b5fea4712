"""JSON Lines → table: one object a line; its keys are the columns. Nested values are shown as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from pulsetrain.model.errors import BadTable
from pulsetrain.model.examples import is_example, problem_of
from pulsetrain.model.rows import MOST_LEFT_OUT, MOST_SHOWN, Problems, shown

from .columns import type_column
from .table import MAX_COLUMNS, Table, of_columns

_BATCH = 20_000
_MINORITY = 0.1
_HINT = 'Each line is one JSON object, such as {"a": 1, "b": "x"}.'
_KINDS: dict[type, str] = {
    int: "a number",
    float: "a number",
    str: "text",
    bool: "true or false",
    dict: "nested",
    list: "nested",
}
_EXAMPLE_KEYS = ("text", "intent", "entities")


def read_lines(path: Path) -> Table:
    """Read a file of JSON objects, one a line, UTF-8. Blank lines do not count. Raises BadTable and OSError."""
    reading = _Reading()
    batch: list[tuple[int, dict[str, Any]]] = []
    for number, value in _values(path, reading):
        batch.append((number, value))
        if len(batch) == _BATCH:
            reading.take(batch)
            batch = []
    reading.take(batch)
    return reading.table()


def _values(path: Path, reading: _Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of the file with the number of their line, of those that are not blank."""
    number = 0
    with path.open("rb") as file:
        for line in file:
            text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 0 else line.strip()
            if not text:
                continue
            number += 1
            try:
                value = read_line(text)
            except ValueError as problem:
                if number == 1 and text in (b"[", b"{"):
                    raise BadTable("The file is one JSON document over many lines.", hint=_HINT) from None
                reading.unreadable.add(number, f"The line cannot be read: {problem}.")
                continue
            if number == 1 and isinstance(value, list):
                raise BadTable("The file is a JSON list in one line.", hint=_HINT)
            if isinstance(value, dict):
                yield number, value
            else:
                reading.unreadable.add(number, "The line is no JSON object.")
    reading.lines = number


def read_line(line: bytes) -> Any:
    """The JSON value of one line; NaN and Infinity, as Python writes them, are floats. Raises ValueError."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(line)
    except UnicodeDecodeError as problem:
        raise ValueError(f"byte {problem.start} of it (0x{line[problem.start]:02x}) is no UTF-8") from None
    except json.JSONDecodeError as problem:
        what = problem.msg[:1].lower() + problem.msg[1:]
        raise ValueError(f"{what} at character {problem.pos}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


class _Cells:
    """One column while it is read: its cells as text by batch, and what kinds of values stood where."""

    def __init__(self) -> None:
        self.batches: list[pl.Series] = []
        self.rows = 0
        self.counts: dict[str, int] = {}
        self.places: dict[str, list[int]] = {}

    def take(self, numbers: list[int], values: list[Any], before: int) -> None:
        if self.rows < before:  # rows that came before the first one with this key
            self.batches.append(pl.Series([None] * (before - self.rows), dtype=pl.String))
        self.rows = before + len(values)
        self.batches.append(pl.Series([_text(value) for value in values], dtype=pl.String))
        kinds = {_KINDS[kind] for kind in set(map(type, values)) - {type(None)}}
        for kind in kinds:
            wanted = [number for number, value in zip(numbers, values, strict=True) if _KINDS.get(type(value)) == kind]
            self.counts[kind] = self.counts.get(kind, 0) + len(wanted)
            known = self.places.setdefault(kind, [])
            known += wanted[: MOST_SHOWN - len(known)]


class _Reading:
    """What was read so far."""

    def __init__(self) -> None:
        self.lines = 0
        self.rows = 0
        self.unreadable = Problems()
        self.wrong = Problems()
        self.columns: dict[str, _Cells] = {}
        self.task: str | None = None

    def take(self, batch: list[tuple[int, dict[str, Any]]]) -> None:
        if not batch:
            return
        if self.rows == 0 and is_example(batch[0][1]):
            self.task = "nlu"
        numbers = [number for number, _ in batch]
        for name in {name: None for _, row in batch for name in row}:
            if name not in self.columns and len(self.columns) == MAX_COLUMNS:
                raise BadTable(f"The rows have more than {MAX_COLUMNS} different keys.", hint=_HINT)
        for name in {**self.columns, **{name: None for _, row in batch for name in row}}:
            column = self.columns.setdefault(name, _Cells())
            column.take(numbers, [row.get(name) for _, row in batch], self.rows)
        if self.task == "nlu":
            for number, row in batch:
                if (problem := problem_of(row)) is not None:
                    self.wrong.add(number, problem)
        self.rows += len(batch)

    def table(self) -> Table:
        first = self.unreadable.first()
        if self.lines == 0:
            raise BadTable("The file holds blank lines alone.", hint=_HINT)
        if self.unreadable.total > self.lines * MOST_LEFT_OUT:
            raise BadTable(shown(first[0]), hint=_HINT, problems=first)
        warnings: list[str] = []
        if self.unreadable.total:
            one = self.unreadable.total == 1
            lines = f"{self.unreadable.total:,} line{'' if one else 's'}"
            warnings.append(f"{lines} cannot be read and {'is' if one else 'are'} left out.")
        if not self.columns:
            raise BadTable("The objects of the file are all empty.", hint=_HINT)
        columns = []
        for name, cells in self.columns.items():
            plain = set(cells.counts) <= {"a number"} or set(cells.counts) <= {"true or false"}
            text = pl.concat(cells.batches).alias(name) if len(cells.batches) > 1 else cells.batches[0].alias(name)
            columns.append((name, type_column(text, numbers=plain)))
            self._mixed(name, cells, warnings)
        found = of_columns(columns, warnings, "jsonl")
        found.encoding = "utf-8"
        found.task = self.task
        self.wrong.take(self.unreadable)
        found.problems, found.problems_total = self.wrong.first(), self.wrong.total
        return found

    def _mixed(self, name: str, cells: _Cells, warnings: list[str]) -> None:
        """Say where a column holds another kind of value than elsewhere."""
        if len(cells.counts) < 2 or (self.task == "nlu" and name in _EXAMPLE_KEYS):
            return
        usual = max(cells.counts, key=lambda kind: cells.counts[kind])
        others = sum(cells.counts.values()) - cells.counts[usual]
        if others > sum(cells.counts.values()) * _MINORITY:
            warnings.append(f"Column {name!r} holds values of several kinds: {', '.join(sorted(cells.counts))}.")
            return
        for kind, places in cells.places.items():
            if kind != usual:
                for number in places:
                    self.wrong.add(number, f"{name} is {kind} here and {usual} in other rows.")


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value) if not math.isnan(value) else None
        case int():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
