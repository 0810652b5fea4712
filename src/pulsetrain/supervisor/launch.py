"""Starts the command of a run, in a session of its own and with its share of the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from .tree import die_with_parent

THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
)


class CannotStart(Exception):
    """The command is not there or may not be executed. `code` is what a shell would end with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def environment(base: Mapping[str, str], additions: Mapping[str, str], cores: int) -> dict[str, str]:
    """The environment of a run: `base`, without a person's token, and with thread counts of at most `cores`.

    Two runs that each take all cores were measured 10 to 25 times slower than with one thread each.
    """
    made = {key: value for key, value in base.items() if key != "PULSETRAIN_TOKEN"}
    for name in THREAD_COUNTS:
        asked = base.get(name, "")
        made[name] = str(min(cores, int(asked)) if asked.isascii() and asked.isdigit() and int(asked) > 0 else cores)
    made.setdefault("PYTHONUNBUFFERED", "1")
    made.update(additions)
    return made


def launch(command: list[str], made: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `command` with its output in pipes. It dies with the thread that calls this. Raises CannotStart."""
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent()
        if os.getppid() != parent:  # the parent died before the kernel knew
            os._exit(1)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    try:
        return subprocess.Popen(
            command,
            env=dict(made),
            # A terminal cannot be read from another session.
            stdin=subprocess.DEVNULL if sys.stdin is None or sys.stdin.isatty() else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=prepare,  # no thread has been started yet
            bufsize=0,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        name = command[0] if command else ""
        missing = isinstance(problem, FileNotFoundError)
        raise CannotStart(f"{name!r} cannot be started: {reason}.", 127 if missing else 126) from None
