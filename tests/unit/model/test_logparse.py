"""The output parser: the lines of CONTRACTS A and D, the formats of well-known programs, and what must give nothing."""

from __future__ import annotations

import math
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.model.logparse import LogParser, Parsed, metric_name, strip_prefix

BAR = "█████     "
ONE_LINE: list[tuple[str, dict[str, Any]]] = [
    ("Epoch 3/10", {"epoch": 3, "epochs": 10, "percent": 20.0}),
    ("Generator Loss: 1.2345", {"metrics": {"generator_loss": 1.2345}}),
    (
        "Epoch 3/10 Generator Loss: 1.2345 Discriminator Loss: 0.8765, Real Scores: 0.81 Fake Scores: 0.22",
        {
            "epoch": 3,
            "epochs": 10,
            "percent": 30.0,
            "metrics": {
                "generator_loss": 1.2345,
                "discriminator_loss": 0.8765,
                "real_scores": 0.81,
                "fake_scores": 0.22,
            },
        },
    ),
    (
        '{"epoch": 4, "total_epochs": 10, "loss": 0.5, "metrics": {"valLoss": 0.6}, "ok": true, "timestamp": 12.5}',
        {"epoch": 4, "epochs": 10, "percent": 40.0, "metrics": {"loss": 0.5, "val_loss": 0.6}},
    ),
    ('{"level": "error", "message": "no space left", "loss": 1}', {"level": "error", "metrics": {"loss": 1.0}}),
    (
        "{'loss': 0.5, 'learning_rate': 5e-05, 'epoch': 1.5}",
        {"epoch": 2, "metrics": {"loss": 0.5, "learning_rate": 5e-05}},
    ),
    ("Progress: 50%", {"percent": 50.0}),
    ("progress = 12.5 %", {"percent": 12.5}),
    ("Progress: 0.5", {}),
    (
        f"Epoch 5/10:  50%|{BAR}| 5/10 [00:01<00:01,  4.00it/s, loss=0.5, acc=0.9]",
        {"epoch": 5, "epochs": 10, "step": 5, "steps": 10, "percent": 45.0, "metrics": {"loss": 0.5, "acc": 0.9}},
    ),
    (f"train:  50%|{BAR}| 5/10 [00:01<00:01,  4.00it/s]", {"step": 5, "steps": 10, "percent": 50.0}),
    (f"Downloading data:  50%|{BAR}| 5/10 [00:01<00:01,  4.00it/s]", {}),
    ("lr=0.001 train/loss=0.25 valLoss: 3e-2", {"metrics": {"lr": 0.001, "train_loss": 0.25, "val_loss": 0.03}}),
    ("accuracy: 98%", {"metrics": {"accuracy": 98.0}}),
    ("loss: 0.5 ± 0.02", {"metrics": {"loss": 0.5}}),
    ("with loss = 0.5.", {"metrics": {"loss": 0.5}}),
    (
        "[Epoch 0/200] [Batch 469/938] [D loss: 0.693] [G loss: 0.7]",
        {
            "epoch": 0,
            "epochs": 200,
            "step": 469,
            "steps": 938,
            "percent": 0.25,
            "metrics": {"d_loss": 0.693, "g_loss": 0.7},
        },
    ),
    (
        "469/938 [=======>......] - ETA: 3s - loss: 0.2947 - accuracy: 0.9142",
        {"step": 469, "steps": 938, "percent": 50.0, "metrics": {"loss": 0.2947, "accuracy": 0.9142}},
    ),
    (
        "Epoch [3/10], Step [150/600], Loss: 0.1234",
        {"epoch": 3, "epochs": 10, "step": 150, "steps": 600, "percent": 22.5, "metrics": {"loss": 0.1234}},
    ),
    ("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3", {"epoch": 1, "step": 640, "steps": 60000, "metrics": {"loss": 2.3}}),
    ("iter 100: loss 2.5310, time 30.20ms", {"step": 100, "metrics": {"loss": 2.531}}),
    ("step 0: train loss 4.2, val loss 4.21", {"step": 0, "metrics": {"train_loss": 4.2, "val_loss": 4.21}}),
    ("Mean Squared Error: 0.12", {"metrics": {"mean_squared_error": 0.12}}),
    ("ERROR: disk full", {"level": "error", "message": "disk full"}),
    ("CRITICAL: loss: 5", {"level": "error", "metrics": {}}),
    ("RuntimeError: CUDA out of memory", {"level": "error"}),
    ("/x/train.py:12: UserWarning: found 3 NaN, rate: 3", {"level": "warning", "metrics": {}}),
    ("\x1b[32mLoss:\x1b[0m \x1b[1m0.5\x1b[0m", {"message": "Loss: 0.5", "metrics": {"loss": 0.5}}),
    (" 10%|█ | 1/10\r 20%|██ | 2/10 [00:01<00:04]\r", {"step": 2, "steps": 10, "percent": 20.0}),
    ("précision: 0.9", {"metrics": {"précision": 0.9}}),
]


@pytest.mark.parametrize(("line", "expected"), ONE_LINE, ids=[line[:40] for line, _ in ONE_LINE])
def test_one_line(line: str, expected: dict[str, Any]) -> None:
    said = msgspec.structs.asdict(LogParser().feed(line))
    known = {
        key: value
        for key, value in said.items()
        if value not in (None, {}) and key not in ("message", "moved", "level", "at", "rate", "unit", "later")
    }
    assert known == {key: value for key, value in expected.items() if value != {} and key not in ("message", "level")}
    for key in ("message", "level"):
        if key in expected:
            assert said[key] == expected[key]


@pytest.mark.parametrize(
    ("line", "message", "level"),
    [
        ("2026-01-01 10:00:00,000 - name - INFO - loss: 1", "loss: 1", "info"),
        ("2026-01-01 10:00:00,000 - my-app.gan - WARNING - loss: 1", "loss: 1", "warning"),
        ("[INFO] loss: 1", "loss: 1", "info"),
        ("[12:00:01] INFO     loss: 1", "loss: 1", "info"),
        ("2026-01-01T10:00:00Z loss: 1", "loss: 1", None),
        ("INFO:root:loss: 1", "loss: 1", "info"),
        ("INFO:     loss: 1", "loss: 1", "info"),
        ("2026-01-01 10:00:00.123 | DEBUG    | mod:fun:12 - loss: 1", "loss: 1", "debug"),
        ("E1120 10:05:05.123456 4711 file.py:12] loss: 1", "loss: 1", "error"),
        ("- loss: 1", "- loss: 1", None),
        ("INFORMATION: 5", "INFORMATION: 5", None),
    ],
)
def test_prefixes_are_stripped(line: str, message: str, level: str | None) -> None:
    assert strip_prefix(line) == (message, level)


@pytest.mark.parametrize(
    "line",
    [
        "Server on http://localhost:8080?a=5&b=6 and localhost:8080, port: 80",
        "Listening at 10.0.0.1:6006 since 10:05:05",
        "Note: 3 files found in the folder",
        "see /data/run=5/x.py:12 or train.py:12",
        '  File "train.py", line 12, in main',
        "python train.py --lr=0.1 --epochs=5",
        "Python version: 3.11",
        "wrote 12 files: 3 were new",
        "time: 10:05:05",
        "seed: 42, pid: 4711, exit code: 1",
        "the best of all of the models so far was number: 5",
        "Best epoch: 3/4/2026",
        "size=12MB in 3s",
        "ratio: 3/4",
        "G_loss: 1,234",
        "huge=" + "9" * 400,
        "name: Nantes, inference: off",
        "{not json: 5x}",
        "",
        "   ",
        "\x00\x01",
    ],
)
def test_prose_times_paths_and_ports_give_no_metric(line: str) -> None:
    said = LogParser().feed(line)
    assert said.metrics == {}
    assert said.level is None


def test_metrics_of_the_lines_after_an_epoch_belong_to_it() -> None:
    parser = LogParser()
    at = []
    for line in [
        "Epoch 2/4",
        "Generator Loss: 1.5",
        "sampling…",
        "Discriminator Loss: 0.5",
        "Epoch 3/4",
        "Real Scores: 0.8",
    ]:
        said = parser.feed(line)
        at.append((said.epoch, said.percent, said.moved, said.metrics))
    assert at == [
        (2, 25.0, True, {}),
        (2, 50.0, True, {"generator_loss": 1.5}),
        (None, None, False, {}),
        (2, 50.0, False, {"discriminator_loss": 0.5}),
        (3, 50.0, True, {}),
        (3, 75.0, True, {"real_scores": 0.8}),
    ]


def test_a_new_epoch_forgets_the_step_of_the_last_one() -> None:
    parser = LogParser()
    parser.feed("Epoch 1/2")
    assert parser.feed("5/10 [==>..] - loss: 0.5").percent == 25.0
    assert parser.feed("loss: 0.4").percent == 25.0
    after = parser.feed("Epoch 2/2")
    assert (after.step, after.percent) == (None, 50.0)


def test_epochs_that_count_from_zero() -> None:
    parser = LogParser()
    assert parser.feed("epoch: 0/4, loss: 1").percent == 25.0
    assert parser.feed("epoch: 3/4, loss: 1").percent == 100.0


def test_broken_numbers_of_epochs() -> None:
    parser = LogParser()
    parser.feed("epochs: 4")
    said = parser.feed("{'loss': 0.5, 'epoch': 1.5}")
    # In the middle of the second.
    assert (said.epoch, said.percent) == (2, 37.5)


@pytest.mark.parametrize(
    ("text", "value"), [("nan", math.nan), ("NaN", math.nan), ("inf", math.inf), ("-inf", -math.inf)]
)
def test_values_that_are_not_finite_are_kept(text: str, value: float) -> None:
    for line in (
        f"Epoch 1/2 loss: {text}",
        f'{{"loss": "{ {"inf": "Infinity", "-inf": "-Infinity"}.get(text, "NaN") }"}}',
    ):
        got = LogParser().feed(line).metrics["loss"]
        assert got == value or (math.isnan(got) and math.isnan(value))


def test_a_traceback_is_one_error_and_its_last_line_the_message() -> None:
    parser = LogParser()
    lines = """Traceback (most recent call last):
  File "train.py", line 12, in <module>
    lr=0.5
       ^^^
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "train.py", line 14, in <module>
Epoch 3/10
    fit(loss=3)
torch.cuda.OutOfMemoryError: tried to allocate: 20
Epoch 4/10""".splitlines()
    said = [parser.feed(line) for line in lines]
    errors = [parsed.message for parsed in said if parsed.level == "error"]
    assert errors == [line for line in lines if line and not line.startswith("Epoch")]
    assert all(parsed.metrics == {} for parsed in said)
    assert [parsed.epoch for parsed in said if parsed.epoch] == [3, 4]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Generator Loss", "generator_loss"),
        ("generatorLoss", "generator_loss"),
        ("train/loss", "train_loss"),
        ("ROC-AUC", "roc_auc"),
        ("F1", "f1"),
        ("__x__", "x"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert metric_name(text) == name


_PIECES = st.one_of(
    st.sampled_from("=%|[{}\"'\x1b\r\n-:, 0a"),
    st.sampled_from(
        ["Epoch ", "3/10", ": ", "0.5", "nan", "loss", "%|", "\x1b[", "\x1b]", "1e999", "10:05:05", "step"]
    ),
    st.sampled_from(["Traceback (most recent call last):", "ERROR:", "Error: ", "a.", "9" * 50]),
)


@given(st.lists(st.one_of(st.text(), st.lists(_PIECES).map("".join)), max_size=8))
def test_it_never_raises(lines: list[str]) -> None:
    parser = LogParser()
    for line in lines:
        said = parser.feed(line)
        assert isinstance(said, Parsed)
        assert all(name and isinstance(value, float) for name, value in said.metrics.items())
        assert said.percent is None or 0 <= said.percent <= 100
        assert said.level in (None, "debug", "info", "warning", "error")
        drawn = parser.look([line, *lines])
        assert drawn is None or drawn.percent is None or 0 <= drawn.percent <= 100


def _work(line: str) -> int:
    """A count of the interpreter's calls while `line` is read: a measure of work that no clock disturbs."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1

    parser = LogParser()
    parser.feed("loss: 1")
    sys.setprofile(count)
    try:
        parser.feed(line)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "piece", ["a=1 ", "loss 1 ", "a: 1, ", "\x1b[", '{"a":', "99%|", "Epoch ", "a b c ", "https://x "]
)
def test_work_grows_with_the_length_of_the_line_and_not_faster(piece: str) -> None:
    short, long = _work(piece * 250), _work(piece * 1000)
    assert long <= 4 * short + 50
    # What no pattern may do is backtrack without end: each of these would take minutes.
    LogParser().feed(piece * 200_000)
