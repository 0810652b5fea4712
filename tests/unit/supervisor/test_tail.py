"""Tailing and merging: every row once, in order, however the file grows and however it is batched."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.model.records import Batch, Record, check
from pulsetrain.sdk.spool import SpoolWriter
from pulsetrain.supervisor.tail import Row, Tail, merge
from pulsetrain.wire.codec import encode_msgpack

metric = st.tuples(
    st.just("m"),
    st.one_of(st.none(), st.integers(-5, 10**6)),
    st.dictionaries(st.sampled_from("abc"), st.floats(), max_size=3),
)
lines = st.tuples(st.just("run.log"), st.none(), st.lists(st.text(max_size=5), min_size=1, max_size=4))
other = st.tuples(st.just("run.progress"), st.none(), st.floats(0, 100))


def rows_of(items: list[tuple[str, Any, Any]]) -> list[Row]:
    rows: list[Row] = []
    n = 1
    for kind, step, value in items:
        if kind == "m":
            record: list[Any] = [n, "m", 1.5, step, value]
        elif kind == "run.log":
            record = [n, kind, 1.5, {"lines": [{"text": text} for text in value]}]
        else:
            record = [n, kind, 1.5, {"percent": value}]
        rows.append(Row(record, len(encode_msgpack(record))))
        n = rows[-1].last + 1
    return rows


def named(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


@given(st.lists(st.one_of(metric, metric, lines, other), max_size=30))
def test_merging_changes_nothing_but_the_form(items: list[tuple[str, Any, Any]]) -> None:
    records = merge(rows_of(items))
    # The server's own check takes them as they are.
    check(Batch(1, "sdk-1", [Record(r["n"], r["type"], r["data"], r["time"], r["count"]) for r in records]))
    again: list[tuple[str, Any, Any]] = []
    for record in records:
        data = record["data"]
        if record["type"] == "run.metrics":
            for place, step in enumerate(data["step"]):
                row = {key: column[place] for key, column in data["values"].items() if column[place] is not None}
                again.append(("m", step, row))
        elif record["type"] == "run.log":
            again += [("run.log", None, line["text"]) for line in data["lines"]]
        else:
            again.append((record["type"], None, data["percent"]))
    expected: list[tuple[str, Any, Any]] = []
    for kind, step, value in items:
        if kind == "m":
            expected.append((kind, step, {key: named(one) for key, one in value.items()}))
        elif kind == "run.log":
            expected += [(kind, None, text) for text in value]
        else:
            expected.append((kind, None, value))
    assert again == expected


def test_neighbours_travel_as_one_record() -> None:
    items = [("m", step, {"a": 1.0}) for step in range(5000)]
    records = merge(rows_of([*items, ("run.progress", None, 1.0), ("m", 1, {"b": 2.0})]))
    assert [(record["n"], record["count"]) for record in records] == [
        (1, 2000), (2001, 2000), (4001, 1000), (5001, 1), (5002, 1),
    ]  # fmt: skip


def test_a_tail_follows_a_file_that_grows_and_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    tail = Tail(path, "sdk-1")
    assert not tail.read()
    for step in range(1, 30_001):
        writer.row(step, {"loss": 1.0})
        if step % 1000 == 0:
            tail.read()
    writer.close()
    seen: list[int] = []
    while tail.read() or tail.pending:
        rows = tail.batch()
        assert sum(row.count for row in rows) <= 10_000
        seen += [row.n for row in rows]
        tail.acknowledge(rows[-1].last)
    assert seen == list(range(1, 30_001))
    assert tail.metrics_seen
    tail.close()


def test_a_tail_begins_after_what_the_server_has_and_goes_back_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    for step in range(1, 101):
        writer.row(step, {"loss": 1.0})
    writer.close()
    tail = Tail(path, "sdk-1", after=40)
    tail.read()
    assert [row.n for row in tail.batch()] == list(range(41, 101))
    tail.acknowledge(90)
    tail.rewind(11)
    assert [row.n for row in tail.batch()] == list(range(11, 101))
    assert [row.n for row in tail.batch(upto=20)] == list(range(11, 21))
    assert not tail.broken
    tail.rewind(102)
    assert tail.broken
    tail.close()


def test_a_record_larger_than_a_chunk_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    writer.row(1, {"a": 1.0})
    writer.record("run.log", {"lines": [{"text": "x" * 700_000}]})
    writer.row(2, {"a": 1.0})
    tail = Tail(path, "sdk-1")
    tail.read()
    tail.read()
    assert [row.n for row in tail.pending] == [1, 2, 3]
    writer.close()
    tail.close()


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize("cut", [1, 5, 9, 20])
def test_half_a_record_is_not_there_yet(tmp_path: Path, cut: int, rows: int) -> None:
    path = tmp_path / "sdk-1.spool"
    writer = SpoolWriter(path)
    for step in range(1, rows + 1):
        writer.row(step, {"a": 1.0})
    writer.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    tail = Tail(path, "sdk-1")
    tail.read()
    assert [row.n for row in tail.pending] == list(range(1, rows))
    path.write_bytes(whole)
    tail.read()
    assert [row.n for row in tail.pending] == list(range(1, rows + 1))
    tail.close()


def test_packed_rows_are_read_as_they_come_and_again(tmp_path: Path) -> None:
    path = tmp_path / "sdk-1.spool"
    writer, tail = SpoolWriter(path), Tail(path, "sdk-1")
    for step in range(10):
        writer.row(step, {"a": step / 4, "b": step})
        tail.read()
    writer.row(10, {"c": 1.0})
    writer.row(11, {"a": 0.5, "b": 1})
    writer.close()
    tail.read()
    expected = [(step, {"a": step / 4, "b": step}) for step in range(10)] + [(10, {"c": 1.0}), (11, {"a": 0.5, "b": 1})]
    assert [(row.step, row.data) for row in tail.pending] == expected
    tail.rewind(5)
    assert [(row.step, row.data) for row in tail.pending] == expected[4:]
    tail.close()
