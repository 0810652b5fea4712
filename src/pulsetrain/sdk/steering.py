"""What a run can be steered by, from inside the training process: values, and functions that it can be asked for.

Commands are obeyed at safe points: wherever the training asks for a value or whether it should stop.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from pulsetrain.model.errors import BadParameters
from pulsetrain.model.runs import Control
from pulsetrain.model.steering import ACTIONS, fit

from .control import Command, NoCommands
from .folder import SpoolFolder
from .rank import rank
from .values import finite, number, plain, text

_KINDS = {float: "number", int: "integer", str: "string", bool: "boolean"}
_GONE = "The run has no use for it any more."


class Steering:
    """The controls and actions of one run in one process. `record` writes an event, `step` is the last step logged."""

    def __init__(
        self,
        folder: SpoolFolder | None,
        commands: NoCommands,
        record: Callable[[str, dict[str, Any]], None],
        step: Callable[[], int],
        parameters: Mapping[str, Any],
    ) -> None:
        self.values: dict[str, Any] = {}
        """The value of each control now."""
        self.rules: Mapping[str, Mapping[str, Any]] = {}
        """JSON Schema of parameters that have one: bounds and help where `declare` is given none."""
        self.stop: Command | None = None
        """The request to stop, once there is one."""
        self._folder, self._commands, self._record, self._step = folder, commands, record, step
        self._parameters = parameters
        self._controls: dict[str, Control] = {}
        self._actions: dict[str, Callable[[], Any]] = {}
        self._read: set[str] = set()
        self._withdrawn: set[str] = set()
        self._early: list[Command] = []
        """Requests for controls that this process has not declared yet."""
        self._todo: deque[Command] = deque()
        self._stop_answered = False
        # Of the ranks of one run, and of a process and its children, one says what there is to steer.
        self._speaks = not os.environ.get("PULSETRAIN_SPOOL") or rank() == 0
        self._lock, self._busy = threading.RLock(), threading.Lock()

    # ---- what the training offers ----

    def declare(self, name: str, default: Any, bounds: Mapping[str, Any]) -> Any:
        """The value of `name`, which is offered as a control from now on if it can be one.

        Without bounds or help it is offered from the second reading on: a value that is read once, before the loop,
        would promise an effect that it does not have.
        """
        with self._lock:
            if name in self.values:
                return self.values[name]
            value = self._parameters.get(name)
            # A parameter of a trainer that was left empty is there, as None: what it stands for is the default here.
            value = default if value is None else value
            rule = self.rules.get(name, {})
            kind = _kind(rule, value, default)
            explicit = bool(rule) or any(bound is not None for bound in bounds.values())
            if kind is None or name in self._withdrawn or not (explicit or name in self._read):
                self._read.add(name)
                return value
            self._controls[name] = control = _control(name, kind, value, rule, bounds)
            self.values[name] = float(value) if kind == "number" else value
            early = [command for command in self._early if command.arguments.get("name") == name]
            self._early = [command for command in self._early if command not in early]
            self._tell()
            for command in early:
                self._set(command, control)
            return self.values[name]

    def offer(self, action: str, function: Callable[[], Any]) -> None:
        """Call `function` at the next safe point when somebody asks for `action`. Raises ValueError for another one."""
        if action not in ACTIONS:
            raise ValueError(f"a run can be asked for {', '.join(ACTIONS)}, not for {action!r}")
        with self._lock:
            new = action not in self._actions
            self._actions[action] = function
            self._withdrawn.discard(action)
            if new:
                self._tell()

    def withdraw(self, names: Sequence[str]) -> None:
        """These controls and actions have no effect any more; all of them where none is named."""
        with self._lock:
            gone = set(names) or {*self._controls, *self._actions}
            self._withdrawn |= gone
            known = gone & {*self._controls, *self._actions}
            for name in known:
                self._controls.pop(name, None)
                self._actions.pop(name, None)
                # The value stays as it was steered last, and is read without being a control.
            if known:
                self._tell()

    # ---- what others ask for ----

    def obey(self) -> None:
        """A safe point: do what was asked for since the last one. Raises OSError where commands cannot be read."""
        with self._lock:
            for command in self._commands.take():
                if command.command == "stop":
                    self.stop = self.stop or command
                elif command.command == "set":
                    self._steer(command)
                else:
                    self._todo.append(command)
        # A function that is called here may come to a safe point itself, and so may other threads meanwhile.
        while self._todo and self._busy.acquire(blocking=False):
            try:
                while self._todo:
                    self._do(self._todo.popleft())
            finally:
                self._busy.release()

    def answer_stop(self) -> None:
        """The training knows now that it should stop."""
        if self.stop is not None and not self._stop_answered:
            self._stop_answered = True
            self._applied(self.stop)

    def forked(self) -> None:
        """This is a child now: it obeys too, and its parent speaks."""
        self._lock, self._busy = threading.RLock(), threading.Lock()
        self._speaks = False

    def _steer(self, command: Command) -> None:
        name = str(command.arguments.get("name"))
        control = self._controls.get(name)
        if control is not None:
            self._set(command, control)
        elif name in self._withdrawn:
            self._rejected(command, _GONE)
        else:
            self._early.append(command)

    def _set(self, command: Command, control: Control) -> None:
        name = control.name
        try:
            value = fit(control, command.arguments.get("value"))
        except BadParameters as problem:
            self._rejected(command, problem.message)
            return
        previous, self.values[name] = self.values[name], value
        self._controls[name] = msgspec.structs.replace(control, value=value)
        self._applied(command, {"name": name, "value": value, "previous": plain(previous)})
        self._tell()

    def _do(self, command: Command) -> None:
        if command.command == "pause":
            self._pause(command)
            return
        function = self._actions.get(command.command)
        if function is not None:
            problem = _called(function)
            if problem is None:
                self._applied(command)
            else:
                self._rejected(command, problem)
        elif command.command in self._withdrawn:
            self._rejected(command, _GONE)
        # Else it is offered by another process of the run.

    def _pause(self, command: Command) -> None:
        if self._folder is not None and not self._folder.claimed(command.id):
            save = self._actions.get("checkpoint")
            saved = None if save is None else _called(save) is None
            self._applied(command, {"checkpoint": saved})
        self._commands.wait_to_be_halted(int(command.arguments.get("hold") or 0))

    # ---- answers ----

    def _applied(self, command: Command, details: dict[str, Any] | None = None) -> None:
        answer = {"step": self._step(), "how": "safe point"}
        self._answer("command.applied", command, answer if details is None else {**answer, "details": details})

    def _rejected(self, command: Command, reason: str) -> None:
        self._answer("command.rejected", command, {"reason": reason})

    def _answer(self, type: str, command: Command, answer: dict[str, Any]) -> None:
        # One answer for all processes of the run.
        if self._folder is not None and self._folder.claim(command.id):
            self._record(type, {"id": command.id, "command": command.command, **answer})

    def _tell(self) -> None:
        if self._speaks:
            controls = [msgspec.to_builtins(control) for control in self._controls.values()]
            self._record("run.controls", {"controls": controls, "actions": sorted(self._actions, key=ACTIONS.index)})


def _called(function: Callable[[], Any]) -> str | None:
    """Call the training's own function; what went wrong in a line, with the traceback in the run's output."""
    try:
        function()
    except Exception as problem:  # noqa: BLE001  # training goes on
        traceback.print_exc(file=sys.stderr)
        return text("".join(traceback.format_exception_only(problem)).strip())[:2000]
    return None


def _kind(rule: Mapping[str, Any], value: Any, default: Any) -> str | None:
    """The type of a control; None for a value that is none."""
    named = rule.get("type")
    names = [named] if isinstance(named, str) else named or []
    known = next((name for name in names if name in _KINDS.values()), None)
    if known is not None and value is not None:
        return str(known)
    kind = _KINDS.get(type(value))
    if kind is None and number(value) is not None:
        kind = "number"
    # A whole number that stands for a real one: `--lr 1` where the default is 0.001.
    return "number" if kind == "integer" and isinstance(default, float) else kind


def _control(name: str, kind: Any, value: Any, rule: Mapping[str, Any], bounds: Mapping[str, Any]) -> Control:
    given = {key: bounds.get(key) for key in ("minimum", "maximum", "choices", "help")}
    known = {"choices": rule.get("enum"), "help": rule.get("description")}
    known |= {key: rule.get(key) for key in ("minimum", "maximum")}
    found = {key: value if value is not None else known[key] for key, value in given.items()}
    choices = found["choices"]
    return Control(
        text(name),
        plain(value),
        kind,
        finite(found["minimum"]),
        finite(found["maximum"]),
        None if choices is None else [plain(choice) for choice in choices],
        None if found["help"] is None else text(found["help"]),
    )
