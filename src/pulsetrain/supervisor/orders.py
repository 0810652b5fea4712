"""What a run was asked for, and how far that has got: stops, pauses, and what the training process does itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from pulsetrain.model.ids import new_command_id
from pulsetrain.model.steering import ACTIONS, DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS
from pulsetrain.sdk.control import Command, CommandWriter
from pulsetrain.sdk.folder import SpoolFolder

from .ending import Asked
from .pause import Pausing
from .stop import Stopping
from .target import Target

Record = Callable[[str, dict[str, Any]], None]


class Orders:
    """Obeys commands and signals. For the supervisor's main thread.

    `has_sdk` says whether the training process knows of us, `drain` takes the output that is there, and `complain`
    takes what a person should know.
    """

    def __init__(
        self,
        folder: SpoolFolder,
        commands: CommandWriter,
        *,
        record: Record,
        has_sdk: Callable[[], bool],
        drain: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        self._folder, self._commands = folder, commands
        self._record, self._has_sdk, self._drain, self._complain = record, has_sdk, drain, complain
        self._stopping: Stopping | None = None
        self._stop: Command | None = None
        self._requested = False
        self._asked_by = ""
        self._pausing: tuple[Command, Pausing] | None = None
        self._pauses = 0
        self._halted_at: float | None = None
        self._halted_seconds = 0.0
        self._given: list[Command] = []
        """What the training process was given to answer."""

    @property
    def halted(self) -> bool:
        """Whether the processes of the run stand still."""
        return self._halted_at is not None

    @property
    def sent(self) -> str | None:
        """The firmest thing that was done to stop the run."""
        return self._stopping.sent if self._stopping is not None else None

    def due(self, now: float) -> Iterator[float]:
        """When `tick` wants to be called next."""
        if self._stopping is not None and self._stopping.next_at is not None:
            yield self._stopping.next_at
        if self._pausing is not None:
            yield self._pausing[1].next_at(now)

    def tick(self, target: Target) -> None:
        """Do what is due."""
        now = time.monotonic()
        if self._stopping is not None:
            for action in self._stopping.due(now):
                self._act(action, target)
        if self._pausing is not None:
            command, pausing = self._pausing
            if pausing.due(now, reached=self._folder.claimed(command.id)):
                self._pausing = None
                self._halt(command, target)

    # ---- what is asked for ----

    def take(self, command: Command, target: Target) -> None:
        """Obey a command from the server."""
        if command.command == "stop":
            self._begin_stop(command, command.by or "request", _grace(command), target)
        elif self._stopping is not None:
            self._reject(command, "The run is being stopped.")
        elif command.command == "pause":
            self._pause(command)
        elif command.command == "resume":
            self._resume(command, target)
        elif command.command == "set" or command.command in ACTIONS:
            self._pass_on(command)
        else:
            self._reject(command, f"This run does not know the command {command.command!r}.")

    def stop_for(self, signal: str, target: Target) -> None:
        """A signal to the supervisor: a stop that nobody at the server has asked for."""
        self._begin_stop(None, signal, DEFAULT_GRACE_SECONDS, target)

    def _begin_stop(self, command: Command | None, by: str, grace: float, target: Target) -> None:
        if self._stopping is not None:
            # Asked again: whoever asks is out of patience.
            self._stopping.hurry(time.monotonic())
            if command is not None:
                self._apply(command, "stopping already")
            return
        if self._pausing is not None:
            self._forget_pause("The run is being stopped.")
        if self.halted and grace > 0:
            # It can save what it has, for the time of its grace.
            self._go_on(target)
        self._halted_at = None
        self._stop = command or Command(new_command_id(), "stop", {"grace_seconds": grace})
        self._requested = command is not None
        self._asked_by = by
        self._stopping = Stopping(time.monotonic(), grace, cooperative=self._has_sdk())
        for action in self._stopping.due(time.monotonic()):
            self._act(action, target)

    def _act(self, action: str, target: Target) -> None:
        assert self._stop is not None
        if action == "ask":
            self._send(self._stop)
            return
        if self._requested:
            self._apply(self._stop, action)
        if action == "SIGTERM":
            target.terminate()
        else:
            target.tree.kill()

    def _pass_on(self, command: Command) -> None:
        if not self._has_sdk():
            self._reject(command, "The process does not use pulsetrain, so it cannot be asked for anything.")
        elif self._send(command):
            self._given.append(command)

    def _send(self, command: Command) -> bool:
        try:
            self._commands.send(command, time.time())
        except OSError as problem:
            self._complain(f"The run cannot be asked for {command.command}: {problem}.")
            return False
        return True

    # ---- pausing ----

    def _pause(self, command: Command) -> None:
        if self.halted or self._pausing is not None:
            self._apply(command, "paused already" if self.halted else "pausing already")
            return
        cooperative = self._has_sdk()
        if cooperative:
            self._pauses = self._pauses % 255 + 1
            self._commands.hold(self._pauses)
            cooperative = self._send(Command(command.id, "pause", {"hold": self._pauses}, command.by))
        self._pausing = (command, Pausing(time.monotonic(), cooperative=cooperative))

    def _resume(self, command: Command, target: Target) -> None:
        if self._pausing is not None:
            self._forget_pause("It was taken back before the run was paused.")
            self._apply(command, "not paused yet")
        elif self.halted:
            # Said before it is so, and so before the first step that follows.
            self._apply(command, "SIGCONT")
            self._go_on(target)
        else:
            self._reject(command, "The run is not paused.")

    def _halt(self, command: Command, target: Target) -> None:
        left = target.tree.halt()
        self._halted_at = time.monotonic()
        if left:
            self._complain(f"{left} of the run's processes could not be halted.")
        # The run's last step is in what it has printed, perhaps.
        self._drain()
        # Unless the training process has said already that it is at a safe point.
        self._apply(command, "SIGSTOP")
        self._record("run.status", {"state": "paused", "message": None})

    def _forget_pause(self, reason: str) -> None:
        assert self._pausing is not None
        command, self._pausing = self._pausing[0], None
        self._commands.hold(0)
        self._reject(command, reason)

    def _go_on(self, target: Target) -> None:
        assert self._halted_at is not None
        self._halted_seconds += time.monotonic() - self._halted_at
        self._halted_at = None
        # Known to the processes before they wake.
        self._commands.set_halted(self._halted_seconds)
        self._commands.hold(0)
        self._record("run.status", {"state": "running", "message": None})
        target.tree.go_on()

    def release(self, target: Target) -> None:
        """Nobody will watch the run any more: leave no process of somebody else's standing still."""
        if self.halted and not target.owned:
            self._go_on(target)

    # ---- answers ----

    def asked(self) -> Asked | None:
        """The stop that was asked for, if any."""
        if self._stopping is None or self._stop is None:
            return None
        return Asked(self._asked_by, self._folder.claimed(self._stop.id), self._stopping.sent)

    def close(self) -> None:
        """The run has ended: nothing that was asked for stays without an answer."""
        waiting = [*self._given]
        if self._pausing is not None:
            waiting.append(self._pausing[0])
        if self._stop is not None and self._requested:
            waiting.append(self._stop)
        for command in waiting:
            self._reject(command, "The run ended before it saw the command.")

    def _apply(self, command: Command, how: str) -> None:
        # The server fills in the step: it knows the last one.
        self._answer("command.applied", command, {"step": None, "how": how})

    def _reject(self, command: Command, reason: str) -> None:
        self._answer("command.rejected", command, {"reason": reason})

    def _answer(self, type: str, command: Command, details: dict[str, Any]) -> None:
        if self._folder.claim(command.id):
            self._record(type, {"id": command.id, "command": command.command, **details})


def _grace(command: Command) -> float:
    seconds = command.arguments.get("grace_seconds", DEFAULT_GRACE_SECONDS)
    fits = isinstance(seconds, int | float) and 0 <= seconds <= MAX_GRACE_SECONDS
    return float(seconds) if fits else DEFAULT_GRACE_SECONDS
