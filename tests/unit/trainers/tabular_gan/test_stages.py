from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.tables.read import read_table
from pulsetrain.trainers.tabular_gan import train
from pulsetrain.trainers.tabular_gan.predict import load
from pulsetrain.trainers.tabular_gan.stages import Stages
from pulsetrain.trainers.tabular_gan.trainer import STAGES, Settings

Start = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, wine: Path, recording_run: type) -> Any:
    """A short training on the wines, to its end."""
    run = recording_run(tmp_path_factory.mktemp("trained"))
    train(run, wine, epochs=30, device="cpu", target="cultivar")
    return run


def test_it_says_what_it_does(trained: Any) -> None:
    assert trained.stages == [(name, index, 4) for index, name in enumerate(STAGES)]
    assert list(trained.metrics) == list(range(1, 31))
    for values in trained.metrics.values():
        assert set(values) == {
            "generator_loss",
            "discriminator_loss",
            "real_scores",
            "fake_scores",
            "rows_per_second",
        }
        assert 0 <= values["fake_scores"] <= values["real_scores"] <= 1
        assert values["rows_per_second"] > 0
    percents = [progress["percent"] for progress in trained.progresses]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    epochs = [progress for progress in trained.progresses if progress.get("rate")]
    assert [progress["epoch"] for progress in epochs] == list(range(1, 31))
    assert all(progress["epochs"] == 30 and progress["unit"] == "rows" for progress in epochs)
    assert not any("eta_seconds" in progress for progress in epochs), "the SDK reckons better"


def test_it_leaves_rows_a_model_a_report_and_a_checkpoint(trained: Any, wine: Path) -> None:
    assert trained.artifacts == {
        "checkpoint.pt": "checkpoint",
        "synthetic.csv": "data",
        "report.json": "report",
        "model.pt": "model",
    }
    for name in ("model.pt", "checkpoint.pt"):
        torch.load(trained.dir / name, weights_only=True)
    real, synthetic = read_table(wine), read_table(trained.dir / "synthetic.csv")
    assert synthetic.frame.schema == real.frame.schema
    assert synthetic.frame.height == real.frame.height
    assert synthetic.kinds == real.kinds


def test_synthetic_wines_teach_about_real_ones(trained: Any) -> None:
    """On held-out real wines: at least 0.3 better than independently shuffled columns, which is chance."""
    report = json.loads((trained.dir / "report.json").read_text())
    utility = report["utility"]
    assert (utility["target"], utility["metric"]) == ("cultivar", "accuracy")
    assert utility["synthetic"] > utility["shuffled"] + 0.3
    assert report["rows_real"] == 178
    assert 0 < report["overall"] < 1
    assert report["duplicates"]["share"] == 0


def test_sampling_from_the_command_line(trained: Any, tmp_path: Path, capsysbinary: Any) -> None:
    from pulsetrain.cli.main import main

    outputs = [tmp_path / f"{name}.csv" for name in "abc"]
    for output, seed in zip(outputs, ("1", "1", "2"), strict=True):
        with pytest.raises(SystemExit) as ended:
            main(["sample", str(trained.dir / "model.pt"), "-n", "50", "-o", str(output), "--seed", seed])
        assert ended.value.code == 0
    texts = [output.read_text() for output in outputs]
    assert texts[0] == texts[1] != texts[2]
    assert pl.read_csv(outputs[0]).height == 50
    with pytest.raises(SystemExit):
        main(["sample", str(trained.dir / "model.pt"), "-n", "50", "--seed", "1"])
    assert capsysbinary.readouterr().out.decode() == texts[0], "without a file, the same rows are printed"
    for wrong in ("report.json", "checkpoint.pt", "missing.pt"):
        with pytest.raises(SystemExit) as ended:
            main(["sample", str(trained.dir / wrong)])
        assert ended.value.code == 2
        assert wrong in capsysbinary.readouterr().err.decode().replace("\n", "")


def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(start: Start, wine: Path) -> None:
    """Bit for bit, though it was stopped in the middle of an epoch."""
    options: dict[str, Any] = {"epochs": 3, "seed": 3, "device": "cpu"}
    whole = start("whole")
    train(whole, wine, **options)

    first = start("first")
    first.stop_when = lambda run: len(run.metrics) == 1 and run.asked % 7 == 0
    train(first, wine, **options)
    assert list(first.metrics) == [1]
    assert first.artifacts == {"checkpoint.pt": "checkpoint"}
    assert [name for name, _, _ in first.stages] == STAGES[:2]

    second = start("second", checkpoint=first.dir / "checkpoint.pt")
    train(second, wine, **options)
    assert list(second.metrics) == [2, 3]
    for step, values in (first.metrics | second.metrics).items():
        for name in ("generator_loss", "discriminator_loss", "real_scores", "fake_scores"):
            assert values[name] == whole.metrics[step][name], (step, name)
    for name in ("synthetic.csv", "report.json"):
        assert (second.dir / name).read_bytes() == (whole.dir / name).read_bytes(), name


def test_epochs_and_learning_rate_can_be_changed_on_the_way(start: Start, wine: Path) -> None:
    """More epochs, then fewer than are done: it ends with the epoch; progress and rate follow."""
    run = start("run")

    def steer(run: Any) -> bool:
        done = max(run.metrics, default=0)
        run.values = {"epochs": 8 if done < 5 else 2, "learning_rate": 1e-3 if done < 2 else 1e-5}
        rates[done] = stages.gan.rate
        return False

    rates: dict[int, float] = {}
    run.stop_when = lambda run: bool(run.stages) and run.stages[-1][0] == "Train" and steer(run)
    stages = Stages(run, wine, Settings(epochs=3, seed=1, device="cpu"))
    stages.prepare()
    stages.train()
    assert list(run.metrics) == [1, 2, 3, 4, 5, 6]
    shown = [(progress["epoch"], progress["epochs"]) for progress in run.progresses if progress.get("rate")]
    assert shown == [(1, 8), (2, 8), (3, 8), (4, 8), (5, 8), (6, 6)]
    assert rates[1] > 5e-4 and rates[3] < 1e-5
    percents = [progress["percent"] for progress in run.progresses]
    assert percents == sorted(percents)
    assert run.actions == {}, "what has no effect any more is not offered"


def test_it_saves_evaluates_and_samples_on_request_without_a_trace_in_the_training(start: Start, wine: Path) -> None:
    asked, quiet = start("asked"), start("quiet")

    def ask(run: Any) -> bool:
        if len(run.metrics) == 1 and run.actions and not run.tables:
            run.actions["sample"]()
            run.actions["checkpoint"]()
            run.actions["evaluate"]()
        return False

    asked.stop_when = ask
    weights = []
    for run in (asked, quiet):
        stages = Stages(run, wine, Settings(epochs=3, seed=1, device="cpu"))
        stages.prepare()
        stages.train()
        weights.append(stages.gan.generator_steps.weights)
    assert torch.equal(*weights)
    columns, rows = asked.tables["Synthetic rows"]
    assert (len(columns), len(rows)) == (14, 10)
    assert {row[-1] for row in rows} <= {"class_0", "class_1", "class_2"}
    assert 0 < asked.judged["quality/overall"] < 1
    assert asked.artifacts["checkpoint.pt"] == "checkpoint"


def test_the_seed_decides(start: Start, wine: Path) -> None:
    weights = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        stages = Stages(start(name), wine, Settings(epochs=1, seed=seed, device="cpu"))
        stages.prepare()
        stages.train()
        weights.append(stages.gan.generator_steps.weights)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_it_asks_whether_to_stop_before_every_batch(start: Start, wine: Path) -> None:
    run = start("run")
    run.stop_when = lambda run: bool(run.stages) and run.stages[-1][0] == "Train"
    train(run, wine, epochs=100, device="cpu")
    assert not run.metrics, "not a single epoch was finished"
    assert run.artifacts == {"checkpoint.pt": "checkpoint"}
    state = torch.load(run.dir / "checkpoint.pt", weights_only=True)["state"]
    assert state["epoch"] == 0
    assert state["batch"] <= 1


@pytest.mark.parametrize("stage", ["Prepare data", "Evaluate", "Export"])
def test_it_stops_in_the_other_stages_too(start: Start, wine: Path, stage: str) -> None:
    run = start("run")
    run.stop_when = lambda run: bool(run.stages) and run.stages[-1][0] == stage
    if stage == "Export":
        run.stop_when = lambda run: run.progresses[-1]["percent"] > 94 if run.progresses else False
    train(run, wine, epochs=1, device="cpu")
    assert "synthetic.csv" not in run.artifacts
    assert ("checkpoint.pt" in run.artifacts) == (stage != "Prepare data")


def test_an_attempt_that_died_goes_on_from_its_own_checkpoint(start: Start, wine: Path) -> None:
    for epochs, told in ((1, [1]), (2, [2])):
        run = start("run")
        stages = Stages(run, wine, Settings(epochs=epochs, device="cpu"))
        stages.prepare()
        stages.train()
        assert list(run.metrics) == told


def test_every_kind_of_column_survives_a_training(start: Start, mixed: pl.DataFrame, tmp_path: Path) -> None:
    mixed.write_csv(tmp_path / "mixed.csv")
    run = start("run")
    train(run, tmp_path / "mixed.csv", epochs=2, rows=100, device="cpu")
    real, synthetic = read_table(tmp_path / "mixed.csv"), pl.read_csv(run.dir / "synthetic.csv")
    assert synthetic.columns == mixed.columns
    assert set(synthetic["unit"]) == {"kg"}
    assert synthetic["nothing"].is_null().all()
    assert set(synthetic["city"].drop_nulls()) <= set(real.frame["city"].drop_nulls())
    assert not set(synthetic["name"]) & set(mixed["name"])
    assert synthetic["since"].str.to_date("%Y-%m-%d").is_not_null().all()
    notes = " ".join(json.loads((run.dir / "report.json").read_text())["notes"])
    for name in ("unit", "nothing", "name"):
        assert name in notes


@pytest.mark.parametrize("kind", ["numbers", "categories", "one column"])
def test_tables_of_one_kind_are_fine(start: Start, tmp_path: Path, kind: str) -> None:
    rows = range(60)
    columns: dict[str, list[Any]] = {
        "numbers": {"a": [row * 1.5 for row in rows], "b": [row**2 for row in rows]},
        "categories": {"a": [f"k{row % 3}" for row in rows], "b": [row % 2 == 0 for row in rows]},
        "one column": {"a": [row * 1.5 for row in rows]},
    }[kind]
    pl.DataFrame(columns).write_csv(tmp_path / "x.csv")
    run = start("run")
    train(run, tmp_path / "x.csv", epochs=1, device="cpu")
    assert pl.read_csv(run.dir / "synthetic.csv").height == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("a,b\n", "no rows"),
        ("a,b\n" + "1,x\n2,y\n" * 4, "8 rows"),
        ("a,b\n" + "1,x\n" * 50, "nothing to learn"),
        ("a,b\n1,2\n3\n" * 9, "Row 2"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused(start: Start, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(BadTable, match=said):
        train(start("run"), tmp_path / "x.csv", epochs=1)


def test_a_checkpoint_of_something_else_is_refused(start: Start, wine: Path, trained: Any, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text(wine.read_text().replace("14.23", "14.24"))
    with pytest.raises(BadParameters, match="other data"):
        train(start("a", checkpoint=trained.dir / "checkpoint.pt"), tmp_path / "other.csv", epochs=1)
    for wrong in ("model.pt", "report.json"):
        with pytest.raises(BadParameters):
            train(start("b", checkpoint=trained.dir / wrong), wine, epochs=1)


def test_a_target_that_is_no_column_is_refused_before_training(start: Start, wine: Path) -> None:
    with pytest.raises(BadParameters, match="no column 'colour'"):
        train(start("run"), wine, target="colour")


def test_cuda_where_there_is_none_is_refused(start: Start, wine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadParameters, match="CUDA"):
        train(start("run"), wine, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_it_trains_on_cuda(start: Start, wine: Path) -> None:
    run = start("run")
    train(run, wine, epochs=2, device="cuda")
    assert len(run.artifacts) == 4


def test_its_model_answers_with_rows(trained: Any) -> None:
    maker = load(trained.dir / "model.pt")
    [first, again] = maker.predict([{"rows": 3, "seed": 4}, {"rows": 3, "seed": 4}])
    assert first == again
    assert len(first["prediction"]) == 3
    assert set(first["prediction"][0]) == set(pl.read_csv(trained.dir / "synthetic.csv").columns)
    with pytest.raises(BadParameters, match="Row 2: 'rows'"):
        maker.predict([{"rows": 1}, {"rows": 0}])
