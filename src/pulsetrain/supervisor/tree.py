"""The processes of a run: all of them, whoever started them and however they tried to get away."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_KILL_SECONDS = 5.0
_HALT_SECONDS = 2.0


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Processes below this one whose parents end become its children, so that they can be counted and ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the thread that started this process ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Tree:
    """The tree below `root`. With `owned`, everything below this process, orphans included."""

    def __init__(self, root: int, *, owned: bool) -> None:
        self._root = root
        self._owned = owned
        self._seen: dict[int, psutil.Process] = {}

    def members(self, *, quick: bool = False) -> list[psutil.Process]:
        """The living processes of the run. The dead ones that nobody else waits for are laid to rest.

        `quick` asks the kernel for the tree alone, not for every process of the machine, which costs a tenth; while
        processes end, it may overlook one.
        """
        below = _below if quick else _children
        found = below(psutil.Process()) if self._owned else list(self._rooted(below))
        living: list[psutil.Process] = []
        for process in found:
            known = self._seen.get(process.pid)
            # The same object as before: psutil measures the CPU between two questions to it.
            one = known if known is not None and known == process else process
            if _alive(one):
                living.append(one)
            elif self._owned and process.pid != self._root:
                _reap(process.pid)
        self._seen = {process.pid: process for process in living}
        return living

    def _rooted(self, below: Callable[[psutil.Process], list[psutil.Process]]) -> Iterable[psutil.Process]:
        """A tree that is not ours: its root, what is below it, and what was below it when we looked last."""
        found = dict(self._seen)
        for pid in (self._root, *self._seen):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if pid == self._root or process == self._seen[pid]:
                    found[pid] = process
                    found.update((child.pid, child) for child in below(process))
        found.pop(os.getpid(), None)
        return found.values()

    def signal(self, number: signal.Signals) -> None:
        """Send `number` to every process of the tree that still lives."""
        for process in self.members():
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    def halt(self) -> int:
        """Halt every process, all its threads included; the answer is how many go on in spite of that.

        A process may start another one until it is halted itself, so it is looked again until nothing moves.
        """
        deadline = time.monotonic() + _HALT_SECONDS
        while True:
            going = [process for process in self.members() if not _halted(process)]
            if not going or time.monotonic() > deadline:
                return len(going)
            for process in going:
                with contextlib.suppress(psutil.Error):
                    process.suspend()
            time.sleep(0.002)

    def go_on(self) -> None:
        """Let the halted processes go on."""
        self.signal(signal.SIGCONT)

    def kill(self) -> int:
        """End everything for good; the answer is how many are left, which is 0 unless the kernel holds on to one."""
        deadline = time.monotonic() + _KILL_SECONDS
        while True:
            living = self.members()
            if not living or time.monotonic() > deadline:
                return len(living)
            for process in living:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            # A process that forked a moment ago is found in the next round.
            psutil.wait_procs([one for one in living if one.pid != self._root], timeout=0.05)


def leftovers(marker: str) -> list[psutil.Process]:
    """Processes of this user whose environment holds `marker`: what a run left whose supervisor was killed."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get("PULSETRAIN_SPOOL") == marker and _alive(process):
                found.append(process)
    return found


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _below(process: psutil.Process) -> list[psutil.Process]:
    """What is below `process`, by the kernel's own lists of children."""
    if not Path(f"/proc/{process.pid}/task/{process.pid}/children").exists():
        return _children(process)
    found: list[psutil.Process] = []
    waiting = [process.pid]
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_bytes().split())
        if pid != process.pid:
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(pid))
    return found


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _halted(process: psutil.Process) -> bool:
    try:
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
