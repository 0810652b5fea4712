"""Output of well-known programs, as it was recorded (`tests/unit/model/console`), through the supervisor's capture."""

from __future__ import annotations

import codecs
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from pulsetrain.sdk.spool import SpoolWriter, records
from pulsetrain.supervisor.capture import Capture, Stream

CONSOLE = Path(__file__).parents[1] / "model" / "console"


class Replayed:
    """What the capture makes of a recording; bars are looked at every `seconds` of its own time.

    `at_once` pieces are read together, as by a supervisor that has little of the machine: stderr first, then stdout.
    """

    def __init__(self, folder: Path, name: str, seconds: float = 0.2, at_once: int = 1) -> None:
        folder.mkdir(exist_ok=True)
        path = folder / "supervisor.spool"
        writer = SpoolWriter(path)
        self.now = 0.0
        capture = Capture(writer, lambda: (False, False, False), lambda _: None, lambda: self.now)
        streams = {stream: Stream(-1, stream, None) for stream in ("stdout", "stderr")}
        decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in streams}
        text, looked = (CONSOLE / f"{name}.txt").read_bytes(), 0.0
        timing = (CONSOLE / f"{name}.timing").read_text().splitlines()
        for start in range(0, len(timing), at_once):
            read = {"stderr": b"", "stdout": b""}
            for line in timing[start : start + at_once]:
                stream, at, size = line.split()
                read[stream], text = read[stream] + text[: int(size)], text[int(size) :]
                self.now = float(at)
            capture.hear([(streams[key], decoders[key].decode(piece)) for key, piece in read.items() if piece])
            if self.now - looked >= seconds:
                looked = self.now
                capture.look(list(streams.values()))
        assert not text
        capture.end(list(streams.values()))
        writer.close()
        self.lines: list[str] = []
        self.progress: list[dict[str, Any]] = []
        self.series: dict[str, list[tuple[int | None, float]]] = defaultdict(list)
        for record, _ in records(path):
            if record[1] == "run.log":
                self.lines += [line["text"] for line in record[3]["lines"]]
            elif record[1] == "run.progress":
                self.progress.append(record[3])
            else:
                for key, value in record[4].items():
                    self.series[key].append((record[3], value))


def test_tqdm(tmp_path: Path) -> None:
    seen = Replayed(tmp_path, "tqdm.pipe")
    # A bar over the whole run, with numbers behind it: those of the step that it shows, each once.
    whole, epochs = seen.series["loss"][:-3], seen.series["loss"][-3:]
    assert whole == [(5, 0.23), (13, 0.172), (21, 0.152), (25, 0.146), (33, 0.137), (40, 0.132)]
    # Then a bar for each epoch, whose steps count on.
    assert epochs == [(30, 0.1198), (60, 0.113), (90, 0.1112)]
    assert seen.series["accuracy"][-3:] == [(30, 0.9517), (60, 0.9518), (90, 0.9521)]
    assert seen.series.keys() == {"loss", "accuracy"}
    assert [line for line in seen.lines if line.startswith("Epoch 2")] == [
        "Epoch 2/3: 100%|██████████| 30/30 [00:00<00:00, 633.78batch/s, loss=0.1130]",
        "Epoch 2: accuracy = 0.9518",
    ]
    assert len(seen.lines) == 7
    first, last = seen.progress[1], seen.progress[-2]
    assert (first["step"], first["steps"], first["percent"], first["rate"], first["unit"]) == (5, 40, 12.5, 24.04, "it")
    assert (last["epoch"], last["epochs"], last["percent"], last["unit"]) == (3, 3, 100.0, "batch")


def test_nested_bars(tmp_path: Path) -> None:
    seen = Replayed(tmp_path, "nested.pipe")
    assert seen.series == {"loss": [(6, 0.102), (18, 0.0986), (42, 0.0892), (52, 0.1), (72, 0.0892), (84, 0.0935)]}
    assert seen.lines == ["Epochs: 100%|██████████| 3/3 [00:01<00:00,  1.65it/s]"]
    shares = [progress["percent"] for progress in seen.progress]
    assert shares == sorted(shares)
    assert (shares[1], shares[-1]) == (6.667, 100.0)
    # No batch is under way any more.
    assert (seen.progress[-1]["epoch"], seen.progress[-1]["step"]) == (3, None)


@pytest.mark.parametrize("way", ["pipe", "terminal"])
def test_keras(tmp_path: Path, way: str) -> None:
    seen = Replayed(tmp_path, f"keras.{way}")
    # fit() with a bar, evaluate(), then fit() with a line for each epoch.
    assert seen.series["val_loss"] == [
        (75, 0.613), (150, 0.5228), (225, 0.4586), (38, 0.6611), (76, 0.5996), (114, 0.5483),
    ]  # fmt: skip
    assert {(75, 0.6731), (150, 0.5532), (225, 0.4729), (114, 0.5583)} <= set(seen.series["loss"])
    assert len(set(seen.series["loss"])) == len(seen.series["loss"])
    assert (seen.series["evaluate_loss"], seen.series["evaluate_accuracy"]) == ([(225, 0.4353)], [(225, 0.83)])
    assert len(seen.series) == 6
    assert len(seen.lines) == 14
    bars = [progress for progress in seen.progress if progress["rate"] is not None]
    assert (bars[0]["epochs"], bars[0]["steps"], bars[0]["unit"]) == (3, 75, "step")
    assert seen.progress[-1]["percent"] == 100.0


@pytest.mark.parametrize("way", ["pipe", "terminal"])
def test_transformers(tmp_path: Path, way: str) -> None:
    seen = Replayed(tmp_path, f"transformers.{way}")
    # What the Trainer prints names no step; the bar that it draws behind the line does.
    losses = [4.351, 3.82, 3.373, 3.019, 2.559, 2.254, 2.019, 1.815, 1.633, 1.449, 1.414, 1.35]
    assert seen.series["loss"] == list(zip(range(5, 61, 5), losses, strict=True))
    assert seen.series["learning_rate"][-1] == (60, 5e-05)
    assert seen.series["eval_loss"] == [(20, 2.944), (40, 2.03), (60, 1.764)]
    assert seen.series["train_loss"] == [(60, 2.421)]
    # The bar of the evaluation is not the run's.
    assert {progress["steps"] for progress in seen.progress} == {60}
    assert (seen.progress[-1]["epoch"], seen.progress[-1]["percent"]) == (3, 100.0)
    assert len(seen.lines) == 17


@pytest.mark.parametrize("at_once", [2, 5, 30])
def test_steps_are_right_when_bars_and_lines_are_read_together(tmp_path: Path, at_once: int) -> None:
    piecewise, together = (
        Replayed(tmp_path / str(count), "transformers.pipe", at_once=count).series for count in (1, at_once)
    )
    assert together == piecewise


def test_lightning_with_tqdm(tmp_path: Path) -> None:
    seen = Replayed(tmp_path, "lightning_tqdm.pipe")
    # Epochs count from 0, and the bar keeps the loss on held-out rows until there is a new one.
    assert seen.series["val_loss"] == [(200, 0.151), (400, 0.117), (600, 0.0809)]
    assert {(200, 0.0798), (400, 0.187), (600, 0.0615)} <= set(seen.series["train_loss"])
    assert seen.series.keys() == {"train_loss", "val_loss"}
    assert {progress["steps"] for progress in seen.progress} == {200}
    assert len(seen.lines) == 19


def test_lightning_with_rich(tmp_path: Path) -> None:
    # Into a pipe, Rich draws nothing before the end.
    seen = Replayed(tmp_path, "lightning.pipe")
    assert seen.series == {"train_loss": [(600, 0.062)], "val_loss": [(600, 0.081)]}
    last = seen.progress[-1]
    assert (last["epoch"], last["epochs"], last["percent"], last["rate"]) == (3, 3, 100.0, 481.96)


def test_lightning_on_a_terminal(tmp_path: Path) -> None:
    seen = Replayed(tmp_path, "lightning.terminal")
    assert seen.series["train_loss"] == [
        (48, 0.341), (120, 0.144), (198, 0.093), (300, 0.211), (432, 0.137), (576, 0.101), (600, 0.062),
    ]  # fmt: skip
    assert len(seen.lines) < 25
    assert [progress["percent"] for progress in seen.progress] == [8.0, 20.0, 33.0, 50.0, 72.0, 96.0, 100.0, 100.0]


def test_xgboost(tmp_path: Path) -> None:
    seen = Replayed(tmp_path, "xgboost.pipe")
    assert [step for step, _ in seen.series["train_logloss"]] == list(range(30))
    assert seen.series["eval_auc"][-1] == (29, 0.99906)
    assert seen.series["validation_0_rmse"] == [(0, 0.94694), (5, 0.38629), (10, 0.35766), (13, 0.35923)]
    assert len(seen.series) == 5
    # Rounds that are over at once: the last one is told.
    assert seen.progress[-1]["step"] == 13


def test_lightgbm(tmp_path: Path) -> None:
    seen = Replayed(tmp_path, "lightgbm.pipe")
    # The best round is told again at the end.
    assert seen.series["eval_auc"] == [(5, 0.998618), (10, 0.9992), (15, 0.999287), (14, 0.999381)]
    assert [step for step, _ in seen.series["valid_0_l2"]] == list(range(1, 21))
    # Counts of rows and scores to start from are no metrics.
    assert len(seen.series) == 5


@pytest.mark.parametrize("file", sorted(CONSOLE.glob("*.txt")), ids=lambda file: file.name)
def test_nothing_is_told_twice(tmp_path: Path, file: Path) -> None:
    for key, points in Replayed(tmp_path, file.name.removesuffix(".txt"), seconds=0.05).series.items():
        assert len(points) == len(set(points)), key
