"""The time that is left: never negative, never nothing while there is work, and moved little by the unusual."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsetrain.model.eta import Outlook, Past, Speed, expected_seconds, expected_stages, past_of
from pulsetrain.model.events import iso_time
from pulsetrain.model.runs import Progress, Run, Stage


def train(outlook: Outlook, seconds: list[float], epochs: int, begin: float = 0.0) -> float:
    """One epoch after the other; the time after the last one."""
    at = begin
    for done, each in enumerate(seconds, 1):
        at += each
        outlook.progress(at, 100 * done / epochs, done, epochs, epochs)
    return at


def test_nothing_is_known_of_a_run_that_has_said_nothing() -> None:
    outlook = Outlook()
    assert outlook.remaining(5.0) is None
    outlook.stage("Train", 5.0)
    assert outlook.remaining(9.0) is None
    outlook.progress(10.0, 0.0, 0, 10, 10)
    assert outlook.remaining(10.0) is None, "one moment is no speed"


def test_a_slow_first_epoch_is_forgotten() -> None:
    outlook = Outlook()
    outlook.progress(0.0, 0.0, 0, 100, 100)
    at = train(outlook, [30.0, 1.0, 1.0, 1.0], 100)
    assert outlook.remaining(at) == pytest.approx(96.0)


def test_an_hour_of_standing_still_moves_it_little() -> None:
    outlook = Outlook()
    outlook.progress(0.0, 0.0, 0, 100, 100)
    at = train(outlook, [1.0] * 10 + [3600.0] + [1.0] * 10, 100)
    assert outlook.remaining(at) == pytest.approx(79.0)


def test_it_follows_a_run_that_has_become_slower_for_good() -> None:
    outlook = Outlook()
    at = train(outlook, [1.0] * 50 + [4.0] * 40, 200)
    assert outlook.remaining(at) == pytest.approx(4.0 * 110)


def test_it_counts_down_between_two_words_and_does_not_reach_nothing() -> None:
    outlook = Outlook()
    outlook.progress(0.0, 0.0, 0, 10, 10)
    at = train(outlook, [60.0] * 8, 10)
    assert outlook.remaining(at) == pytest.approx(120.0)
    assert outlook.remaining(at + 30) == pytest.approx(90.0)
    left = outlook.remaining(at + 1000)
    assert left is not None and left >= 6.0


def test_a_run_that_goes_on_after_its_last_percent_is_not_said_to_be_over() -> None:
    outlook = Outlook()
    at = train(outlook, [1.0] * 10, 10)
    assert outlook.remaining(at + 120) == pytest.approx(12.0)


def test_before_a_run_knows_its_speed_earlier_ones_tell() -> None:
    history = [Past(100.0, {"Prepare": 10.0, "Train": 70.0, "Evaluate": 20.0}, 10)] * 3
    outlook = Outlook(history)
    outlook.stage("Prepare", 0.0)
    assert outlook.remaining(4.0) == pytest.approx(96.0)
    outlook.stage("Train", 12.0)
    assert outlook.remaining(12.0) == pytest.approx(90.0)
    # Its own epochs are twice as fast, and what follows is taken to be faster too.
    outlook.progress(12.0, None, 0, 10, 10)
    at = train(outlook, [3.5] * 5, 10, begin=12.0)
    left = outlook.remaining(at)
    assert left is not None and 17.5 + 10 < left < 17.5 + 20
    outlook.stage("Evaluate", 47.0)
    assert outlook.remaining(60.0) == pytest.approx(7.0)
    overdue = outlook.remaining(47.0 + 200)
    assert overdue == pytest.approx(20.0), "a stage that is overdue needs a share of its time so far"


def test_more_epochs_take_longer_where_earlier_runs_show_it() -> None:
    history = [
        Past(31.0, {"Train": 10.0, "Evaluate": 20.0}, 10),
        Past(71.0, {"Train": 50.0, "Evaluate": 20.0}, 50),
        Past(121.0, {"Train": 99.0, "Evaluate": 21.0}, 100),
    ]
    assert expected_stages(history, 200) == {"Train": pytest.approx(200.0, rel=0.02), "Evaluate": 20.0}
    assert expected_seconds(history, 200) == pytest.approx(221.0, rel=0.02)
    assert expected_seconds(history, None) == pytest.approx(71.0)
    assert expected_seconds([], 10) is None
    assert expected_seconds([Past(8.0, {}, 4)], 8) == pytest.approx(16.0)


def test_pauses_do_not_count_and_only_whole_runs_teach() -> None:
    stages = [Stage("Train", "done", iso_time(110.0), iso_time(190.0))]
    run = Run("r_a", "a", iso_time(90.0), iso_time(200.0), 1, 9, state="succeeded", stages=stages)
    run.started_at, run.ended_at, run.progress = iso_time(100.0), iso_time(200.0), Progress(epochs=5)
    assert past_of(run, [(150.0, 180.0)]) == Past(70.0, {"Train": 50.0}, 5)
    assert past_of(run) == Past(100.0, {"Train": 80.0}, 5)
    run.resume_from = "r_b"
    assert past_of(run) is None
    run.resume_from, run.state = None, "stopped"
    assert past_of(run) is None


def test_few_samples_are_kept_however_long_the_run() -> None:
    speed = Speed()
    for step in range(100_000):
        speed.add(step * 0.5, step)
    assert speed.seconds_each() == pytest.approx(0.5)
    assert len(speed._samples) <= 65


positive = st.floats(0.001, 1e5)
pasts = st.lists(
    st.builds(
        Past, positive, st.dictionaries(st.sampled_from("ABC"), st.floats(0, 1e5)), st.none() | st.integers(1, 1000)
    ),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(pasts, st.lists(st.tuples(positive, st.sampled_from(["A", "B", "C", "progress", "ask"])), max_size=40))
def test_it_is_never_negative_and_never_nothing_while_there_is_work(
    history: list[Past], story: list[tuple[float, str]]
) -> None:
    outlook, at, epoch = Outlook(history), 0.0, 0
    for seconds, what in story:
        at += seconds
        if what == "progress":
            epoch += 1
            outlook.progress(at, min(99.0, epoch), epoch, 50, 50)
        elif what != "ask":
            outlook.stage(what, at)
        left = outlook.remaining(at)
        assert left is None or left >= 0.0


def test_an_estimate_is_near_the_truth_for_a_noisy_run() -> None:
    noise = random.Random(7)
    seconds = [noise.lognormvariate(0.0, 0.3) for _ in range(200)]
    outlook = Outlook()
    for done in (50, 100, 150):
        outlook = Outlook()
        at = train(outlook, seconds[:done], 200)
        left = outlook.remaining(at)
        assert left == pytest.approx(sum(seconds[done:]), rel=0.25)
