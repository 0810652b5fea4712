"""The process that a supervisor looks after: one that it started, or one that was there before."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Protocol

import psutil

from pulsetrain.sdk.attach import identity
from pulsetrain.sdk.folder import SpoolFolder

from .ending import Exit, exit_of
from .tree import Tree


class Target(Protocol):
    """What the supervisor's loop needs of the process."""

    tree: Tree
    owned: bool
    """Whether everything that it left behind may be ended with it."""
    descriptor: int | None
    """Readable when the process has ended; None where the system has no such thing."""
    poll_seconds: float
    """How often `ended()` must be asked."""

    def ended(self) -> bool: ...

    def exit(self) -> Exit:
        """How it ended."""
        ...

    def terminate(self) -> None:
        """Send SIGTERM to the process and those that belong to it."""
        ...


class Started:
    """A child of this supervisor: its exit is known, and all that it leaves is ours."""

    owned = True
    poll_seconds = 0.5

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self.tree = Tree(child.pid, owned=True)
        self.descriptor = _pidfd(child.pid)
        if self.descriptor is None:
            self.poll_seconds = 0.02

    def ended(self) -> bool:
        return self._child.poll() is not None

    def exit(self) -> Exit:
        return exit_of(self._child.wait())

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGTERM)


class Attached:
    """Somebody else's process. It is over when it has ended, or when it says so."""

    owned = False
    poll_seconds = 0.1

    def __init__(self, pid: int, known_as: str | None, folder: SpoolFolder) -> None:
        self._pid = pid
        self._folder = folder
        self._gone = False
        self.tree = Tree(pid, owned=False)
        self.descriptor = _pidfd(pid)
        with contextlib.suppress(OSError):
            # The number may have gone to another process since.
            self._gone = known_as is not None and identity(pid) != known_as

    def ended(self) -> bool:
        if not self._gone:
            self._gone = not psutil.pid_exists(self._pid) or _is_zombie(self._pid)
        return self._gone or self._folder.outcome_file.exists()

    def exit(self) -> Exit:
        return Exit()

    def terminate(self) -> None:
        # Its process group may be that of a person's shell.
        self.tree.signal(signal.SIGTERM)


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True
