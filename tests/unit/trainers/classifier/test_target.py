"""Which column is suggested, and what kind of task it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pulsetrain.model.errors import BadParameters, BadTable, PulsetrainError
from pulsetrain.tables.read import Table, read_table
from pulsetrain.trainers.classifier.target import Suggestion, suggest_target, task_of

ROWS = range(60)


def table(folder: Path, **columns: list[Any]) -> Table:
    pl.DataFrame(columns, strict=False).write_csv(folder / "x.csv")
    return read_table(folder / "x.csv")


SIZE = [row * 1.5 for row in ROWS]
COLOUR = [("red", "green", "blue")[row % 3] for row in ROWS]
NAME = [f"person {row}" for row in ROWS]
DAY = [f"2026-01-{1 + row % 28:02}" for row in ROWS]


@pytest.mark.parametrize(
    ("columns", "name", "reason"),
    [
        ({"size": SIZE, "Survived": COLOUR, "age": SIZE}, "Survived", "'survived' is what such a column"),
        ({"price": SIZE, "label": COLOUR}, "label", "'label' is what"),
        ({"size": SIZE, "colour": COLOUR}, "colour", "last column"),
        ({"colour": COLOUR, "size": SIZE}, "size", "last column"),
        ({"colour": COLOUR, "size": SIZE, "name": NAME}, "colour", "few classes"),
        ({"colour": COLOUR, "day": DAY, "row": list(ROWS)}, "colour", "few classes"),
        ({"size": SIZE, "other": SIZE, "day": DAY}, "other", "varies"),
        ({"size": SIZE, "label": ["same"] * 60}, "size", "varies"),
    ],
)
def test_a_target_is_suggested_with_its_reason(tmp_path: Path, columns: Any, name: str, reason: str) -> None:
    suggestion = suggest_target(table(tmp_path, **columns))
    assert suggestion == Suggestion(name, suggestion.reason)
    assert reason in suggestion.reason


def test_where_nothing_can_be_predicted_nothing_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="No column"):
        suggest_target(table(tmp_path, name=NAME, day=DAY, row=list(ROWS), unit=["kg"] * 60))


@pytest.mark.parametrize(
    ("values", "wanted", "task"),
    [
        (COLOUR, "automatic", "classification"),
        (SIZE, "automatic", "regression"),
        ([row % 2 for row in ROWS], "automatic", "classification"),
        ([row % 2 for row in ROWS], "prediction", "regression"),
        ([row % 30 for row in ROWS], "automatic", "regression"),
        ([row % 30 for row in ROWS], "classification", "classification"),
        (["true", "false"] * 30, "automatic", "classification"),
    ],
)
def test_the_task_follows_the_target(tmp_path: Path, values: list[Any], wanted: Any, task: str) -> None:
    found = table(tmp_path, x=values)
    assert task_of(found.frame["x"], found.kinds["x"], wanted)[0] == task


@pytest.mark.parametrize(
    ("values", "wanted", "kind", "said"),
    [
        (COLOUR, "prediction", BadParameters, "holds no numbers"),
        (["true", "false"] * 30, "prediction", BadParameters, "holds no numbers"),
        (DAY, "automatic", BadTable, "holds dates"),
        ([7] * 60, "automatic", BadTable, "one value alone"),
        ([None] * 60, "automatic", BadTable, "no values"),
        ([float(row) + 0.5 for row in range(200)], "classification", BadParameters, "200 different values"),
        ([f"person {row}" for row in range(200)], "automatic", BadParameters, "200 different values"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_refused(
    tmp_path: Path, values: list[Any], wanted: Any, kind: type[PulsetrainError], said: str
) -> None:
    found = table(tmp_path, x=values, y=list(range(len(values))))
    with pytest.raises(kind, match=said) as refused:
        task_of(found.frame["x"], found.kinds["x"], wanted)
    assert refused.value.hint
