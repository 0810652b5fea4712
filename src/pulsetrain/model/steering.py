"""What a run can be asked for, and when: which commands its state takes, and which values fit its controls. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import BadParameters, BadRequest, RunNotActive
from .runs import Control, PendingCommand, Run

DEFAULT_GRACE_SECONDS = 10.0
MAX_GRACE_SECONDS = 3600.0
MAX_NOTE = 2000
ACTIONS = ("checkpoint", "evaluate", "sample")
"""What a run can be asked to do, if it has said that it knows how."""
COMMANDS = ("stop", "pause", "resume", "set", *ACTIONS, "note")
AT_SERVER = frozenset({"note"})
"""Commands that the server answers itself: no supervisor has to do with them."""


def form(command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `command` with their defaults.

    Raises BadRequest for a command that there is not, and where arguments are missing, unknown or of another form.
    """
    if command not in COMMANDS:
        raise BadRequest(f"{command!r} is not a command.", hint=f"Commands: {', '.join(sorted(COMMANDS))}.")
    takes = {"stop": ("grace_seconds",), "set": ("name", "value"), "note": ("text",)}.get(command, ())
    unknown = [name for name in arguments if name not in takes]
    if unknown:
        raise BadRequest(
            f"{command!r} does not take {unknown[0]!r}.", hint=f"It takes {', '.join(takes) or 'no arguments'}."
        )
    made = dict(arguments)
    if command == "stop":
        grace = made.setdefault("grace_seconds", DEFAULT_GRACE_SECONDS)
        if not _FITS["number"](grace) or not 0 <= grace <= MAX_GRACE_SECONDS:
            raise BadRequest(f"The grace must be 0 to {MAX_GRACE_SECONDS:.0f} s; it is {_shown(grace)}.")
    elif command == "set" and (not isinstance(made.get("name"), str) or "value" not in made):
        raise BadRequest("'set' needs the name of a control, and a value.")
    elif command == "note":
        text = made.get("text")
        made["text"] = text = text.strip() if isinstance(text, str) else ""
        if not 1 <= len(text) <= MAX_NOTE:
            raise BadRequest(f"A note is a text of 1 to {MAX_NOTE:,} characters.")
    return made


def check(run: Run, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments (of the right form) as `run` takes them, as far as its state tells.

    Raises RunNotActive for a run that has ended, and BadParameters where it is known not to take the command.
    """
    _check_state(run, command)
    if command == "set":
        return {**arguments, "value": fit(_control(run, arguments["name"]), arguments["value"])}
    if command in ACTIONS and command not in run.actions:
        offered = ", ".join(run.actions) or "nothing"
        raise BadParameters(
            f"Run {run.name} does not know the action {command!r}; it offers {offered}.",
            hint=f'A script offers it by run.on("{command}", function).',
        )
    return dict(arguments)


def same(run: Run, command: str) -> PendingCommand | None:
    """The request that waits for an answer already, where a second one would be the same."""
    rivals = ("stop",) if command == "stop" else ("pause", "resume")
    waiting = [old for old in run.commands if old.command in rivals]
    return waiting[-1] if waiting and waiting[-1].command == command else None


def last_step(run: Run) -> int | None:
    """The last step that the run has logged."""
    newest = max(run.metrics.values(), key=lambda metric: metric.time, default=None)
    return None if newest is None else newest.step


def fit(control: Control, value: Any) -> float | int | str | bool:
    """`value` as the control takes it; a whole number may come as `5.0`. Raises BadParameters with the reason."""
    name, kind = control.name, control.type
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not _FITS[kind](value):
        raise BadParameters(f"{name} must be {_NAMES[kind]}, not {_shown(value)}.", hint=_HINT)
    if control.choices is not None and value not in control.choices:
        raise BadParameters(f"{name} must be one of {_list(control.choices)}, not {_shown(value)}.", hint=_HINT)
    if kind in ("number", "integer"):
        low, high = control.minimum, control.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise BadParameters(f"{name} must be {_bounds(low, high)}, not {_shown(value)}.", hint=_HINT)
    return float(value) if kind == "number" else value


def parse(control: Control, text: str) -> float | int | str | bool:
    """The value that a person typed for `control`. Raises BadParameters."""
    value: Any = text
    if control.type == "boolean":
        value = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
            text.lower(), text
        )
    elif control.type in ("integer", "number"):
        try:
            value = float(text)
        except ValueError:
            value = text
    return fit(control, value)


_NAMES = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
_FITS = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
}
_HINT = "`controls` of the run says what it can be steered by."


def _check_state(run: Run, command: str) -> None:
    state = run.state
    if state == "lost":
        if command != "stop":
            raise RunNotActive(f"Nothing is heard of run {run.name}.", hint="It can be asked again when it is back.")
        return
    if not run.active:
        raise RunNotActive(f"Run {run.name} has {state} already.", hint="Start a new one.")
    if command in ("stop", "note"):
        return
    if state == "queued":
        raise BadParameters(f"Run {run.name} has not started yet.", hint="A waiting run can be stopped, or noted on.")
    if any(old.command == "stop" for old in run.commands):
        raise BadParameters(f"Run {run.name} is being stopped.", hint="Start a new one, or continue it afterwards.")
    if same(run, command) is not None:
        return
    asked = next((old.command for old in reversed(run.commands) if old.command in ("pause", "resume")), None)
    paused = asked == "pause" if asked is not None else state == "paused"
    if command == "pause" and paused:
        raise BadParameters(f"Run {run.name} is paused already.", hint="'resume' lets it go on.")
    if command == "resume" and not paused:
        raise BadParameters(f"Run {run.name} is not paused, it is {state}.")


def _control(run: Run, name: str) -> Control:
    found = next((control for control in run.controls if control.name == name), None)
    if found is None:
        known = ", ".join(control.name for control in run.controls) or "nothing"
        raise BadParameters(
            f"Run {run.name} cannot be steered by {name!r}.",
            hint=f"It offers {known}. A script offers a value by run.param() in its loop.",
        )
    return found


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"from {_shown(low)} to {_shown(high)}"
    return f"at least {_shown(low)}" if high is None else f"at most {_shown(high)}"


def _list(values: Sequence[Any]) -> str:
    return ", ".join(map(_shown, values))


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
