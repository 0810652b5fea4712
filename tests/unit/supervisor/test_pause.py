"""When a run is halted."""

from __future__ import annotations

from pulsetrain.supervisor.pause import PATIENCE, Pausing


def test_a_run_with_the_sdk_is_halted_at_its_safe_point() -> None:
    pausing = Pausing(10.0, cooperative=True)
    assert not pausing.due(10.0, reached=False)
    assert not pausing.due(10.0 + PATIENCE - 1, reached=False)
    assert pausing.due(12.0, reached=True)


def test_it_is_halted_where_it_is_when_that_takes_too_long() -> None:
    pausing = Pausing(10.0, cooperative=True)
    assert pausing.due(10.0 + PATIENCE, reached=False)
    assert pausing.next_at(10.0) < 10.1
    assert pausing.next_at(10.0 + PATIENCE) == 10.0 + PATIENCE


def test_a_process_that_knows_nothing_of_us_is_halted_at_once() -> None:
    assert Pausing(10.0, cooperative=False).due(10.0, reached=False)
