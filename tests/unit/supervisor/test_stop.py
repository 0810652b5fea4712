"""The degrees of a stop."""

from __future__ import annotations

from pulsetrain.supervisor.stop import Stopping


def test_with_the_sdk_it_is_asked_then_told_then_forced() -> None:
    stopping = Stopping(100.0, 10.0, cooperative=True)
    assert stopping.due(100.0) == ["ask"]
    assert stopping.due(109.9) == []
    assert stopping.next_at == 110.0
    assert stopping.due(110.0) == ["SIGTERM"]
    assert stopping.due(112.0) == ["SIGKILL"]
    assert stopping.next_at is None
    assert stopping.sent == "SIGKILL"


def test_without_it_sigterm_comes_at_once() -> None:
    stopping = Stopping(0.0, 3.0, cooperative=False)
    assert stopping.due(0.0) == ["SIGTERM"]
    assert stopping.due(3.0) == ["SIGKILL"]


def test_without_grace_there_is_only_force() -> None:
    assert Stopping(0.0, 0.0, cooperative=True).due(0.0) == ["SIGKILL"]


def test_a_clock_that_jumped_skips_nothing() -> None:
    assert Stopping(0.0, 5.0, cooperative=True).due(99.0) == ["ask", "SIGTERM", "SIGKILL"]


def test_impatience_brings_the_next_step_forward() -> None:
    stopping = Stopping(0.0, 10.0, cooperative=True)
    stopping.due(0.0)
    stopping.hurry(1.0)
    assert stopping.due(1.0) == ["SIGTERM"]
    assert stopping.next_at == 3.0
