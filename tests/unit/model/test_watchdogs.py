"""Watchdogs bark once at what they look at, and again only when it had gone away."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsetrain.model.errors import BadParameters
from pulsetrain.model.watchdogs import Alarm, Guard, checked


def rows(key: str, *values: Any) -> dict[str, Any]:
    return {"step": list(range(1, len(values) + 1)), "time": [0.0] * len(values), "values": {key: list(values)}}


def seen(watchdogs: list[dict[str, Any]], key: str, *values: Any) -> list[tuple[str, int | None]]:
    guard = Guard(watchdogs, 0.0)
    return [(alarm.watchdog, alarm.step) for alarm in guard.event("run.metrics", rows(key, *values), 1.0)]


def test_every_run_gets_nan_and_disk_unless_it_says_otherwise() -> None:
    assert [(one["kind"], one["action"]) for one in checked(None)] == [("nan", "warn"), ("disk", "warn")]
    assert checked([]) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "cat"},
        {"kind": "nan", "action": "bite"},
        {"kind": "nan", "metrics": "x"},
        {"kind": "diverges"},
        {"kind": "diverges", "metric": "loss", "factor": 1},
        {"kind": "diverges", "metric": "loss", "window": 2},
        {"kind": "stalled"},
        {"kind": "stalled", "minutes": 0},
        {"kind": "bound", "metric": "loss"},
        {"kind": "disk", "free_percent": 100},
        "nan",
        None,
    ],
)
def test_what_cannot_be_watched_is_refused(wanted: Any) -> None:
    with pytest.raises(BadParameters, match="Watchdog 2"):
        checked([{"kind": "nan"}, wanted])


def test_nan_looks_at_losses_or_at_the_metric_that_is_named() -> None:
    nan = checked([{"kind": "nan"}])
    assert seen(nan, "generator_loss", 1.0, "NaN", "NaN", "Infinity", 2.0, "-Infinity") == [("nan", 2), ("nan", 6)]
    assert seen(nan, "accuracy", "NaN") == []
    named = checked([{"kind": "nan", "metric": "accuracy"}])
    assert seen(named, "accuracy", None, "NaN") == [("nan", 2)]
    assert seen(named, "loss", "NaN") == []


def test_each_metric_is_barked_at_by_itself() -> None:
    guard = Guard(checked([{"kind": "nan", "action": "stop"}]), 0.0)
    assert guard.event("run.metrics", rows("a_loss", "NaN"), 1.0) == [Alarm("nan", "stop", "a_loss is NaN.", 1)]
    assert guard.event("run.metrics", rows("b_loss", "Infinity"), 1.0)[0].message == "b_loss is infinite."
    assert guard.event("run.metrics", rows("a_loss", "NaN"), 1.0) == []


def test_a_bound_is_past_only_beyond_it() -> None:
    both = checked([{"kind": "bound", "metric": "x", "above": 5, "below": -5}])
    assert seen(both, "x", 5, 5.1, 6, 5, -5, -6, 0, 7) == [("bound", 2), ("bound", 6), ("bound", 8)]
    assert seen(both, "x", "NaN") == []
    assert seen(both, "x", "Infinity") == [("bound", 1)]


def test_a_loss_diverges_when_its_median_is_far_above_the_lowest() -> None:
    watchdogs = checked([{"kind": "diverges", "metric": "loss", "factor": 3, "window": 3}])
    assert seen(watchdogs, "loss", 9, 9, 9, 1, 1, 1, 50, 1, 1, 50, 50, 50, 60, 1, 1, 1, 70, 70) == [
        ("diverges", 11),
        ("diverges", 18),
    ]
    assert seen(watchdogs, "loss", *[1] * 5, "NaN", -5, 0, None, 1) == []
    assert seen(watchdogs, "loss", 1, 1) == [], "two values are no window"


def test_a_run_stalls_only_while_it_runs_and_wakes_with_any_sign_of_work() -> None:
    guard = Guard(checked([{"kind": "stalled", "minutes": 10}]), 0.0)
    assert guard.tick(10_000.0) == [], "it waits"
    guard.event("run.status", {"state": "running"}, 10_000.0)
    assert guard.tick(10_599.0) == []
    assert [alarm.watchdog for alarm in guard.tick(10_600.0)] == ["stalled"]
    assert guard.tick(20_000.0) == []
    guard.event("run.stage", {"name": "x"}, 20_000.0)
    assert guard.tick(20_599.0) == []
    guard.event("run.status", {"state": "paused"}, 20_599.0)
    assert guard.tick(90_000.0) == []
    guard.event("run.status", {"state": "running"}, 90_000.0)
    assert guard.tick(90_599.0) == []
    guard.event("run.log", {"lines": []}, 90_599.0)
    assert len(guard.tick(90_600.0)) == 1, "lines of output are no progress"


def test_a_full_disk_is_told_once_until_there_is_room_again() -> None:
    guard = Guard(checked([{"kind": "disk"}]), 0.0)
    assert [len(guard.disk(free)) for free in (5.0, 4.9, 1.0, 5.0, 4.0)] == [0, 1, 0, 0, 1]


def test_what_a_newer_version_knows_does_no_harm() -> None:
    guard = Guard([{"kind": "cat"}, {"kind": "nan", "action": "warn", "metric": None}], 0.0)
    assert len(guard.event("run.metrics", rows("loss", "NaN"), 0.0)) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.01, 100), max_size=80), st.integers(3, 12), st.floats(1.5, 10))
def test_the_running_median_is_the_median(values: list[float], window: int, factor: float) -> None:
    from statistics import median

    watchdogs = checked([{"kind": "diverges", "metric": "loss", "window": window, "factor": factor}])
    expected, lowest, barked = [], float("inf"), False
    for end in range(window, len(values) + 1):
        middle = median(values[end - window : end])
        lowest = min(lowest, middle)
        diverges = middle > factor * lowest
        if diverges and not barked:
            expected.append(("diverges", end))
        barked = diverges
    assert seen(watchdogs, "loss", *values) == expected
