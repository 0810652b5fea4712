"""The flags of `pulsetrain start`: what the trainer's schema says, and clear words for all else."""

from __future__ import annotations

from typing import Any

import pytest

from pulsetrain.cli.start import flags
from pulsetrain.model.errors import BadParameters
from pulsetrain.model.trainers import Trainer

TRAINER = Trainer(
    "demo",
    "Demo",
    parameters={
        "type": "object",
        "properties": {
            "epochs": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 300},
            "learning_rate": {"type": "number", "minimum": 0, "default": 0.001},
            "augment": {"type": "boolean", "default": False},
            "optimizer": {"type": "string", "enum": ["adam", "sgd"], "default": "adam"},
            "note": {"type": ["string", "null"], "default": None},
            "target": {"type": "string"},
        },
        "required": ["target"],
    },
)
GIVEN = ["--target", "y"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--epochs", "50"], {"epochs": 50}),
        (["--epochs=50", "--learning-rate=1e-3"], {"epochs": 50, "learning_rate": 0.001}),
        (["--learning_rate", "1"], {"learning_rate": 1.0}),
        (["--augment"], {"augment": True}),
        (["--augment", "--epochs", "2"], {"augment": True, "epochs": 2}),
        (["--no-augment", "--epochs", "2"], {"augment": False, "epochs": 2}),
        (["--augment", "false"], {"augment": False}),
        (["--optimizer", "sgd"], {"optimizer": "sgd"}),
        (["--note", "-x y"], {"note": "-x y"}),
    ],
)
def test_flags_become_parameters_of_the_right_type(words: list[str], expected: dict[str, Any]) -> None:
    assert flags(TRAINER, [*words, *GIVEN]) == {**expected, "target": "y"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--epoch", "5"], "no flag --epoch"),
        (["--epochs", "five"], "epochs must be a whole number"),
        (["--epochs", "1.5"], "whole number"),
        (["--epochs", "0"], "from 1 to 1000"),
        (["--epochs", "1000000"], "from 1 to 1000"),
        (["--learning-rate", "nan"], "number"),
        (["--learning-rate", "-1"], "at least 0"),
        (["--optimizer", "lion"], "one of 'adam', 'sgd'"),
        (["--epochs"], "needs a value"),
        (["--epochs", "1", "--epochs", "2"], "twice"),
        (["50"], "What is '50'"),
        (["--no-epochs", "5"], "no flag --no-epochs"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], says: str) -> None:
    with pytest.raises(BadParameters, match=says) as refused:
        flags(TRAINER, [*GIVEN, *words])
    assert refused.value.hint


def test_a_missing_flag_is_named_as_a_flag() -> None:
    with pytest.raises(BadParameters, match="needs --target"):
        flags(TRAINER, ["--epochs", "5"])
