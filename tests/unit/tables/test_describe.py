"""The preview of a table."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from pulsetrain.tables.describe import Description, describe
from pulsetrain.tables.read import read_table


def described(folder: Path, text: str) -> Description:
    path = folder / "table.csv"
    path.write_text(text)
    return describe(read_table(path))


def test_figures_of_each_kind(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1)
    lines = [
        f"{row},{row / 4},{'xyz'[row % 3]},{(start + timedelta(days=row)).date()},{row % 2 == 0},{'NA' if row else 5}"
        for row in range(60)
    ]
    table = described(tmp_path, "\n".join(["i,n,c,d,b,m", *lines]))
    i, n, c, d, b, m = table.columns
    assert (table.rows, len(table.first_rows), table.first_rows[1][:3]) == (60, 10, [1, 0.25, "y"])
    assert (i.kind, i.min, i.max, i.mean, i.unique, i.quartiles) == ("integer", 0, 59, 29.5, 60, (14.75, 29.5, 44.25))
    assert i.std == pytest.approx(17.464, abs=1e-3)
    assert i.histogram is not None
    assert (i.histogram.counts, i.histogram.edges[:2]) == ([3] * 20, [-0.5, 2.5])
    assert n.histogram is not None
    assert (len(n.histogram.edges), sum(n.histogram.counts)) == (21, 60)
    assert [(top.value, top.count) for top in c.top] == [("x", 20), ("y", 20), ("z", 20)]
    assert (c.min, c.mean, c.histogram) == (None, None, None)
    assert (d.kind, d.min, d.max) == ("datetime", "2024-01-01T00:00:00", "2024-02-29T00:00:00")
    assert d.histogram is not None
    assert d.histogram.edges[0] == 1704067200.0
    assert [(top.value, top.count) for top in b.top] == [(False, 30), (True, 30)]
    assert (m.missing, m.unique, m.kind) == (59, 1, "integer")
    assert list(table.series) == ["i", "n", "m"]
    assert table.series["i"] == list(range(10, 60))
    assert table.series["m"] == [None] * 50
    assert table.index is not None
    assert (table.index.name, table.index.values[-1]) == ("d", "2024-02-29T00:00:00")


def test_the_first_five_numeric_columns_are_plotted(tmp_path: Path) -> None:
    table = described(tmp_path, "a,b,c,d,e,f,g\nx,1,2,3,4,5,6\ny,2,3,4,5,6,7\n")
    assert list(table.series) == ["b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    "column",
    [["1e308", "-1e308"], ["1", "1.0000000000000002"], ["9223372036854775807", "-9223372036854775808"], ["", ""]],
)
def test_figures_at_the_edge_of_what_numbers_hold(column: list[str], tmp_path: Path) -> None:
    table = described(tmp_path, "a,b\n" + "".join(f"{cell},{row}\n" for row, cell in enumerate(column)))
    body = msgspec.json.encode(table)
    assert b"null" in body
    for edges in (found.histogram.edges for found in table.columns if found.histogram):
        assert edges == sorted(set(edges))


def test_a_process_of_its_own_answers_in_json(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("a,b\n1,2\n3,4\n")
    bad.write_text("a,b\n1\n")
    answers = [
        msgspec.json.decode(subprocess.check_output([sys.executable, "-m", "pulsetrain.tables", str(path)]))
        for path in (good, bad)
    ]
    assert answers[0]["table"]["rows"] == 2
    assert "Row 1 (line 2) has 1 field" in answers[1]["problem"]
