"""Tables as they come: each is either learnt from to the end, or refused with a reason that names what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from pulsetrain.model.errors import BadTable, PulsetrainError
from pulsetrain.model.report import Bars, Block, Histogram, Lines, Matrix, Report, Scatter, Table
from pulsetrain.trainers.classifier import train
from pulsetrain.trainers.classifier.predict import load

Start = Callable[..., Any]
Columns = dict[str, Any]
ROWS = 60
COLOUR = [("red", "green")[row % 2] for row in range(ROWS)]
SIZE = [row * 1.5 + 5 * (row % 2) for row in range(ROWS)]


def holes(values: list[Any], every: int) -> list[Any]:
    return [None if place % every == 0 else value for place, value in enumerate(values)]


def write(path: Path, columns: Columns) -> Path:
    pl.DataFrame(columns, strict=False).write_csv(path)
    return path


NASTY: dict[str, Columns] = {
    "missing values everywhere": {
        "a": holes(SIZE, 2),
        "b": holes(COLOUR, 3),
        "c": holes([f"2026-01-{1 + row % 28:02}" for row in range(ROWS)], 4),
        "d": holes([row % 3 == 0 for row in range(ROWS)], 2),
        "target": holes(COLOUR, 7),
    },
    "constant, empty and doubled columns": {
        "a": SIZE,
        "a again": SIZE,
        "unit": ["kg"] * ROWS,
        "nothing": [None] * ROWS,
        "almost constant": [None, *["kg"] * (ROWS - 1)],
        "target": COLOUR,
    },
    "ten rows": {"a": [float(row) for row in range(10)], "b": list("xyxyxyxyxy"), "target": list("nynynynyny")},
    "ten rows of numbers": {"a": [row * 2.5 for row in range(10)], "target": [row * 3.25 for row in range(10)]},
    "a category of very many levels": {"a": [f"k{row % 45}" for row in range(120)], "target": list("yn") * 60},
    "dates": {
        "day": [f"2025-{1 + row % 12:02}-{1 + row % 28:02} {row % 24:02}:30:00" for row in range(ROWS)],
        "other": [f"{1 + row % 28:02}.{1 + row % 12:02}.2025" for row in range(ROWS)],
        "target": COLOUR,
    },
    "names in unicode": {
        "größe": SIZE,
        "色": [("赤", "緑", 'a,"b"\n')[row % 3] for row in range(ROWS)],
        "c0.year": SIZE[::-1],
        "prediction": [row % 7 for row in range(ROWS)],
        "цель": [("да", "нет")[row % 2] for row in range(ROWS)],
    },
    "words": {
        "said": [f"{('good', 'bad')[row % 2]} and very {('fine', 'poor')[row % 2]} thing {row}" for row in range(ROWS)],
        "target": COLOUR,
    },
    "empty words": {"said": [f"!! ?? .. {'§' * (row + 1)} ,," for row in range(ROWS)], "a": SIZE, "target": COLOUR},
    "enormous numbers": {
        "a": [10.0 ** (row * 5) for row in range(ROWS)],
        "b": [2**62 + row * row for row in range(ROWS)],
        "target": COLOUR,
    },
    "enormous numbers to predict": {"a": SIZE, "target": [1e12 * row**3 + 0.5 for row in range(ROWS)]},
    "infinite numbers": {"a": ["inf" if row % 9 == 0 else str(row * 0.5) for row in range(ROWS)], "target": COLOUR},
    "numbers as classes": {"a": SIZE, "target": [row % 3 for row in range(ROWS)]},
    "true and false": {"a": SIZE, "b": [row % 5 == 0 for row in range(ROWS)], "target": ["True", "FALSE"] * 30},
    "very uneven classes": {"a": SIZE * 5, "target": ["rare" if row % 50 == 0 else "usual" for row in range(300)]},
    "classes of one row": {"a": SIZE, "target": ["once", "twice", "twice", *COLOUR[3:]]},
    "forty classes": {
        "a": [row % 40 + row / 1000 for row in range(240)],
        "target": [f"k{row % 40}" for row in range(240)],
    },
    "more columns than rows": {
        **{f"x{place}": [((row + 1) * (place + 3) * 7919) % 101 for row in range(20)] for place in range(60)},
        "target": list("yn") * 10,
    },
    "numbers that hardly vary": {
        "a": [1e9 + row % 2 * 1e-3 for row in range(ROWS)],
        "b": SIZE,
        "target": [1e9 + row % 7 * 1e-3 for row in range(ROWS)],
    },
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_table_is_learnt_from_to_the_end(start: Start, tmp_path: Path, name: str) -> None:
    data = write(tmp_path / "x.csv", NASTY[name])
    run = start("run")
    target = list(NASTY[name])[-1]
    train(run, data, target=target, folds=2, epochs=10)
    report = msgspec.json.decode((run.dir / "report.json").read_bytes(), type=Report)
    for block in (block for section in report.sections for block in section.blocks):
        can_be_drawn(block)
    model = load(run.dir / "model.zip")
    (answer,) = model.predict(model.input["examples"])
    assert answer["prediction"] is not None
    saved = pl.read_csv(run.dir / "predictions.csv")
    assert saved.width > len(NASTY[name])
    assert saved.height >= 2


def can_be_drawn(block: Block) -> None:
    """Its parts fit together, and there are no more of them than a page draws."""
    match block:
        case Lines():
            assert block.series
            assert all(0 < len(line.x) == len(line.y) <= 400 for line in block.series), block.title
        case Scatter():
            assert 0 < len(block.x) == len(block.y) <= 400, block.title
        case Bars():
            assert len(block.labels) <= 60
            assert all(len(block.labels) == len(bars.values) for bars in block.series), block.title
            assert all(len(bars.errors) in (0, len(bars.values)) for bars in block.series), block.title
        case Matrix():
            assert len(block.values) == len(block.rows) <= 50
            assert all(len(row) == len(block.columns) <= 50 for row in block.values)
        case Histogram():
            assert all(len(one.counts) == len(block.edges) - 1 for one in block.series), block.title
        case Table():
            assert all(len(row) == len(block.columns) for row in block.rows), block.title


def said(start: Start, data: Path, capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    train(start("run"), data, folds=2, epochs=10, families="linear", **options)
    return capsys.readouterr().out


def test_rows_without_a_target_are_named_and_left_out(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colour: list[Any] = list(COLOUR)
    colour[4] = colour[17] = None
    text = said(start, write(tmp_path / "x.csv", {"a": SIZE, "target": colour}), capsys)
    assert "2 rows are without a 'target' and left out: rows 5, 18." in text


def test_rows_of_scarce_classes_are_named_and_left_out(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(start, write(tmp_path / "x.csv", NASTY["classes of one row"]), capsys)
    assert "2 classes have fewer than 5 rows and are left out (once, twice): rows 1, 2, 3." in text


def test_rows_that_come_twice_are_named(start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size, colour = [*SIZE, SIZE[3]], [*COLOUR, COLOUR[3]]
    text = said(start, write(tmp_path / "x.csv", {"a": size, "target": colour}), capsys)
    assert "1 row is the same as an earlier row" in text
    assert "row 61." in text


def test_a_column_that_gives_the_target_away_is_named(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [{"red": "stop", "green": "go"}[colour] for colour in COLOUR]
    text = said(start, write(tmp_path / "x.csv", {"a": SIZE, "told": told, "target": COLOUR}), capsys)
    assert "Column 'told' alone tells the target almost surely." in text


def test_columns_that_tell_nothing_are_admitted_to(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(3)
    data = {"a": random.normal(size=200), "target": [("y", "n")[place] for place in random.integers(0, 2, 200)]}
    text = said(start, write(tmp_path / "x.csv", data), capsys)
    assert "No kind of model beat the baseline" in text or "It has learnt nothing that helps." in text


def test_many_rows_are_sampled_in_proportion(start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = {"a": [row % 91 for row in range(3000)], "target": [("y", "n", "n")[row % 3] for row in range(3000)]}
    text = said(start, write(tmp_path / "x.csv", data), capsys, max_rows=300)
    assert "300 of 3,000 rows were sampled" in text
    assert "195 rows to learn from, 45 to look at while learning, 60 held out" in text


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": SIZE, "target": ["red"] * ROWS}, "one value alone"),
        ({"a": SIZE, "target": [None] * ROWS}, "no values"),
        ({"a": SIZE[:9], "target": COLOUR[:9]}, "9 rows; at least 10"),
        ({"a": SIZE, "target": ["red"] * 57 + ["green"] * 3}, "fewer than two classes with at least 5 rows"),
        ({"a": SIZE, "target": [*COLOUR[:8], *[None] * 52]}, "are needed"),
        ({"a": SIZE, "target": [f"2026-01-{1 + row % 28:02}" for row in range(ROWS)]}, "holds dates"),
        ({"unit": ["kg"] * ROWS, "row": list(range(ROWS)), "target": COLOUR}, "'row': it numbers the rows"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused(
    start: Start, tmp_path: Path, columns: Columns, said: str
) -> None:
    run = start("run")
    with pytest.raises(PulsetrainError, match=said):
        train(run, write(tmp_path / "x.csv", columns), target="target")
    assert not run.metrics


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b\n1,2\n3\n" * 9, "\x00\x01\x02"])
def test_a_file_that_is_no_table_is_refused(start: Start, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(BadTable):
        train(start("run"), tmp_path / "x.csv")
