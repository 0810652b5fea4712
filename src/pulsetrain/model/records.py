"""Records: what producers send, and the pure decision which of it is new (PROTOCOL §5)."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from .errors import BadRequest, Fenced, Gap
from .events import PRODUCER_TYPES, ROW_TYPES, Data, NewEvent, is_event_time
from .runs import Run, may_move
from .steering import last_step

MAX_ROWS = 10_000
MAX_TABLE_ROWS, MAX_TABLE_COLUMNS = 100, 20


class Record(msgspec.Struct, frozen=True):
    """`count` rows of one producer, numbered from `n`."""

    n: int
    type: str
    data: Data
    time: str | None = None
    count: int = 1


class Batch(msgspec.Struct, frozen=True):
    """One request of one producer. Without records it is a heartbeat."""

    attempt: int
    producer: str
    records: list[Record] = []


class Position(msgspec.Struct, frozen=True):
    """How far the log has one producer of one attempt."""

    attempt: int
    last_n: int


def check(batch: Batch) -> None:
    """Raise BadRequest if `batch` is not well formed."""
    if not 1 <= len(batch.producer) <= 64:
        raise BadRequest("A producer's name has 1 to 64 characters.")
    if batch.attempt < 1:
        raise BadRequest("An attempt is a number from 1.")
    expected = None
    rows = 0
    for record in batch.records:
        if record.type not in PRODUCER_TYPES:
            raise BadRequest(f"A producer may not send events of type {record.type!r}.")
        if record.n < 1 or record.count < 1 or (record.count > 1 and record.type not in ROW_TYPES):
            raise BadRequest(f"Record {record.n} ({record.type}) cannot hold {record.count} rows.")
        if expected is not None and record.n != expected:
            raise BadRequest(f"Record {record.n} follows row {expected - 1}: rows are numbered without a hole.")
        if record.time is not None and not is_event_time(record.time):
            raise BadRequest(f"Record {record.n}: 'time' is UTC like 2026-11-20T10:05:05.123456Z.")
        expected = record.n + record.count
        rows += record.count
        _check_data(record)
    if rows > MAX_ROWS:
        raise BadRequest(f"{rows} rows in one request; at most {MAX_ROWS} are taken.")


_REQUIRED: dict[str, tuple[tuple[str, type | tuple[type, ...]], ...]] = {
    "run.status": (("state", str),),
    "run.stage": (("name", str),),
    "run.result": (("task_id", str),),
    "run.controls": (("controls", list),),
    "run.table": (("name", str), ("columns", list), ("rows", list)),
    "alert": (("severity", str), ("message", str)),
    "run.artifact": (("name", str), ("kind", str), ("size", int), ("digest", str)),
    "command.applied": (("id", str),),
    "command.rejected": (("id", str),),
}


def _check_data(record: Record) -> None:
    data = record.data
    for key, kind in _REQUIRED.get(record.type, ()):
        if not isinstance(data.get(key), kind):
            raise BadRequest(f"Record {record.n} ({record.type}) lacks {key!r}, or it is of the wrong type.")
    if record.type == "run.metrics":
        _check_metrics(record)
    elif record.type == "run.table":
        _check_table(record)
    elif record.type == "run.log":
        lines = data.get("lines")
        if not isinstance(lines, list) or len(lines) != record.count:
            raise BadRequest(f"Record {record.n}: 'lines' must be a list of {record.count} lines.")
        if not all(isinstance(line, dict) and isinstance(line.get("text"), str) for line in lines):
            raise BadRequest(f"Record {record.n}: each line is an object with 'text'.")


def _check_table(record: Record) -> None:
    columns, rows = record.data["columns"], record.data["rows"]
    if len(columns) > MAX_TABLE_COLUMNS or len(rows) > MAX_TABLE_ROWS:
        raise BadRequest(
            f"Record {record.n}: a table has at most {MAX_TABLE_ROWS} rows of {MAX_TABLE_COLUMNS} columns."
        )
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        raise BadRequest(f"Record {record.n}: each row of the table must hold {len(columns)} cells.")


def _check_metrics(record: Record) -> None:
    data = record.data
    columns = [data.get("step"), data.get("time")]
    values = data.get("values")
    if not isinstance(values, dict):
        raise BadRequest(f"Record {record.n}: 'values' must map series to columns.")
    for column in (*columns, *values.values()):
        if not isinstance(column, list) or len(column) != record.count:
            raise BadRequest(f"Record {record.n}: each column must hold {record.count} values.")
    for column in values.values():
        for value in column:
            if not (value is None or isinstance(value, int | float) or value in ("NaN", "Infinity", "-Infinity")):
                raise BadRequest(f"Record {record.n}: {value!r} is not a number.")


def accept(run: Run, position: Position | None, newest_attempt: int, batch: Batch) -> tuple[list[NewEvent], Position]:
    """What of `batch` is new, and the producer's position after it.

    `position` is what the log has of this producer, `newest_attempt` the highest attempt of the run.
    Raises Fenced for an older attempt and Gap where rows are missing. An illegal move between states is dropped.
    """
    if batch.attempt < newest_attempt:
        raise Fenced(f"Attempt {newest_attempt} of run {run.id} is alive; this is attempt {batch.attempt}.")
    last = position.last_n if position is not None and position.attempt == batch.attempt else 0
    events: list[NewEvent] = []
    state: str = run.state
    step = last_step(run)
    for record in batch.records:
        seen = last + 1 - record.n
        if seen < 0:
            raise Gap(last + 1, record.n)
        if seen >= record.count:
            continue
        last = record.n + record.count - 1
        data = _finite(_rows_from(record, seen))
        if record.type == "run.status":
            if not may_move(state, data["state"]):
                continue
            state = data["state"]
        elif record.type == "command.applied" and data.get("step") is None:
            # A supervisor does not know the steps of the training; here they are known.
            data["step"] = step
        elif record.type == "run.metrics":
            step = next((one for one in reversed(data["step"]) if one is not None), step)
        events.append(NewEvent(record.type, data, run.id, record.time))
    return events, Position(batch.attempt, last)


def _rows_from(record: Record, first: int) -> Data:
    if first == 0:
        return record.data
    data = record.data
    if record.type == "run.log":
        return {**data, "lines": data["lines"][first:]}
    values = {key: column[first:] for key, column in data["values"].items()}
    return {**data, "step": data["step"][first:], "time": data["time"][first:], "values": values}


def _finite(data: Data) -> Data:
    """`data` with the numbers that JSON lacks written as the protocol writes them (PROTOCOL §1)."""
    return {key: json_number(value) for key, value in data.items()}


def json_number(value: Any) -> Any:
    """`value` with each non-finite float in it, however deep, replaced by its name."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: json_number(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_number(item) for item in value]
    return value
