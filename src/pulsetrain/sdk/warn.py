"""The SDK's one way to complain: once about each thing, and never as an exception."""

from __future__ import annotations

import contextlib
import sys
import warnings

_said: set[str] = set()


class PulsetrainWarning(UserWarning):
    """Something was not logged, and training goes on."""


def warn_once(subject: str, message: str) -> None:
    """Warn about `subject` unless that was done before in this process."""
    if subject in _said:
        return
    _said.add(subject)
    try:
        warnings.warn(f"pulsetrain: {message}", PulsetrainWarning, stacklevel=4)
    except Exception:  # noqa: BLE001  # warnings may have been turned into errors, which must not reach training
        say(message)


def say(message: str) -> None:
    """One line for the person at the terminal."""
    with contextlib.suppress(Exception):
        sys.stderr.write(f"pulsetrain: {message}\n")
        sys.stderr.flush()
