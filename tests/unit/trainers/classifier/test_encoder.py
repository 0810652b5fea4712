"""Columns become numbers, and nothing of the rows that judge gets into what is learnt for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pulsetrain.model.errors import BadTable
from pulsetrain.tables.read import read_table
from pulsetrain.trainers.classifier import selection
from pulsetrain.trainers.classifier.columns import plan_columns
from pulsetrain.trainers.classifier.encoder import Encoder, prepare
from pulsetrain.trainers.classifier.families import FAMILIES
from pulsetrain.trainers.classifier.parts import folds, split, target_of
from pulsetrain.trainers.classifier.scores import Asking

ROWS = 400


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target that is chance, and columns that cannot tell it, among them one that invites to learn by heart."""
    random = np.random.default_rng(0)
    words = ["sun", "rain", "wind", "snow"]
    path = tmp_path_factory.mktemp("noise") / "noise.csv"
    pl.DataFrame(
        {
            "size": random.normal(size=ROWS),
            "city": [f"city {place}" for place in random.integers(0, 120, ROWS)],
            "colour": [("red", "green", None)[place] for place in random.integers(0, 3, ROWS)],
            "day": [f"2026-{1 + row % 12:02}-{1 + row % 28:02}" for row in range(ROWS)],
            "said": [" ".join(words[place] for place in random.integers(0, 4, 4)) + f" {row}" for row in range(ROWS)],
            "member": [bool(place) for place in random.integers(0, 2, ROWS)],
            "target": [("yes", "no")[place] for place in random.integers(0, 2, ROWS)],
        }
    ).write_csv(path)
    return path


def planned(path: Path, target: str = "target") -> tuple[Any, Any, pl.DataFrame]:
    table = read_table(path)
    plan = plan_columns(table, target, [])
    return plan, target_of(table.frame[target], "classification"), prepare(table.frame, plan.features)


def test_each_column_gets_its_form(noise: Path) -> None:
    plan, _, prepared = planned(noise)
    forms = {feature.name: feature.form for feature in plan.features}
    assert forms == {
        "size": "number",
        "city": "many",
        "colour": "category",
        "day": "date",
        "said": "text",
        "member": "flag",
    }
    assert [name for name in prepared.columns if name.startswith("c3.")] == [
        "c3.month",
        "c3.day",
        "c3.weekday",
        "c3.days",
    ]
    assert prepared["c2"].null_count() == 0


def test_chance_stays_chance_under_cross_validation(noise: Path) -> None:
    """Means of the target at each level, learnt from rows that judge too, would tell it: 120 cities for 400 rows."""
    plan, target, prepared = planned(noise)
    pairs = folds(target, np.arange(ROWS), 5, 0)
    competition = selection.Competition(
        prepared, plan.features, target, [FAMILIES["linear"], FAMILIES["forest"]], Asking("classification"), 0
    )
    trials = list(competition.trials(pairs, [], lambda: None))
    for standing in selection.standings(trials):
        assert standing.quality is not None
        assert abs(standing.quality - 0.5) < 0.12, standing


def test_each_number_of_a_row_belongs_to_one_feature(noise: Path) -> None:
    plan, target, prepared = planned(noise)
    holes = prepared.with_columns(
        pl.when(pl.int_range(pl.len()) % 7 == 0).then(float("nan")).otherwise("c0").alias("c0")
    )
    encoder = Encoder(plan.features, "classification", 2, 0)
    before = encoder.fit(holes, target.numbers)
    blocks = encoder.blocks()
    assert sorted(place for block in blocks for place in block) == list(range(before.shape[1]))
    assert [len(block) for block in blocks] == [2, 1, 3, 4, 40, 1]
    for place in range(len(blocks)):
        names = [name for name in holes.columns if name.split(".")[0] == f"c{place}"]
        mixed = holes.with_columns(holes[name].reverse().alias(name) for name in names)
        changed = np.flatnonzero((encoder.encode(holes) != encoder.encode(mixed)).any(axis=0))
        assert changed.size and set(changed.tolist()) <= set(blocks[place])


def test_a_row_is_not_told_its_own_target(noise: Path) -> None:
    """A level's mean of the target holds the row's own, where few rows share the level: a model would trust in it."""
    plan, target, prepared = planned(noise)
    encoder = Encoder(plan.features, "classification", 2, 0)
    learnt = encoder.fit(prepared, target.numbers)[:, encoder.blocks()[1]]
    by_heart = encoder.encode(prepared)[:, encoder.blocks()[1]]
    assert abs(np.corrcoef(learnt[:, 0], target.numbers)[0, 1]) < 0.25
    assert np.corrcoef(by_heart[:, 0], target.numbers)[0, 1] > 0.4, "what it would be told otherwise"


def test_no_encoder_sees_a_row_that_judges(noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, target, prepared = planned(noise)
    numbered = prepared.with_row_index("row")
    seen: list[set[int]] = []

    class Watched(Encoder):
        def fit(self, rows: pl.DataFrame, target: Any) -> Any:
            seen.append(set(rows["row"]))
            return super().fit(rows, target)

    monkeypatch.setattr(selection, "Encoder", Watched)
    parts = split(target, np.arange(ROWS), 0)
    pairs = folds(target, parts.train, 4, 0)
    competition = selection.Competition(
        numbered, plan.features, target, [FAMILIES["linear"]], Asking("classification"), 0
    )
    list(competition.trials(pairs, [], lambda: None))
    assert len(seen) == len(pairs) == 4
    for rows, (learn, judge) in zip(seen, pairs, strict=True):
        assert rows == set(learn.tolist())
        assert not rows & set(judge.tolist())
        assert not rows & set(parts.test.tolist())
        assert not rows & set(parts.validation.tolist())
    assert set().union(*(judge.tolist() for _, judge in pairs)) == set(parts.train.tolist())


def test_what_is_learnt_depends_on_training_rows_alone(noise: Path) -> None:
    plan, target, prepared = planned(noise)
    learn = np.arange(0, 200)
    encoder = Encoder(plan.features, "classification", 2, 0)
    encoder.fit(prepared[learn], target.numbers[learn])
    changed = prepared.with_columns(
        pl.when(pl.int_range(pl.len()) < 200).then(pl.col("c0")).otherwise(1e6).alias("c0"),
        pl.when(pl.int_range(pl.len()) < 200).then(pl.col("c1")).otherwise(pl.lit("elsewhere")).alias("c1"),
    )
    other = Encoder(plan.features, "classification", 2, 0)
    other.fit(changed[learn], target.numbers[learn])
    assert np.array_equal(encoder.encode(prepared[learn]), other.encode(prepared[learn]))
    assert "elsewhere" not in other.transformer.named_transformers_["means"].categories_[0]


def test_rows_are_set_apart_once(noise: Path) -> None:
    _, target, _ = planned(noise)
    parts = split(target, np.arange(ROWS), 3)
    rows = [*parts.train, *parts.validation, *parts.test]
    assert sorted(rows) == list(range(ROWS))
    for part in (parts.train, parts.validation, parts.test):
        share = target.numbers[part].mean()
        assert abs(share - target.numbers.mean()) < 0.03, "each class in proportion"
    again, other = split(target, np.arange(ROWS), 3), split(target, np.arange(ROWS), 4)
    assert np.array_equal(parts.test, again.test)
    assert not np.array_equal(parts.test, other.test)


def test_unseen_levels_and_holes_are_taken(noise: Path) -> None:
    plan, target, prepared = planned(noise)
    encoder = Encoder(plan.features, "classification", 2, 0)
    encoder.fit(prepared, target.numbers)
    strange = pl.DataFrame({feature.name: [None, "nowhere"] for feature in plan.features}).with_columns(
        pl.lit(None, pl.Float64).alias("size"),
        pl.lit(None, pl.Datetime("us")).alias("day"),
        pl.lit(None, pl.Boolean).alias("member"),
    )
    assert np.isfinite(encoder.encode(prepare(strange, plan.features))).all()


def test_columns_that_cannot_help_are_named_with_their_reason(tmp_path: Path) -> None:
    rows = range(50)
    pl.DataFrame(
        {
            "id": [1000 + 7 * row for row in rows],
            "row": list(rows),
            "unit": ["kg"] * 50,
            "nothing": [None] * 50,
            "name": [f"person{row}" for row in rows],
            "size": [row**2 % 17 for row in rows],
            "size again": [row**2 % 17 for row in rows],
            "answer": [("a", "b")[row % 2] for row in rows],
            "answer too": [("a", "b")[row % 2] for row in rows],
        }
    ).write_csv(tmp_path / "x.csv")
    table = read_table(tmp_path / "x.csv")
    plan = plan_columns(table, "answer", [])
    assert [feature.name for feature in plan.features] == ["size"]
    assert {dropped.name: dropped.why for dropped in plan.dropped} == {
        "id": "it numbers the rows",
        "row": "it numbers the rows",
        "unit": "it has the same value in every row",
        "nothing": "it is empty",
        "name": "it differs in almost every row, as names and identifiers do",
        "size again": "it is 'size' once more",
        "answer too": "it is the target 'answer' once more",
    }
    with pytest.raises(BadTable, match="No column is left"):
        plan_columns(table, "answer", ["size", "size again"])
