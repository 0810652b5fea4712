"""Reading Parquet."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pulsetrain.model.errors import BadTable
from pulsetrain.tables import parquet
from pulsetrain.tables.describe import describe
from pulsetrain.tables.read import read_table


def test_types_of_columns(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "small": pl.Series([1, 2, None], dtype=pl.Int8),
            "huge": pl.Series([1, 2**64 - 1, 3], dtype=pl.UInt64),
            "float": [1.5, float("nan"), float("inf")],
            "yes": [True, False, True],
            "code": ["01", "02", "03"],
            "day": [date(2024, 1, 1), date(2024, 1, 2), None],
            "zone": [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC), None],
            "clock": [time(12), time(13), time(14)],
            "lasts": [timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=3)],
            "price": [Decimal("1.25"), Decimal("2.50"), Decimal("3.75")],
            "enum": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
            "list": [[1, 2], [], [3]],
            "struct": [{"x": 1}, {"x": 2}, None],
            "bytes": [b"abc", b"", b"d"],
            "none": pl.Series([None, None, None], dtype=pl.Null),
        }
    )
    path = tmp_path / "table.parquet"
    frame.write_parquet(path)
    table = read_table(path)
    assert table.kinds == {
        "small": "integer", "huge": "category", "float": "number", "yes": "boolean", "code": "category",
        "day": "datetime", "zone": "datetime", "clock": "category", "lasts": "number", "price": "number",
        "enum": "category", "list": "category", "struct": "category", "bytes": "category", "none": "empty",
    }  # fmt: skip
    assert table.frame["list"].to_list() == ["[1, 2]", "[]", "[3]"]
    assert table.frame["struct"].to_list() == ['{"x": 1}', '{"x": 2}', None]
    assert table.frame["lasts"].to_list() == [1.0, 2.0, 3.0]
    assert table.frame["zone"].to_list()[:2] == [datetime(2024, 1, 1), datetime(2024, 1, 2)]
    assert describe(table).format == "parquet"


def test_what_is_no_parquet_and_what_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    with pytest.raises(BadTable, match="cannot be read as Parquet"):
        read_table(path)
    pl.DataFrame({"a": [1], "b": [2]}).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadTable, match="cannot be read as Parquet"):
        read_table(path)
    pl.DataFrame({"a": []}).write_parquet(path)
    with pytest.raises(BadTable, match="no rows"):
        read_table(path)
    monkeypatch.setattr(parquet, "MAX_CELLS", 100)
    pl.DataFrame({"a": pl.repeat(1, 101, eager=True)}).write_parquet(path)
    with pytest.raises(BadTable, match="101 cells"):
        read_table(path)
