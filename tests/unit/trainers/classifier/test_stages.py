"""Whole trainings on real sample sets: what they say, how good they are, how they stop, go on and are steered."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.model.report import Lines, Matrix, Report, Scatter, Table
from pulsetrain.trainers.classifier import train
from pulsetrain.trainers.classifier.telling import ENDS
from pulsetrain.trainers.classifier.trainer import STAGES

Start = Callable[..., Any]


def report_of(run: Any) -> Report:
    return msgspec.json.decode((run.dir / "report.json").read_bytes(), type=Report)


def figure(run: Any, name: str) -> Any:
    return next(one for one in report_of(run).figures if one.name == name)


def series(run: Any, name: str) -> list[float]:
    return [values[name] for values in run.metrics.values() if name in values]


@pytest.fixture(scope="module")
def cancer(tmp_path_factory: pytest.TempPathFactory, samples: Path, recording_run: type) -> Any:
    run = recording_run(tmp_path_factory.mktemp("cancer"))
    train(run, samples / "breast-cancer.csv", folds=3)
    return run


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory, samples: Path, recording_run: type) -> Any:
    run = recording_run(tmp_path_factory.mktemp("diabetes"))
    train(run, samples / "diabetes.csv", folds=3, families="linear, boosting")
    return run


def test_it_goes_through_the_eight_stages(cancer: Any) -> None:
    names = [
        "Data validation",
        "Data preprocessing",
        "Feature engineering",
        "Model selection",
        "Training model",
        "Model validation",
        "Performance evaluation",
        "Finalizing model",
    ]
    assert names == STAGES
    assert cancer.stages == [(name, place, 8) for place, name in enumerate(names)]
    assert list(ENDS.items()) == list(zip(names, (10, 25, 40, 55, 75, 90, 95, 100), strict=True))
    percents = [one["percent"] for one in cancer.progresses]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    # Each stage begins where the one before ends, and where it has many steps it tells of them.
    assert {0, 10, 25, 40, 55, 75, 90, 95, 100} <= set(percents)
    for low, high in ((25, 40), (40, 55), (55, 75), (90, 95)):
        assert sum(low < percent < high for percent in percents) > 2, (low, high)


def test_the_metrics_that_the_dashboards_read_are_measured(cancer: Any) -> None:
    assert list(cancer.metrics) == list(range(1, len(cancer.metrics) + 1))
    live, made = series(cancer, "live_accuracy"), series(cancer, "predictions_processed")
    assert len(live) > 2
    assert all(0.5 < value <= 1 for value in live)
    assert made == sorted(made)
    assert len(made) == len(cancer.metrics)
    assert series(cancer, "cross_validation_accuracy")[0] > 0.8


def test_predictions_are_counted_one_by_one(start: Start, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulsetrain.trainers.classifier.scores import Asking

    rows = 0
    asked = Asking.ask

    def counted(self: Asking, estimator: Any, asked_rows: Any) -> Any:
        nonlocal rows
        answers = asked(self, estimator, asked_rows)
        rows += len(answers)
        return answers

    monkeypatch.setattr(Asking, "ask", counted)
    run = start("run")
    train(run, samples / "iris.csv", families="linear", folds=2, epochs=20)
    made = series(run, "predictions_processed")
    assert made[-1] == rows
    # One fold of the cross-validation asks for its judging rows: half of the 96 training rows.
    assert made[0] == 48


def test_the_leaderboard_is_live(cancer: Any) -> None:
    names, rows = cancer.tables["Leaderboard"]
    assert names[:3] == ["Place", "Model", "Log loss"]
    assert [row[0] for row in rows] == [1, 2, 3, 4]
    losses = [row[2] for row in rows]
    assert losses == sorted(losses)
    assert rows[-1][1].startswith("Baseline")
    assert len(cancer.boards) == 3 * 4 + 1
    assert [len(board) for board in cancer.boards[:4]] == [1, 2, 3, 4]


def test_it_tells_the_diagnosis(cancer: Any) -> None:
    """Held-out accuracy at least 0.9, where naming the most frequent class gets 0.63; AUC at least 0.95."""
    accuracy, auc = figure(cancer, "Accuracy"), figure(cancer, "AUC")
    assert 0.55 < accuracy.baseline < 0.7
    assert accuracy.value >= 0.9
    assert auc.value >= 0.95
    assert figure(cancer, "Log loss").value < 0.5 * figure(cancer, "Log loss").baseline
    assert "95 % interval by bootstrap" in accuracy.help
    assert series(cancer, "accuracy") == [accuracy.value]


def test_it_tells_the_grower_of_a_wine(start: Start, samples: Path) -> None:
    """Held-out accuracy at least 0.9, where naming the most frequent class gets 0.4."""
    run = start("run")
    train(run, samples / "wine.csv", folds=3)
    accuracy = figure(run, "Accuracy")
    assert accuracy.value >= 0.9
    assert accuracy.baseline < 0.45


def test_it_foretells_the_progress_of_a_disease(diabetes: Any) -> None:
    """Held-out R² at least 0.35, where the mean gets 0; published for linear models: 0.4 to 0.5."""
    assert figure(diabetes, "R²").value >= 0.35
    error = figure(diabetes, "Typical error (RMSE)")
    assert error.value < 0.8 * error.baseline
    assert 0.8 <= figure(diabetes, "Inside the interval").value <= 1
    assert series(diabetes, "r2") == [figure(diabetes, "R²").value]
    assert len(series(diabetes, "live_accuracy")) > 2, "R² on the validation rows as it grows"


def test_the_report_has_its_plots(cancer: Any, diabetes: Any) -> None:
    report = report_of(cancer)
    blocks = {block.title: block for section in report.sections for block in section.blocks}
    assert {
        "Confusion matrix",
        "Figures of each class",
        "ROC",
        "Precision and recall",
        "Calibration",
        "Permutation importance",
        "What each column tells alone",
        "Leaderboard",
        "Accuracy as it grew",
        "Columns",
    } <= set(blocks)
    matrix = blocks["Confusion matrix"]
    assert isinstance(matrix, Matrix)
    counts = [[value or 0 for value in row] for row in matrix.values]
    right = sum(counts[place][place] for place in range(2))
    assert sum(map(sum, counts)) == 113
    assert right / 113 == pytest.approx(figure(cancer, "Accuracy").value)
    curve = blocks["ROC"]
    assert isinstance(curve, Lines)
    assert all(len(line.x) == len(line.y) <= 400 for line in curve.series)
    regression = {block.title: block for section in report_of(diabetes).sections for block in section.blocks}
    assert {"Predicted against real", "Residuals", "Errors", "Largest errors"} <= set(regression)
    points = regression["Predicted against real"]
    assert isinstance(points, Scatter)
    assert points.diagonal and len(points.x) == len(points.y) == 88


def test_importance_finds_what_decides(start: Start, tmp_path: Path) -> None:
    rows = range(400)
    pl.DataFrame(
        {
            "noise": [(row * 7919) % 101 for row in rows],
            "deciding": [(row * 31) % 97 for row in rows],
            "other noise": [(row * 104729) % 89 for row in rows],
            "answer": ["high" if (row * 31) % 97 > 48 else "low" for row in rows],
        }
    ).write_csv(tmp_path / "x.csv")
    run = start("run")
    train(run, tmp_path / "x.csv", target="answer", families="boosting", folds=2, epochs=30)
    report = report_of(run)
    bars = next(b for s in report.sections for b in s.blocks if b.title == "Permutation importance")
    assert bars.labels[0] == "deciding"  # type: ignore[union-attr]
    assert run.tables["Features"][1][0][0] == "deciding"
    assert figure(run, "Accuracy").value > 0.95


def test_the_held_out_rows_are_left_with_their_predictions(cancer: Any) -> None:
    rows = pl.read_csv(cancer.dir / "predictions.csv")
    assert rows.height == 113
    right = (rows["prediction"] == rows["diagnosis"]).mean()
    assert right == pytest.approx(figure(cancer, "Accuracy").value)
    assert rows["confidence"].min() > 0.49  # type: ignore[operator]
    assert cancer.artifacts == {
        "checkpoint.zip": "checkpoint",
        "predictions.csv": "data",
        "report.json": "report",
        "model.zip": "model",
    }


FAMILIES_TO_RESUME = ["linear", "boosting", "forest", "network"]


@pytest.mark.parametrize("family", FAMILIES_TO_RESUME)
def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(start: Start, samples: Path, family: str) -> None:
    """To the last digit: metrics, predictions and their count, whichever kind of model grows."""
    options: dict[str, Any] = {"families": family, "folds": 3, "epochs": 24, "seed": 5, "patience": 0}
    data = samples / "wine.csv"
    whole = start("whole")
    train(whole, data, **options)
    looks = len(series(whole, "live_accuracy"))
    assert looks >= 2

    first = start("first")
    first.stop_when = lambda run: len(series(run, "live_accuracy")) == looks // 2
    train(first, data, **options)
    assert first.artifacts == {"checkpoint.zip": "checkpoint"}
    assert first.stages[-1][0] == "Training model"

    second = start("second", checkpoint=first.dir / "checkpoint.zip")
    train(second, data, **options)
    assert not set(first.metrics) & set(second.metrics)
    assert first.metrics | second.metrics == whole.metrics
    assert (second.dir / "predictions.csv").read_bytes() == (whole.dir / "predictions.csv").read_bytes()


def test_a_training_stopped_after_its_best_moment_still_ends_with_it(start: Start, samples: Path) -> None:
    options: dict[str, Any] = {"families": "boosting", "folds": 2, "epochs": 150, "patience": 0}
    data = samples / "diabetes.csv"
    whole = start("whole")
    train(whole, data, **options)
    losses = series(whole, "validation_loss")
    best = losses.index(min(losses))
    assert best < len(losses) - 4, "it learns by heart after that"
    first = start("first")
    first.stop_when = lambda run: len(series(run, "live_accuracy")) == best + 3
    train(first, data, **options)
    second = start("second", checkpoint=first.dir / "checkpoint.zip")
    train(second, data, **options)
    assert (second.dir / "predictions.csv").read_bytes() == (whole.dir / "predictions.csv").read_bytes()


def test_a_training_stopped_while_it_chooses_goes_on_there(start: Start, samples: Path) -> None:
    options: dict[str, Any] = {"families": "linear, forest", "folds": 3, "epochs": 20}
    data = samples / "iris.csv"
    whole = start("whole")
    train(whole, data, **options)
    first = start("first")
    first.stop_when = lambda run: len(run.metrics) == 3
    train(first, data, **options)
    assert first.stages[-1][0] == "Model selection"
    second = start("second", checkpoint=first.dir / "checkpoint.zip")
    train(second, data, **options)
    assert first.metrics | second.metrics == whole.metrics
    times = {
        name: board[1]
        for name, board in (("whole", whole.tables["Leaderboard"]), ("second", second.tables["Leaderboard"]))
    }
    assert [row[:-1] for row in times["second"]] == [row[:-1] for row in times["whole"]], "all but the seconds"


@pytest.mark.parametrize("stage", STAGES)
def test_it_stops_in_every_stage(start: Start, samples: Path, stage: str) -> None:
    run = start("run")
    run.stop_when = lambda run: bool(run.stages) and run.stages[-1][0] == stage
    train(run, samples / "iris.csv", families="linear", folds=2, epochs=10)
    assert run.stages[-1][0] == stage
    assert "model.zip" not in run.artifacts
    # Before the first trial there is nothing to keep.
    assert ("checkpoint.zip" in run.artifacts) == (STAGES.index(stage) > STAGES.index("Model selection"))


def test_an_attempt_that_died_goes_on_from_its_own_checkpoint(start: Start, samples: Path) -> None:
    first = start("run")
    first.stop_when = lambda run: len(series(run, "live_accuracy")) == 1
    train(first, samples / "iris.csv", families="forest", folds=2, epochs=40)
    second = start("run")
    train(second, samples / "iris.csv", families="forest", folds=2, epochs=40)
    assert min(second.metrics) == max(first.metrics) + 1
    assert len(series(second, "live_accuracy")) == 3


def test_more_epochs_go_on_where_a_finished_training_ended(start: Start, samples: Path) -> None:
    first = start("first")
    train(first, samples / "iris.csv", families="forest", folds=2, epochs=20)
    second = start("second", checkpoint=first.dir / "checkpoint.zip")
    train(second, samples / "iris.csv", families="forest", folds=2, epochs=40)
    whole = start("whole")
    train(whole, samples / "iris.csv", families="forest", folds=2, epochs=40)
    assert series(second, "live_accuracy") == series(whole, "live_accuracy")[2:]
    assert (second.dir / "predictions.csv").read_bytes() == (whole.dir / "predictions.csv").read_bytes()


def test_a_checkpoint_of_something_else_is_refused(start: Start, samples: Path, cancer: Any, tmp_path: Path) -> None:
    data, checkpoint = samples / "breast-cancer.csv", cancer.dir / "checkpoint.zip"
    with pytest.raises(BadParameters, match="other data"):
        train(start("a", checkpoint=checkpoint), samples / "wine.csv", folds=3)
    # With another seed it would be judged by rows that it has learnt from.
    with pytest.raises(BadParameters, match="seed=0"):
        train(start("b", checkpoint=checkpoint), data, folds=3, seed=1)
    for wrong in ("model.zip", "report.json"):
        with pytest.raises(BadParameters, match="not a checkpoint"):
            train(start("c", checkpoint=cancer.dir / wrong), data, folds=3)


def test_epochs_and_the_learning_rate_are_steered_while_it_grows(start: Start, samples: Path) -> None:
    run = start("run")
    options: dict[str, Any] = {"families": "boosting", "folds": 2, "epochs": 1000, "patience": 0}

    def steer(run: Any) -> bool:
        if len(series(run, "live_accuracy")) == 2:
            run.values = {"epochs": 20, "learning_rate": 0.9}
        return False

    run.stop_when = steer
    train(run, samples / "iris.csv", **options)
    assert len(series(run, "live_accuracy")) == 4, "20 rounds by 5, not 1000"
    plain = start("plain")
    train(plain, samples / "iris.csv", **{**options, "epochs": 20})
    ours, theirs = series(run, "training_loss"), series(plain, "training_loss")
    assert ours[:2] == theirs[:2]
    assert ours[2] < theirs[2], "the larger rate took effect"


def test_it_stops_early_at_its_best(start: Start, samples: Path) -> None:
    run = start("run")
    train(run, samples / "diabetes.csv", families="boosting", folds=2, epochs=500, patience=5)
    losses = series(run, "validation_loss")
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 5
    assert f"The final model has {5 * (best + 1)} rounds." in json.dumps(msgspec.to_builtins(report_of(run)))


def test_it_can_be_asked_while_it_grows(start: Start, samples: Path) -> None:
    for name, columns in (("wine.csv", ["Real", "Predicted", "How sure"]), ("diabetes.csv", ["Real", "Predicted"])):
        run = start(name)

        def ask(run: Any) -> bool:
            looks = len(series(run, "live_accuracy"))
            if looks == 1 and not run.tables.get("Samples"):
                assert set(run.actions) == {"checkpoint", "evaluate", "sample"}
                for action in run.actions.values():
                    action()
                assert run.artifacts == {"checkpoint.zip": "checkpoint"}
            return False

        run.stop_when = ask
        train(run, samples / name, families="linear", folds=2, epochs=20)
        assert run.tables["Samples"][0] == columns
        assert len(run.tables["Samples"][1]) == 10
        (evaluation,) = run.tables["Evaluation"][1]
        assert evaluation[0] == 5
        assert evaluation[1] == series(run, "live_accuracy")[0]


def test_the_seed_decides(start: Start, samples: Path) -> None:
    found = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        run = start(name)
        train(run, samples / "iris.csv", families="forest", folds=2, epochs=10, seed=seed)
        found.append((run.dir / "predictions.csv").read_bytes())
    assert found[0] == found[1] != found[2]


def test_every_kind_of_model_learns_both_tasks(start: Start, samples: Path) -> None:
    from pulsetrain.trainers.classifier.families import FAMILIES

    for name in ("iris.csv", "diabetes.csv"):
        run = start(name)
        train(run, samples / name, families=",".join(FAMILIES), folds=2, epochs=10)
        rows = run.tables["Leaderboard"][1]
        assert len(rows) == len(FAMILIES) + 1
        assert rows[-1][1].startswith("Baseline"), "each beats the baseline"
        assert all(math.isfinite(row[2]) for row in rows)
        leaderboard = next(b for s in report_of(run).sections for b in s.blocks if b.title == "Leaderboard")
        assert isinstance(leaderboard, Table)
        assert leaderboard.rows == rows


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"target": "colour"}, BadParameters, "no column 'colour'"),
        ({"families": "linear, magic"}, BadParameters, "no kind of model 'magic'"),
        ({"leave_out": "size"}, BadParameters, "no column 'size'"),
        ({"leave_out": "species"}, BadParameters, "'species' cannot be left out"),
        ({"task": "prediction"}, BadParameters, "holds no numbers"),
        ({"leave_out": "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm"}, BadTable, "No column is left"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_learnt(
    start: Start, samples: Path, options: dict[str, Any], kind: type[Exception], said: str
) -> None:
    run = start("run")
    with pytest.raises(kind, match=said):
        train(run, samples / "iris.csv", **options)
    assert not run.metrics
