from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.model.report import Report
from pulsetrain.trainers.nlu import train
from pulsetrain.trainers.nlu.trainer import STAGES

Start = Callable[..., Any]


def report_of(run: Any) -> Report:
    return msgspec.json.decode((run.dir / "report.json").read_bytes(), type=Report)


def figures(run: Any) -> dict[str, Any]:
    return {figure.name: figure for figure in report_of(run).figures}


def test_it_says_what_it_does(trained: Any) -> None:
    assert trained.stages == [(name, index, 5) for index, name in enumerate(STAGES)]
    assert list(trained.metrics) == list(range(1, 26)), "steps count up over both trainings"
    intents = [trained.metrics[step] for step in range(1, 16)]
    assert all(set(row) == {"loss", "accuracy", "live_accuracy", "validation_loss"} for row in intents)
    entities = [trained.metrics[step] for step in range(16, 26)]
    assert all(set(row) == {"entity_loss", "entity_f1", "entity_precision", "entity_recall"} for row in entities)
    assert intents[-1]["loss"] < intents[0]["loss"] / 5
    assert entities[-1]["entity_loss"] < entities[0]["entity_loss"] / 5
    percents = [progress["percent"] for progress in trained.progresses]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert trained.actions == {}, "after the training nothing can be asked for"


def test_it_prints_what_clients_of_training_jobs_are_told(start: Start, assistant: Path, capsys: Any) -> None:
    train(start("told"), assistant, epochs=1, entity_epochs=1)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.endswith("...")] == [
        "Preprocessing data...",
        "Training intent classifier...",
        "Training entity extractor...",
        "Validating model...",
        "Saving model...",
    ]


def test_words_never_seen_are_understood_better_than_by_baselines(trained: Any) -> None:
    """On held-out examples whose entities never occur among those learnt from."""
    found = figures(trained)
    intents, entities = found["Intent accuracy"], found["Entity F1"]
    assert intents.baseline < 0.3
    assert intents.value > intents.baseline + 0.5
    assert entities.value > entities.baseline + 0.2
    assert found["Learnt from"].value + found["Held out"].value == 300


@pytest.mark.parametrize(
    "options", [{}, {"optimizer": "adagrad", "learning_rate": 0.1}, {"optimizer": "sgd", "learning_rate": 1.0}]
)
def test_sample_examples_are_learnt_with_each_optimiser(start: Start, assistant: Path, options: dict[str, Any]) -> None:
    run = start("sample")
    train(run, assistant, **options)
    found = figures(run)
    assert found["Intent accuracy"].value > 0.8 > found["Intent accuracy"].baseline + 0.5
    assert found["Entity F1"].value > 0.7


def test_it_leaves_a_model_a_report_and_a_checkpoint(trained: Any) -> None:
    assert trained.artifacts == {"checkpoint.npz": "checkpoint", "report.json": "report", "model.npz": "model"}
    for name in ("checkpoint.npz", "model.npz"):
        with np.load(trained.dir / name, allow_pickle=False) as file:
            assert all(file[key].dtype.kind in "fui" for key in file.files), "numbers alone, nothing that is run"


def test_the_report_agrees_with_itself(trained: Any) -> None:
    report = report_of(trained)
    blocks = {block.title: block for section in report.sections for block in section.blocks}
    found = {figure.name: figure.value for figure in report.figures}
    matrix = blocks["Confusion of intents"]
    right = sum(matrix.values[place][place] for place in range(len(matrix.rows)))
    total = sum(sum(row) for row in matrix.values)
    assert total == found["Held out"]
    assert right / total == found["Intent accuracy"]
    assert len(blocks["Worst errors of intents"].rows) == min(50, total - right)
    spread = blocks["How sure it is"]
    assert sum(sum(series.counts) for series in spread.series) == total
    assert {row[0] for row in blocks["Each label"].rows} == {"music", "place", "room", "time"}
    assert len(blocks["Intent classifier: loss"].series[0].x) == 15
    assert blocks["Entity extractor: on held-out examples"].series[0].y[-1] == pytest.approx(
        found["Entity F1"], abs=0.02
    )
    assert any("lights" in row[1] or "light" in row[1] for row in blocks["Words that speak for an intent"].rows)


def test_tables_show_scores_and_errors(trained: Any) -> None:
    for columns, rows in trained.tables.values():
        assert 0 < len(rows) <= 100 and len(columns) <= 20
        assert all(len(row) == len(columns) for row in rows)
    columns, rows = trained.tables["Intents"]
    assert columns == ["name", "precision", "recall", "F1", "examples"]
    assert len(rows) == 5
    _, errors = trained.tables["Worst errors of intents"]
    sure = [row[-1] for row in errors]
    assert sure == sorted(sure, reverse=True)
    assert all(row[2] != row[3] for row in errors)
    _, errors = trained.tables["Worst errors of entities"]
    assert all(row[1] != row[2] for row in errors)
    assert set(trained.tables) >= {"Entities", "Confusion of intents"}


@pytest.mark.parametrize("last", [2, 4, 6])
def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(start: Start, assistant: Path, last: int) -> None:
    """Bit for bit, though it was stopped in the middle of an epoch of either training, or between them."""
    options = {"epochs": 4, "entity_epochs": 4, "seed": 3}
    whole = start("whole")
    train(whole, assistant, **options)

    first = start("first")
    first.stop_when = lambda run: len(run.metrics) == last and (last == 4 or run.asked % 7 == 0)
    train(first, assistant, **options)
    assert list(first.metrics)[-1] == last
    assert first.artifacts == {"checkpoint.npz": "checkpoint"}

    second = start("second", checkpoint=first.dir / "checkpoint.npz")
    train(second, assistant, **options)
    assert list(second.metrics) == list(range(last + 1, 9))
    assert first.metrics | second.metrics == whole.metrics
    with np.load(whole.dir / "model.npz") as one, np.load(second.dir / "model.npz") as other:
        for name in ("intent", "clue", "transition"):
            assert np.array_equal(one[name], other[name])
    assert (whole.dir / "report.json").read_bytes() == (second.dir / "report.json").read_bytes()


def test_a_checkpoint_of_something_else_is_refused(start: Start, assistant: Path, strange: Path) -> None:
    first = start("first")
    first.stop_when = lambda run: len(run.metrics) == 1
    train(first, assistant)
    checkpoint = first.dir / "checkpoint.npz"
    with pytest.raises(BadParameters, match="other data"):
        train(start("other", checkpoint=checkpoint), strange)
    with pytest.raises(BadParameters, match="made with seed=0, and this run has seed=1"):
        train(start("seed", checkpoint=checkpoint), assistant, seed=1)
    with pytest.raises(BadParameters, match=r"assistant\.jsonl is not a checkpoint of nlu-train"):
        train(start("wrong", checkpoint=assistant), assistant)
    longer = start("longer", checkpoint=checkpoint)
    train(longer, assistant, epochs=2, entity_epochs=1, learning_rate=0.02)
    assert list(longer.metrics) == [2, 3], "more epochs and another rate are no other training"


def test_epochs_and_learning_rate_are_steered_while_it_runs(start: Start, assistant: Path) -> None:
    run = start("steered")

    def steer(run: Any) -> bool:
        if len(run.metrics) == 2:
            run.values |= {"epochs": 3, "entity_epochs": 2}
        return False

    run.stop_when = steer
    train(run, assistant, epochs=50, entity_epochs=50)
    assert list(run.metrics) == [1, 2, 3, 4, 5]
    assert run.progresses[-1]["percent"] == 100

    def freeze(run: Any) -> bool:
        if len(run.metrics) == 2:
            run.values["learning_rate"] = 0.0
        return False

    frozen = start("frozen")
    frozen.stop_when = freeze
    train(frozen, assistant, epochs=5, entity_epochs=1)
    losses = [frozen.metrics[step]["validation_loss"] for step in range(1, 6)]
    assert losses[0] > losses[1] == losses[2] == losses[3] == losses[4]


def test_it_answers_while_it_trains(start: Start, assistant: Path) -> None:
    run = start("asked")

    def ask(run: Any) -> bool:
        if len(run.metrics) == 3 and "Samples" not in run.tables:
            for action in ("checkpoint", "evaluate", "sample"):
                run.actions[action]()
            assert run.artifacts == {"checkpoint.npz": "checkpoint"}
            assert len(run.tables["Samples"][1]) == 20
            assert "Confusion of intents" in run.tables
        return False

    run.stop_when = ask
    train(run, assistant, epochs=5, entity_epochs=1)
    assert "Samples" in run.tables
    plain = start("plain")
    train(plain, assistant, epochs=5, entity_epochs=1)
    assert plain.metrics == run.metrics, "asking changes nothing"


def test_examples_without_entities_and_wrong_examples(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    rows = [{"text": f"{word} {number}", "intent": word} for word in ("yes", "no") for number in range(10)]
    path.write_text("\n".join(map(json.dumps, rows)))
    run = start("plain")
    train(run, path, epochs=3)
    assert "Entity F1" not in figures(run)
    assert figures(run)["Intent accuracy"].value == 1
    path.write_text("\n".join(map(json.dumps, [*rows, {"text": "maybe"}])))
    wrong = start("wrong")
    with pytest.raises(BadTable, match="Row 21: The intent is missing"):
        train(wrong, path)
    assert wrong.tables["Wrong examples"] == (["row", "problem"], [(21, "The intent is missing.")])
    path.write_text("\n".join(json.dumps({**row, "split": "validation"}) for row in rows))
    with pytest.raises(BadTable, match="Fewer than two intents are left"):
        train(start("nothing"), path)


def test_nothing_held_out_is_said_and_nothing_is_invented(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    path.write_text('{"text": "yes", "intent": "yes"}\n{"text": "no", "intent": "no"}\n')
    run = start("two")
    train(run, path, epochs=2, least=1)
    assert list(run.metrics[2]) == ["loss"]
    assert figures(run)["Intent accuracy"].value is None
    assert "nothing is known" in report_of(run).summary
    assert len(report_of(run).notes) == 2


def test_it_runs_in_a_process_of_its_own(tmp_path: Path, assistant: Path) -> None:
    """As the supervisor starts it, with the real SDK and its spool."""
    specification = {"trainer": "nlu-train", "dataset": str(assistant), "parameters": {"epochs": 2, "entity_epochs": 1}}
    (tmp_path / "spec.json").write_text(json.dumps(specification))
    environment = {
        **os.environ,
        "PULSETRAIN_SPEC": str(tmp_path / "spec.json"),
        "PULSETRAIN_DIR": str(tmp_path),
        "PULSETRAIN_SPOOL": str(tmp_path / "spool"),
        "PULSETRAIN_RUN": "r_aaaaaaaaaa",
    }
    command = [sys.executable, "-m", "pulsetrain.trainers.main"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    kept = {path.name.split("-", 2)[2] for path in (tmp_path / "spool" / "artifacts").iterdir()}
    assert kept == {"checkpoint.npz", "report.json", "model.npz"}
    spool = b"".join(path.read_bytes() for path in (tmp_path / "spool").glob("sdk-*.spool"))
    assert b"Worst errors of intents" in spool
    assert b"Training entity extractor" in spool
