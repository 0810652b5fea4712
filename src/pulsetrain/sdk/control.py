"""Commands from the supervisor to the training process. Asking for them costs a read of memory."""

from __future__ import annotations

import mmap
import os
import struct
import time
from typing import Any

import msgspec

from pulsetrain.wire.spool import frame, scan

from .folder import CONTROL_SIZE, SpoolFolder

_COUNT = slice(0, 8)
_LINK = 8
"""Byte of the control page that says whether the supervisor reaches the server."""
_HOLD = 9
"""Byte that holds the number of the pause that is wanted, or 0."""
_HALTED = slice(16, 24)
"""How many seconds the run's processes have been halted so far, a double."""
_HOLD_SECONDS = 60.0
"""A process that waits to be halted goes on after so long: its supervisor is dead."""
_LASTING = frozenset({"set", "stop"})
"""What was asked for before a process began concerns it too, even if others have answered it."""

LINK_UNKNOWN, LINK_UP, LINK_DOWN, LINK_REFUSED = range(4)


class Command(msgspec.Struct, frozen=True):
    """A request to the run."""

    id: str
    command: str
    arguments: dict[str, Any] = {}
    by: str | None = None


class NoCommands:
    """Where nobody can ask for anything."""

    numbers: Any = (0,)
    seen = 0
    link = LINK_UNKNOWN
    halted_seconds = 0.0

    def take(self) -> list[Command]:
        return []

    def wait_to_be_halted(self, hold: int) -> None:
        return


class Commands(NoCommands):
    """The training process's end."""

    def __init__(self, folder: SpoolFolder) -> None:
        """Raises OSError if the folder has no control page."""
        descriptor = os.open(folder.control, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._page = mmap.mmap(descriptor, CONTROL_SIZE, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        # The page is written and read on one machine: its own byte order will do.
        self.numbers = memoryview(self._page).cast("Q")
        """The first one counts commands; `numbers[0] != seen` says that there may be some that `take()` has not given.
        """
        self._seconds = memoryview(self._page).cast("d")
        self._folder = folder
        self._before = self.numbers[0]
        self.seen = 0
        self._offset = 0

    @property
    def link(self) -> int:  # type: ignore[override]
        """What the supervisor last found of the server: LINK_UNKNOWN, LINK_UP, LINK_DOWN or LINK_REFUSED."""
        return self._page[_LINK]

    @property
    def halted_seconds(self) -> float:  # type: ignore[override]
        """How long the run's processes have been halted so far."""
        seconds: float = self._seconds[_HALTED.start // 8]
        return seconds

    def take(self) -> list[Command]:
        """The commands since the last call. Raises OSError."""
        seen = self.numbers[0]
        with self._folder.commands.open("rb") as file:
            file.seek(self._offset)
            found = scan(file.read())
        self._offset += found.size
        # Counted before they were read: one that comes in between is asked for again.
        self.seen = seen
        records = [msgspec.msgpack.decode(body) for body in found.bodies]
        return [command for n, _, _, data in records if self._concerns(n, command := msgspec.convert(data, Command))]

    def _concerns(self, n: int, command: Command) -> bool:
        """Whether it is this process's business; a checkpoint that others saved before it began is not."""
        return n > self._before or command.command in _LASTING or not self._folder.claimed(command.id)

    def wait_to_be_halted(self, hold: int) -> None:
        """Wait at this safe point until the supervisor has halted the process and let it go on again."""
        deadline = time.monotonic() + _HOLD_SECONDS
        while self._page[_HOLD] == hold and time.monotonic() < deadline:
            time.sleep(0.005)


class CommandWriter:
    """The supervisor's end."""

    def __init__(self, folder: SpoolFolder) -> None:
        """Raises OSError."""
        descriptor = os.open(folder.control, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._page = mmap.mmap(descriptor, CONTROL_SIZE)
        finally:
            os.close(descriptor)
        self._file = os.open(folder.commands, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._count = int.from_bytes(self._page[_COUNT], "little")

    def send(self, command: Command, now: float) -> None:
        """Put `command` where the training process finds it at its next safe point. Raises OSError."""
        record = (self._count + 1, command.command, now, msgspec.to_builtins(command))
        os.write(self._file, frame(msgspec.msgpack.encode(record)))
        # The count comes after what it counts.
        self._count += 1
        self._page[_COUNT] = self._count.to_bytes(8, "little")

    def hold(self, number: int) -> None:
        """Say that pause `number` (1 to 255) is wanted: who has reached the safe point waits. 0: none is wanted."""
        self._page[_HOLD] = number

    def set_halted(self, seconds: float) -> None:
        """Say how long the run's processes have been halted so far, so that they do not take it for work."""
        self._page[_HALTED] = struct.pack("=d", seconds)

    def set_link(self, state: int) -> None:
        """Tell the training process whether the server is reached."""
        self._page[_LINK] = state

    def close(self) -> None:
        self._page.close()
        os.close(self._file)
