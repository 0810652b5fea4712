"""Commands from the supervisor to the training process. Asking for them costs a read of memory."""

from __future__ import annotations

import mmap
import os
from typing import Any

import msgspec

from pulsetrain.wire.spool import frame, scan

from .folder import CONTROL_SIZE, SpoolFolder

_COUNT = slice(0, 8)
_LINK = 8
"""Byte of the control page that says whether the supervisor reaches the server."""

LINK_UNKNOWN, LINK_UP, LINK_DOWN, LINK_REFUSED = range(4)


class Command(msgspec.Struct, frozen=True):
    """A request to the run."""

    id: str
    command: str
    arguments: dict[str, Any] = {}
    by: str | None = None


class Commands:
    """The training process's end."""

    def __init__(self, folder: SpoolFolder) -> None:
        """Raises OSError if the folder has no control page."""
        descriptor = os.open(folder.control, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._page = mmap.mmap(descriptor, CONTROL_SIZE, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        # The page is written and read on one machine: its own byte order will do.
        self._numbers = memoryview(self._page).cast("Q")
        self._folder = folder
        self._seen = 0
        self._offset = 0

    @property
    def waiting(self) -> bool:
        """Whether there may be commands that `take()` has not given yet."""
        return self._numbers[0] != self._seen

    @property
    def link(self) -> int:
        """What the supervisor last found of the server: LINK_UNKNOWN, LINK_UP, LINK_DOWN or LINK_REFUSED."""
        return self._page[_LINK]

    def take(self) -> list[Command]:
        """The commands since the last call. Raises OSError."""
        seen = self._numbers[0]
        with self._folder.commands.open("rb") as file:
            file.seek(self._offset)
            found = scan(file.read())
        self._offset += found.size
        # Counted before they were read: one that comes in between is asked for again.
        self._seen = seen
        return [msgspec.convert(msgspec.msgpack.decode(body)[3], Command) for body in found.bodies]


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

    def set_link(self, state: int) -> None:
        """Tell the training process whether the server is reached."""
        self._page[_LINK] = state

    def close(self) -> None:
        self._page.close()
        os.close(self._file)
