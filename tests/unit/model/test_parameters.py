from __future__ import annotations

from typing import Any

import pytest

from pulsetrain.model.errors import BadParameters
from pulsetrain.model.parameters import from_text, validate

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "epochs": {"type": "integer", "default": 100, "minimum": 1, "maximum": 1000},
        "learning_rate": {"type": "number", "default": 1e-3, "minimum": 1e-6, "maximum": 0.1},
        "device": {"type": "string", "default": "auto", "enum": ["auto", "cpu", "cuda"]},
        "target": {"type": ["string", "null"], "default": None},
        "shuffle": {"type": "boolean", "default": True},
        "rows": {"type": "integer", "minimum": 1},
    },
    "required": ["rows"],
}


def test_defaults_complete_what_was_given() -> None:
    assert validate(SCHEMA, {"rows": 3}) == {
        "epochs": 100,
        "learning_rate": 1e-3,
        "device": "auto",
        "target": None,
        "shuffle": True,
        "rows": 3,
    }


@pytest.mark.parametrize("epochs", [0, 1_000_000, -1])
def test_epochs_out_of_bounds_name_the_bounds(epochs: int) -> None:
    with pytest.raises(BadParameters, match=rf"epochs must be from 1 to 1000, not {epochs}\."):
        validate(SCHEMA, {"rows": 1, "epochs": epochs})


@pytest.mark.parametrize("epochs", [1, 1000, 5.0])
def test_the_bounds_themselves_and_a_browsers_whole_number_are_fine(epochs: float) -> None:
    checked = validate(SCHEMA, {"rows": 1, "epochs": epochs})["epochs"]
    assert checked == epochs
    assert type(checked) is int


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": "3"}, "epochs must be a whole number, not '3'"),
        ({"epochs": True}, "epochs must be a whole number, not True"),
        ({"epochs": 2.5}, "epochs must be a whole number, not 2.5"),
        ({"epochs": None}, "epochs must be a whole number, not None"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number, not nan"),
        ({"learning_rate": 1.0}, "learning_rate must be from 1e-06 to 0.1, not 1.0"),
        ({"device": "tpu"}, "device must be one of 'auto', 'cpu', 'cuda', not 'tpu'"),
        ({"target": 3}, "target must be text, not 3"),
        ({"shuffle": 1}, "shuffle must be true or false, not 1"),
        ({"rows": 0}, "rows must be at least 1, not 0"),
        ({"epoch": 3}, "no parameter 'epoch'"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParameters) as caught:
        validate(SCHEMA, {"rows": 1, **given})
    assert message in caught.value.message


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(BadParameters) as caught:
        validate(SCHEMA, {"epochs": 0, "device": 1, "colour": "red"})
    for name in ("epochs", "device", "colour", "rows is missing"):
        assert name in caught.value.message


def test_text_becomes_what_the_schema_asks_for() -> None:
    texts = {"epochs": "5", "learning_rate": "1e-4", "device": "cpu", "target": "none", "shuffle": "no"}
    expected = {"epochs": 5, "learning_rate": 1e-4, "device": "cpu", "target": None, "shuffle": False}
    assert from_text(SCHEMA, texts) == expected


@pytest.mark.parametrize("texts", [{"epochs": "five"}, {"shuffle": "perhaps"}, {"colour": "red"}])
def test_text_that_cannot_be_read_is_refused(texts: dict[str, str]) -> None:
    with pytest.raises(BadParameters):
        from_text(SCHEMA, texts)
