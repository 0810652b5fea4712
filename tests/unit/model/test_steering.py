"""What a run may be asked for in each state, and which values fit which control."""

from __future__ import annotations

from typing import Any

import pytest

from pulsetrain.model.errors import BadParameters, BadRequest, PulsetrainError, RunNotActive
from pulsetrain.model.runs import Control, Metric, PendingCommand, Run
from pulsetrain.model.steering import check, fit, form, last_step, parse, same

LR = Control("lr", 1e-3, "number", 1e-6, 0.1)
EPOCHS = Control("epochs", 10, "integer", 1, 1000)
OPTIMISER = Control("optimiser", "adam", "string", choices=["adam", "sgd"])
SHUFFLE = Control("shuffle", True, "boolean")


def run(state: Any = "running", *waiting: str, actions: tuple[str, ...] = ("checkpoint",)) -> Run:
    made = Run("r_aaaaaaaaaa", "wine", "", "", 1, 9, state=state, actions=list(actions))
    made.controls = [LR, EPOCHS, OPTIMISER, SHUFFLE]
    made.commands = [PendingCommand(f"c_{number}", name, {}, "me", "") for number, name in enumerate(waiting)]
    return made


@pytest.mark.parametrize(
    ("command", "given", "made"),
    [
        ("stop", {}, {"grace_seconds": 10.0}),
        ("stop", {"grace_seconds": 0}, {"grace_seconds": 0}),
        ("pause", {}, {}),
        ("note", {"text": "  half the rate helped \n"}, {"text": "half the rate helped"}),
        ("set", {"name": "lr", "value": 1}, {"name": "lr", "value": 1}),
    ],
)
def test_arguments_of_the_right_form_are_completed(command: str, given: Any, made: Any) -> None:
    assert form(command, given) == made


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("explode", {}),
        ("stop", {"grace_seconds": -1}),
        ("stop", {"grace_seconds": "soon"}),
        ("pause", {"seconds": 3}),
        ("set", {"name": "lr"}),
        ("set", {"name": 3, "value": 1}),
        ("note", {"text": "   "}),
        ("note", {"text": "x" * 2001}),
        ("note", {}),
    ],
)
def test_arguments_of_another_form_are_told(command: str, given: Any) -> None:
    with pytest.raises(BadRequest):
        form(command, given)


@pytest.mark.parametrize(
    ("known", "command", "error"),
    [
        (run("queued"), "pause", BadParameters),
        (run("queued"), "checkpoint", BadParameters),
        (run("queued"), "stop", None),
        (run("queued"), "note", None),
        (run("starting"), "pause", None),
        (run("running"), "pause", None),
        (run("running"), "resume", BadParameters),
        (run("running", "pause"), "resume", None),
        (run("running", "pause", "resume"), "pause", None),
        (run("running", "pause"), "pause", None),
        (run("running", "stop"), "pause", BadParameters),
        (run("running", "stop"), "stop", None),
        (run("paused"), "pause", BadParameters),
        (run("paused", "resume"), "pause", None),
        (run("paused"), "resume", None),
        (run("paused"), "stop", None),
        (run("paused"), "checkpoint", None),
        (run("running"), "evaluate", BadParameters),
        (run("lost"), "stop", None),
        (run("lost"), "note", RunNotActive),
        (run("succeeded"), "note", RunNotActive),
        (run("stopped"), "stop", RunNotActive),
    ],
)
def test_what_a_run_takes_depends_on_its_state(known: Run, command: str, error: type[PulsetrainError] | None) -> None:
    if error is None:
        check(known, command, {})
    else:
        with pytest.raises(error):
            check(known, command, {})


def test_a_second_pause_is_the_first_one_unless_it_was_taken_back() -> None:
    first = same(run("running", "pause"), "pause")
    assert first is not None and first.id == "c_0"
    assert same(run("running", "pause", "resume"), "pause") is None
    assert same(run("running", "checkpoint"), "checkpoint") is None
    assert same(run("running", "note", "stop"), "stop") is not None


@pytest.mark.parametrize(
    ("control", "given", "taken"),
    [
        (LR, 0.01, 0.01),
        (LR, 0.1, 0.1),
        (EPOCHS, 20.0, 20),
        (OPTIMISER, "sgd", "sgd"),
        (SHUFFLE, False, False),
        (Control("width", 4, "integer", choices=[2.0, 4.0]), 2, 2),
        (Control("free", 1.0), -3, -3.0),
    ],
)
def test_a_value_that_fits_is_taken_as_its_type(control: Control, given: Any, taken: Any) -> None:
    found = fit(control, given)
    assert (found, type(found)) == (taken, type(taken))


@pytest.mark.parametrize(
    ("control", "given", "reason"),
    [
        (LR, 1.0, "lr must be from 1e-06 to 0.1, not 1."),
        (LR, "fast", "lr must be a number, not 'fast'."),
        (LR, True, "lr must be a number, not True."),
        (LR, float("nan"), "lr must be a number, not nan."),
        (LR, None, "lr must be a number, not None."),
        (EPOCHS, 0, "epochs must be from 1 to 1000, not 0."),
        (EPOCHS, 2.5, "epochs must be a whole number, not 2.5."),
        (OPTIMISER, "lion", "optimiser must be one of 'adam', 'sgd', not 'lion'."),
        (SHUFFLE, 1, "shuffle must be true or false, not 1."),
        (Control("low", 1, minimum=0), -1, "low must be at least 0, not -1."),
        (Control("high", 1, maximum=5.0), 6, "high must be at most 5, not 6."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_reason(control: Control, given: Any, reason: str) -> None:
    with pytest.raises(BadParameters) as refused:
        fit(control, given)
    assert refused.value.message == reason


def test_what_a_person_types_is_read_as_the_control_wants_it() -> None:
    assert parse(LR, "1e-2") == 0.01
    assert parse(EPOCHS, "20") == 20
    assert parse(SHUFFLE, "off") is False
    assert parse(OPTIMISER, "sgd") == "sgd"
    with pytest.raises(BadParameters):
        parse(LR, "fast")


def test_a_control_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(BadParameters) as refused:
        check(run(), "set", {"name": "speed", "value": 1})
    assert "lr, epochs" in refused.value.hint
    assert check(run(), "set", {"name": "epochs", "value": 7.0}) == {"name": "epochs", "value": 7}


def test_the_last_step_is_that_of_the_newest_metric() -> None:
    made = run()
    assert last_step(made) is None
    made.metrics = {"a": Metric(1.0, 9, 10.0, 1, 1, 1), "b": Metric(1.0, 4, 11.0, 1, 1, 1)}
    assert last_step(made) == 4
