"""Whole trainings on data of our own writing: they learn, they stop and go on, and they are steered."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

import own_texts
from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.model.report import Report
from pulsetrain.trainers.finetune import train
from pulsetrain.trainers.finetune.artifact import ABOUT, is_model, unpack
from pulsetrain.trainers.finetune.predict import load
from pulsetrain.trainers.finetune.trainer import STAGES

Start = Callable[..., Any]
pytestmark = pytest.mark.timeout(600)
PER_STEP = {"loss", "learning_rate", "gradient_norm", "tokens_per_second"}


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, steerable_run: type[Any], texts: dict[str, Path], llama: Path
) -> dict[str, Any]:
    """A run of each task, to its end: from scratch, and LoRA on a base that lies in a folder."""
    how: dict[str, dict[str, Any]] = {
        "intents": {"model": str(llama), "epochs": 4, "learning_rate": 2e-3, "validation_split": 0.2},
        "pairs": {"epochs": 10},
        "instructions": {"epochs": 6, "samples": 3},
    }

    class Trained(dict[str, Any]):
        """Each task is trained when it is first asked for, so that no test waits for all of them."""

        def __missing__(self, task: str) -> Any:
            self[task] = run = steerable_run(tmp_path_factory.mktemp(task))
            train(run, texts[task], seed=1, device="cpu", **how[task])
            return run

    return Trained()


def _report(run: Any) -> Report:
    return msgspec.json.decode((run.dir / "report.json").read_bytes(), type=Report)


def _figures(run: Any) -> dict[str, tuple[Any, Any]]:
    return {figure.name: (figure.value, figure.baseline) for figure in _report(run).figures}


def _held_out(run: Any, rows: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    """The rows that a training with seed 1 has not seen."""
    from pulsetrain.trainers.finetune.examples import read_examples
    from pulsetrain.trainers.finetune.split import split

    path = own_texts.jsonl(run.dir / "again.jsonl", rows)
    return [rows[example.row - 1] for example in split(read_examples(path).examples, share, 1)[1]]


@pytest.mark.parametrize("task", ["intents", "pairs", "instructions"])
def test_it_says_what_it_does(trained: dict[str, Any], task: str) -> None:
    run = trained[task]
    assert run.stages == [(name, index, 5) for index, name in enumerate(STAGES)]
    steps = sorted(run.metrics)
    assert steps == list(range(len(steps)))
    own = "token_accuracy" if task == "instructions" else "batch_accuracy"
    of_evaluation = {"eval_loss", "perplexity" if task == "instructions" else "live_accuracy"}
    evaluations = [step for step in steps if "eval_loss" in run.metrics[step]]
    assert evaluations[0] == 0, "before it learns"
    assert evaluations[-1] == steps[-1]
    assert 10 <= len(evaluations) <= 13
    for step in steps:
        expected = (PER_STEP | {own} if step else set()) | (of_evaluation if step in evaluations else set())
        assert set(run.metrics[step]) == expected
        assert all(math.isfinite(value) for value in run.metrics[step].values())
    percents = [progress["percent"] for progress in run.progresses]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    told = [progress for progress in run.progresses if progress.get("rate")]
    assert [progress["step"] for progress in told] == steps[1:]
    assert all(progress["eta_seconds"] > 0 and progress["steps"] == steps[-1] for progress in told)
    assert told[-1]["epoch"] == told[-1]["epochs"] == {"intents": 4, "pairs": 10, "instructions": 6}[task]


def test_it_learns_intents_by_adapters_on_a_base(trained: dict[str, Any]) -> None:
    """Held-out accuracy of four kinds: the largest is about 27 % of the texts."""
    run = trained["intents"]
    accuracy, largest = _figures(run)["Accuracy"]
    assert largest < 0.4
    assert accuracy > 0.9
    rows = _held_out(run, own_texts.intents(), 0.2)
    answers = load(run.dir / "model.tar").predict([{"text": row["text"]} for row in rows])
    right = sum(answer["prediction"] == row["label"] for answer, row in zip(answers, rows, strict=True))
    assert right / len(rows) == pytest.approx(accuracy), "the model that was saved is the one that was judged"
    for answer in answers:
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert answer["confidence"] == max(answer["probabilities"].values())


def test_it_learns_pairs_from_scratch(trained: dict[str, Any]) -> None:
    """Whether an answer fits its question: neither text alone tells, and naming one label always is right in half."""
    run = trained["pairs"]
    accuracy, largest = _figures(run)["Accuracy"]
    assert largest < 0.6
    assert accuracy > 0.85
    predictor = load(run.dir / "model.tar")
    fits, misses = predictor.predict(
        [
            {"text_a": "who opened the door at noon", "text_b": "it was Ada"},
            {"text_a": "who opened the door at noon", "text_b": "somewhere by the library"},
        ]
    )
    assert (fits["prediction"], misses["prediction"]) == ("answers", "misses")


def test_it_learns_to_follow_instructions_from_scratch(trained: dict[str, Any]) -> None:
    run = trained["instructions"]
    figures = _figures(run)
    perplexity, before = figures["Perplexity"]
    assert before > 100
    assert perplexity < 2
    exact, exact_before = figures["Exact answers"]
    assert exact_before == 0
    assert exact > 0.7
    rows = _held_out(run, own_texts.instructions(), 0.1)
    predictor = load(run.dir / "model.tar")
    answers = predictor.predict([{"prompt": row["instruction"], "max_new_tokens": 24} for row in rows])
    right = sum(answer["prediction"] == row["output"] for answer, row in zip(answers, rows, strict=True))
    assert right / len(rows) == pytest.approx(exact)
    short = predictor.predict([{"prompt": rows[0]["instruction"], "max_new_tokens": 1}])[0]
    assert short["tokens"] == 1


def test_samples_are_shown_while_it_learns(trained: dict[str, Any]) -> None:
    columns, rows = trained["instructions"].tables["Samples"]
    assert columns[:2] == ["Prompt", "Expected"]
    assert columns[2].startswith("Written after ")
    assert len(rows) == 3
    assert sum(row[1] == row[2] for row in rows) >= 2
    assert "Worst errors" in trained["intents"].tables


@pytest.mark.parametrize("task", ["intents", "pairs", "instructions"])
def test_it_leaves_a_model_a_report_and_a_checkpoint(trained: dict[str, Any], task: str, tmp_path: Path) -> None:
    run = trained[task]
    assert run.artifacts == {"checkpoint.pt": "checkpoint", "report.json": "report", "model.tar": "model"}
    assert is_model(run.dir / "model.tar")
    about = unpack(run.dir / "model.tar", tmp_path)
    assert about.task == {"intents": "classification", "pairs": "pairs", "instructions": "instruction"}[task]
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {ABOUT, "model/config.json", "model/model.safetensors", "model/tokenizer.json"} <= names
    assert ("head.safetensors" in names) == (task != "instructions")
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names), "no pickles"
    report = _report(run)
    kinds = [type(block).__name__ for section in report.sections for block in section.blocks]
    assert kinds.count("Lines") == 4
    if task == "instructions":
        assert kinds.count("Texts") == 2
    else:
        assert {"Matrix", "Bars", "Histogram", "Table"} <= set(kinds)
    assert all(figure.better is None or figure.baseline is not None for figure in report.figures)
    assert any("from scratch" in note for note in report.notes) == (task != "intents")


@pytest.mark.parametrize("task", ["classification", "instruction"])
def test_a_stopped_and_resumed_training_equals_an_uninterrupted_one(
    start: Start, texts: dict[str, Path], llama: Path, task: str
) -> None:
    """Bit for bit, dropout too, though it was stopped in the middle of an epoch."""
    options: dict[str, Any] = {"epochs": 2, "seed": 3, "device": "cpu", "validation_split": 0.5, "evaluate_every": 4}
    if task == "classification":
        data, options = texts["intents"], {**options, "model": str(llama), "lora_dropout": 0.3, "accumulation": 2}
    else:
        data, options = texts["instructions"], {**options, "samples": 1, "max_new_tokens": 4, "batch_size": 32}
    whole = start("whole")
    train(whole, data, **options)

    first = start("first")
    first.stop_when = lambda run: max(run.metrics, default=0) == 5
    train(first, data, **options)
    assert max(first.metrics) == 5
    assert first.artifacts == {"checkpoint.pt": "checkpoint"}
    assert [name for name, _, _ in first.stages] == STAGES[:3]

    second = start("second", checkpoint=first.dir / "checkpoint.pt")
    train(second, data, **options)
    assert min(second.metrics) == 6
    assert max(whole.metrics) == max(second.metrics) > 10
    for step, values in whole.metrics.items():
        told = (first.metrics | second.metrics)[step]
        for name in set(values) - {"tokens_per_second"}:
            assert told[name] == values[name], (step, name)
    assert (second.dir / "report.json").read_bytes() == (whole.dir / "report.json").read_bytes()


def test_an_attempt_that_died_goes_on_from_its_own_checkpoint(start: Start, texts: dict[str, Path]) -> None:
    for epochs, first, last in ((1, 0, 13), (2, 14, 26)):
        run = start("run")
        train(run, texts["intents"], epochs=epochs, validation_split=0.5, device="cpu")
        assert sorted(run.metrics) == list(range(first, last + 1))


def test_it_is_steered(start: Start, texts: dict[str, Path]) -> None:
    """The learning rate holds from the next step on; fewer epochs end it sooner, and more go on."""
    run = start()

    def steer(step: int) -> None:
        if step == 3:
            run.values = {"learning_rate": 1e-5, "epochs": 2}

    run.on_log = steer
    train(run, texts["intents"], epochs=9, schedule="constant", warmup=0, validation_split=0.5, device="cpu")
    rates = {step: values["learning_rate"] for step, values in run.metrics.items() if step}
    assert {rates[step] for step in (1, 2, 3)} == {2e-3}
    assert {rate for step, rate in rates.items() if step > 3} == {1e-5}
    assert max(rates) == 2 * math.ceil(200 / 16)
    assert run.progresses[-1]["percent"] == 100
    assert run.settled, "after the training there is nothing to steer"


def test_what_it_can_be_asked_works_at_any_step(start: Start, texts: dict[str, Path]) -> None:
    run = start()

    def ask(step: int) -> None:
        if step == 2 and "loss" in run.metrics[2] and "eval_loss" not in run.metrics[2]:
            run.artifacts.clear()
            for action in run.actions.values():
                action()
            assert run.artifacts == {"checkpoint.pt": "checkpoint"}
            assert "Samples" in run.tables

    run.on_log = ask
    data = texts["instructions"]
    train(run, data, epochs=1, samples=1, max_new_tokens=4, evaluate_every=10_000, validation_split=0.5, device="cpu")
    assert set(run.actions) == {"checkpoint", "evaluate", "sample"}
    assert [step for step, values in run.metrics.items() if "eval_loss" in values] == [0, 2, max(run.metrics)]


@pytest.mark.parametrize("stage", ["Prepare data", "Load model", "Evaluate", "Save"])
def test_it_stops_in_every_stage(start: Start, texts: dict[str, Path], stage: str) -> None:
    run = start()
    run.stop_when = lambda run: bool(run.stages) and run.stages[-1][0] == stage
    if stage == "Save":
        run.stop_when = lambda run: any(progress["percent"] > 94 for progress in run.progresses)
    train(run, texts["intents"], epochs=1, validation_split=0.5, device="cpu")
    assert "model.tar" not in run.artifacts
    assert ("checkpoint.pt" in run.artifacts) == (stage in ("Evaluate", "Save"))


def test_a_checkpoint_of_something_else_is_refused(
    start: Start, texts: dict[str, Path], trained: dict[str, Any]
) -> None:
    made = trained["pairs"].dir
    settings: dict[str, Any] = {"seed": 1, "epochs": 10}
    with pytest.raises(BadParameters, match="other data"):
        train(start("a", checkpoint=made / "checkpoint.pt"), texts["intents"], **settings)
    with pytest.raises(BadParameters, match="batch_size 16, and this run has 8"):
        train(start("b", checkpoint=made / "checkpoint.pt"), texts["pairs"], batch_size=8, **settings)
    with pytest.raises(BadParameters, match="method 'full', and this run has 'lora'"):
        train(start("c", checkpoint=made / "checkpoint.pt"), texts["pairs"], method="lora", **settings)
    for wrong in ("model.tar", "report.json"):
        with pytest.raises(BadParameters, match="not a checkpoint"):
            train(start("d", checkpoint=made / wrong), texts["pairs"], **settings)


def test_the_model_of_one_run_is_the_base_of_the_next(
    start: Start, texts: dict[str, Path], trained: dict[str, Any]
) -> None:
    run = start()
    model = trained["instructions"].dir / "model.tar"
    train(run, texts["instructions"], model=str(model), epochs=1, samples=0, device="cpu")
    _, before = _figures(run)["Perplexity"]
    assert before < 2, "it knows what it has learnt"
    with pytest.raises(BadParameters, match="not a model of a fine-tuning"):
        train(start("other"), texts["pairs"], model=str(trained["pairs"].dir / "report.json"))


def test_an_adapter_alone_answers_with_its_base(start: Start, texts: dict[str, Path], llama: Path) -> None:
    answers = []
    for save in ("merged", "adapter"):
        run = start(save)
        train(run, texts["intents"], model=str(llama), epochs=2, save=save, learning_rate=2e-3, device="cpu")
        answers.append(load(run.dir / "model.tar").predict([{"text": "wake Ada up at noon"}])[0])
    assert (run.dir / "model.tar").stat().st_size < 0.5 * (run.dir.parent / "merged/model.tar").stat().st_size
    assert answers[0]["probabilities"] == pytest.approx(answers[1]["probabilities"], abs=1e-4)


def test_an_encoder_learns_pairs(start: Start, texts: dict[str, Path], bert: Path) -> None:
    """It runs; two epochs of a model that knows nothing are too few to be right."""
    run = start()
    train(run, texts["pairs"], model=str(bert), method="full", learning_rate=1e-3, epochs=2, device="cpu")
    losses = [values["loss"] for step, values in sorted(run.metrics.items()) if step]
    assert sum(losses[-10:]) < sum(losses[:10])
    assert load(run.dir / "model.tar").predict([{"text_a": "who", "text_b": "Ada"}])[0]["prediction"] in (
        "answers",
        "misses",
    )


def test_what_is_cut_is_noted(start: Start, tmp_path: Path) -> None:
    rows = [{"prompt": f"word {place}" + " or" * (30 * (place % 2)), "output": f"yes {place}"} for place in range(40)]
    run = start()
    train(run, own_texts.jsonl(tmp_path / "x.jsonl", rows), epochs=1, max_length=24, samples=0, device="cpu")
    notes = " ".join(_report(run).notes)
    assert "reach 24 tokens and are cut" in notes
    assert "their answers begin too late" in notes
    with pytest.raises(BadTable, match="Not one answer fits"):
        rows = [{"prompt": f"word {place}" + " or" * 40, "output": f"yes {place}"} for place in range(40)]
        train(start("b"), own_texts.jsonl(tmp_path / "y.jsonl", rows), epochs=1, max_length=24)


def test_cuda_where_there_is_none_is_refused(
    start: Start, texts: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadParameters, match="CUDA"):
        train(start(), texts["intents"], device="cuda")


@pytest.mark.parametrize(
    ("task", "row", "said"),
    [
        ("intents", {}, "Row 2: text is missing"),
        ("intents", {"text": 1}, "Row 2: text must be text"),
        ("intents", {"text": " "}, "Row 2: text must be text"),
        ("intents", {"text": "a", "label": "b"}, "Row 2: there is no 'label'"),
        ("intents", "text", "Row 2 is not an object"),
        ("pairs", {"text_a": "a"}, "Row 2: text_b is missing"),
        ("instructions", {"prompt": "a", "max_new_tokens": 0}, "Row 2: max_new_tokens must be"),
        ("instructions", {"prompt": "a", "max_new_tokens": True}, "Row 2: max_new_tokens must be"),
        ("instructions", {"prompt": "a", "input": 3}, "Row 2: input must be text"),
    ],
)
def test_a_bad_row_is_named(trained: dict[str, Any], task: str, row: Any, said: str) -> None:
    predictor = load(trained[task].dir / "model.tar")
    good = predictor.input["examples"][0]
    with pytest.raises(BadParameters, match=said):
        predictor.predict([good, row])
    if task != "instructions":
        assert predictor.predict([]) == []
    assert json.loads(json.dumps(predictor.predict([good])))[0]["prediction"] is not None
