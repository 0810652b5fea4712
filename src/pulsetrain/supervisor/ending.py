"""How a run ended, from what is known of its end. Pure."""

from __future__ import annotations

import signal
from typing import Any

import msgspec

from pulsetrain.sdk.folder import Outcome


class Exit(msgspec.Struct, frozen=True):
    """How the process ended: a code or a signal, or neither, for a process that somebody else started."""

    code: int | None = None
    signal: str | None = None

    @property
    def shell_code(self) -> int:
        """The exit code that a shell would report; 0 if it is unknown."""
        if self.signal is not None:
            return 128 + int(signal.Signals[self.signal]) if self.signal in signal.Signals.__members__ else 128
        return self.code or 0


def exit_of(return_code: int) -> Exit:
    """From the return code of `subprocess`: below 0 it is a signal."""
    if return_code >= 0:
        return Exit(return_code)
    try:
        return Exit(signal=signal.Signals(-return_code).name)
    except ValueError:
        return Exit(signal=f"signal {-return_code}")


class Asked(msgspec.Struct, frozen=True):
    """A stop that was asked for."""

    by: str
    acknowledged: bool
    """Whether the training process reached its safe point."""
    sent: str | None
    """The firmest signal that was sent."""


def status(end: Exit, asked: Asked | None, outcome: Outcome | None, last_words: str | None) -> dict[str, Any]:
    """The data of the final `run.status`. `last_words` is the line of output that best says why."""
    data = _stopped(end, asked) if asked is not None else None
    if data is None:
        data = _by_itself(end, outcome, last_words)
    known = outcome.return_code if end.code is None and end.signal is None and outcome is not None else end.code
    return {**data, "return_code": known, "signal": end.signal}


def _stopped(end: Exit, asked: Asked) -> dict[str, Any] | None:
    """None if the run ended before it noticed that it should."""
    if asked.sent in ("SIGTERM", "SIGKILL"):
        return {"state": "stopped", "message": f"Stopped on request ({asked.by}).", "ended_by": asked.sent}
    if asked.acknowledged:
        return {"state": "stopped", "message": f"Stopped on request ({asked.by}).", "ended_by": "safe point"}
    return None


def _by_itself(end: Exit, outcome: Outcome | None, last_words: str | None) -> dict[str, Any]:
    said = outcome.message if outcome is not None else None
    if end.code is None and end.signal is None:
        if outcome is None:
            message = "The process ended without a word: it was killed, or it left through os._exit()."
            return {"state": "failed", "message": message, "ended_by": "itself"}
        return {"state": outcome.state, "message": said, "ended_by": "itself"}
    if end.code == 0:
        state = outcome.state if outcome is not None else "succeeded"
        return {"state": state, "message": said, "ended_by": "itself"}
    why = f"Killed by {end.signal}." if end.signal is not None else f"Ended with exit code {end.code}."
    if end.signal is not None and last_words:
        why = f"{why} Its last words: {last_words}"
    elif last_words:
        why = last_words
    return {"state": "failed", "message": said or why, "ended_by": "itself"}
