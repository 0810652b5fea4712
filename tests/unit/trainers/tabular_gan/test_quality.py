from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from pulsetrain.trainers.tabular_gan import quality
from pulsetrain.trainers.tabular_gan.learners import default_target, shuffled
from pulsetrain.trainers.tabular_gan.pairs import association


@pytest.fixture(scope="module")
def real() -> pl.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=1200)
    kind = np.where(x + 0.3 * random.normal(size=1200) > 0.7, "high", "low")
    y = 3 * x + random.normal(size=1200)
    y[::9] = np.nan
    day = pl.Series((20000 + 10 * x).astype(int), dtype=pl.Int32).cast(pl.Date)
    return pl.DataFrame({"x": x, "y": y, "day": day, "unit": ["kg"] * 1200, "kind": kind}).with_columns(
        pl.col("y").fill_nan(None)
    )


def reported(real: pl.DataFrame, synthetic: pl.DataFrame, **options: Any) -> dict[str, Any]:
    report = quality.report(real[:900], real[900:], synthetic, **options)
    assert msgspec.json.decode(msgspec.json.encode(report)) == report, "it is plain JSON, without NaN"
    return report


def test_real_rows_are_the_ceiling_and_shuffled_columns_the_floor(real: pl.DataFrame) -> None:
    ceiling = reported(real, real[:900])
    floor = reported(real, shuffled(real[:900], 0))
    assert floor["utility"]["target"] == "kind"
    assert (floor["utility"]["task"], floor["utility"]["metric"]) == ("classification", "F1")
    assert floor["utility"]["synthetic"] == pytest.approx(floor["utility"]["shuffled"], abs=0.15)
    assert ceiling["utility"]["synthetic"] == ceiling["utility"]["real"] > 0.8
    assert ceiling["detection"]["auc"] < 0.6 < 0.85 < floor["detection"]["auc"]
    assert ceiling["correlation"]["mean_absolute_difference"] < 0.05
    assert floor["correlation"]["mean_absolute_difference"] > 0.3
    assert ceiling["duplicates"]["share"] == 1
    assert ceiling["overall"] > floor["overall"] + 0.3
    for report in (ceiling, floor):
        assert all(column["similarity"] > 0.9 for column in report["columns"]), "shuffling keeps each distribution"


def test_each_column_says_what_it_shows(real: pl.DataFrame) -> None:
    columns = {column["name"]: column for column in reported(real, real[:900])["columns"]}
    assert {name: column["kind"] for name, column in columns.items()} == {
        "x": "continuous",
        "y": "continuous",
        "day": "datetime",
        "unit": "categorical",
        "kind": "categorical",
    }
    assert columns["kind"]["measure"] == "1 − TV"
    assert columns["kind"]["real"]["values"] == ["low", "high"]
    assert columns["x"]["measure"] == "1 − KS"
    for name in ("x", "day"):
        shown = columns[name]["real"]
        assert len(shown["edges"]) == len(shown["share"]) + 1
        assert sum(shown["share"]) == pytest.approx(1)
    assert sum(columns["y"]["real"]["share"]) == pytest.approx(real["y"].count() / real.height)


def test_a_number_can_be_the_target(real: pl.DataFrame) -> None:
    utility = reported(real, real[:900], target="y")["utility"]
    assert (utility["task"], utility["metric"]) == ("regression", "R²")
    assert utility["real"] > 0.7 > 0.2 > utility["shuffled"]


def test_what_cannot_be_known_is_null(real: pl.DataFrame) -> None:
    alone = reported(real.select("kind"), real.select("kind")[:900])
    assert alone["correlation"] is None
    assert alone["utility"] is None
    assert alone["notes"]
    unit = reported(real, real[:900])["correlation"]
    place = unit["columns"].index("unit")
    assert unit["real"][place][0] is None


def test_a_synthetic_table_of_one_value_everywhere_is_judged_too(real: pl.DataFrame) -> None:
    same = pl.concat([real[:1]] * 900)
    report = reported(real, same)
    assert report["detection"]["auc"] > 0.95
    assert report["utility"]["synthetic"] <= report["utility"]["real"]


def test_missing_counts_as_a_value() -> None:
    some = pl.Series("x", [1.0, None, None, None])
    none = pl.Series("x", [1.0, 1.0, 1.0, 1.0])
    assert quality.compare(some, none, "continuous")["similarity"] == pytest.approx(0.25)
    texts = quality.compare(some.cast(pl.String), none.cast(pl.String), "categorical")
    assert texts["similarity"] == pytest.approx(0.25)
    assert "(missing)" in texts["real"]["values"]


def test_association_of_each_pair_of_kinds() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=2000)
    frame = pl.DataFrame({"x": x, "minus": -x, "sign": np.where(x > 0, "+", "-"), "same": np.where(x > 0, "p", "m")})
    levels: dict[str, list[str | None]] = {"sign": ["+", "-"], "same": ["p", "m"]}
    matrix = association(frame, frame.columns, levels)
    assert matrix[0, 1] == pytest.approx(-1)
    assert matrix[0, 2] == pytest.approx(np.sqrt(2 / np.pi), abs=0.03)
    assert matrix[2, 3] == pytest.approx(1)
    assert np.array_equal(matrix, matrix.T)


def test_the_target_is_the_last_category_else_the_last_column() -> None:
    assert default_target({"a": "categorical", "b": "continuous"}) == "a"
    assert default_target({"a": "continuous", "b": "continuous"}) == "b"
