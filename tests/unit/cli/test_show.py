"""Runs in words, and how a command that waited for one ends."""

from __future__ import annotations

from typing import Any

import pytest

from pulsetrain.cli import show
from pulsetrain.model.runs import Progress, Run


def _run(**fields: Any) -> Run:
    time = "2026-11-20T10:05:00.000000Z"
    return Run("r_abcdefghij", "wine-1", time, time, 1, 2, **fields)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"state": "succeeded", "return_code": 0}, 0),
        ({"state": "stopped", "return_code": 0}, 130),
        ({"state": "stopped", "signal": "SIGKILL"}, 130),
        ({"state": "failed", "return_code": 3}, 3),
        ({"state": "failed", "return_code": 0}, 1),
        ({"state": "failed"}, 1),
        ({"state": "failed", "return_code": 256}, 1),
        ({"state": "failed", "signal": "SIGKILL"}, 137),
        ({"state": "failed", "return_code": -11}, 139),
        ({"state": "failed", "signal": "SIGNONSENSE"}, 1),
        ({"state": "lost"}, 1),
    ],
)
def test_the_exit_code_is_the_runs_outcome(fields: dict[str, Any], code: int) -> None:
    assert show.exit_code(_run(**fields)) == code


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (4.25, "4.2 s"),
        (42.4, "42 s"),
        (59.6, "1 m 0 s"),
        (125, "2 m 5 s"),
        (3599.9, "1 h 0 m"),
        (11_040, "3 h 4 m"),
        (190_800, "2 d 5 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert show.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456, "123 kB"), (2.5e13, "25.0 TB")]
)
def test_sizes(count: float, words: str) -> None:
    assert show.size(count) == words


def test_progress_says_what_is_known_and_no_more() -> None:
    assert show.progress(_run()) == ""
    known = Progress(percent=61.6, epoch=31, epochs=50, rate=412.0, unit="rows", eta_seconds=252)
    assert show.progress(_run(state="running", progress=known)) == "62 % · epoch 31/50 · 412 rows/s · 4 m 12 s left"
    assert show.progress(_run(state="stopped", progress=known)) == "62 % · epoch 31/50"
    assert show.progress(_run(state="running", progress=Progress(step=7))) == "step 7"
    assert "left" not in show.progress(_run(state="running", progress=Progress(percent=99, eta_seconds=0.2)))


def test_numbers_that_json_lacks_keep_their_names() -> None:
    assert [show.number(value) for value in ("NaN", 0.123456, 1234567.0)] == ["NaN", "0.1235", "1.235e+06"]


def test_a_waiting_run_says_where_it_stands() -> None:
    assert show.progress(_run(progress=Progress(queue_position=3, start_seconds=40.0))) == "number 3 · starts in 40 s"
    assert show.progress(_run(progress=Progress(queue_position=1))) == "number 1"
    assert show.progress(_run(state="running", progress=Progress(queue_position=1))) == ""
