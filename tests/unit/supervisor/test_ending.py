"""How a run ended: one case a line."""

from __future__ import annotations

import pytest

from pulsetrain.sdk.folder import Outcome
from pulsetrain.supervisor.ending import Asked, Exit, exit_of, status

WELL, BADLY, KILLED, UNKNOWN = Exit(0), Exit(3), Exit(signal="SIGKILL"), Exit()
POLITELY = Asked("page", acknowledged=True, sent="ask")
IN_VAIN = Asked("page", acknowledged=False, sent="ask")


@pytest.mark.parametrize(
    ("end", "asked", "outcome", "state", "ended_by"),
    [
        (WELL, None, None, "succeeded", "itself"),
        (BADLY, None, None, "failed", "itself"),
        (KILLED, None, None, "failed", "itself"),
        (WELL, POLITELY, None, "stopped", "safe point"),
        (BADLY, POLITELY, None, "stopped", "safe point"),
        (WELL, IN_VAIN, None, "succeeded", "itself"),
        (BADLY, IN_VAIN, None, "failed", "itself"),
        (WELL, Asked("page", acknowledged=False, sent="SIGTERM"), None, "stopped", "SIGTERM"),
        (KILLED, Asked("page", acknowledged=True, sent="SIGKILL"), None, "stopped", "SIGKILL"),
        (WELL, None, Outcome("failed", "not good enough"), "failed", "itself"),
        (BADLY, None, Outcome("succeeded"), "failed", "itself"),
        (UNKNOWN, None, Outcome("succeeded"), "succeeded", "itself"),
        (UNKNOWN, None, Outcome("failed", "ValueError: x", 1), "failed", "itself"),
        (UNKNOWN, None, None, "failed", "itself"),
        (UNKNOWN, POLITELY, Outcome("succeeded"), "stopped", "safe point"),
    ],
)
def test_ends(end: Exit, asked: Asked | None, outcome: Outcome | None, state: str, ended_by: str) -> None:
    data = status(end, asked, outcome, None)
    assert (data["state"], data["ended_by"]) == (state, ended_by)
    assert data["signal"] == end.signal


def test_the_message_is_what_says_most() -> None:
    assert status(BADLY, None, None, "ValueError: x")["message"] == "ValueError: x"
    assert status(BADLY, None, None, None)["message"] == "Ended with exit code 3."
    assert status(BADLY, None, Outcome("failed", "said so"), "last")["message"] == "said so"
    assert status(KILLED, None, None, "epoch 3")["message"] == "Killed by SIGKILL. Its last words: epoch 3"
    assert status(WELL, None, None, "bye")["message"] is None


def test_unknown_stays_unknown() -> None:
    assert status(UNKNOWN, None, None, None)["return_code"] is None
    assert status(UNKNOWN, None, Outcome("failed", "x", 2), None)["return_code"] == 2


def test_codes_of_the_shell() -> None:
    assert exit_of(-9) == KILLED
    assert (exit_of(-9).shell_code, exit_of(4).shell_code, UNKNOWN.shell_code) == (137, 4, 0)
    assert exit_of(-63).shell_code == 128
