"""The dialect of the GAN dashboard (CONTRACTS A): events in, its SSE frames out. Pure.

One event may become several frames: a batch of metrics has a frame per row. The last of them has the event's cursor as
its id; those before it say which they are (`<cursor before the event>.<frames of it that have been seen>`), so that a
client that is cut off between two of them gets the second one, and not the first again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from pulsetrain.model.cursor import Cursor, parse_cursor
from pulsetrain.model.errors import BadRequest
from pulsetrain.model.events import Event, NewEvent, iso_time
from pulsetrain.model.fold import NON_FINITE
from pulsetrain.model.records import json_number
from pulsetrain.model.runs import FINAL, Run, may_move
from pulsetrain.wire.codec import encode_json
from pulsetrain.wire.frames import frame

Message = dict[str, Any]

STATUS = {"running": "running", "succeeded": "completed", "failed": "failed", "stopped": "stopped", "lost": "failed"}
"""State of a run → the dialect's word, where it has one."""

SERIES = ("generator_loss", "discriminator_loss", "real_scores", "fake_scores")
_DECIMALS = 4
_WORDS = {
    "running": "Training is running",
    "succeeded": "Training completed",
    "failed": "Training failed",
    "stopped": "Training stopped",
    "lost": "Training has not been heard of for a long time",
}
_PLACE = re.compile(r"(.+)\.([1-9][0-9]{0,9})")


class Facts(msgspec.Struct):
    """Of a run, what its later events do not repeat. None of it changes once it is known, so that a replay says
    what was said live."""

    data_source: str | None = None
    parameters: dict[str, Any] = {}
    epochs: int | None = None
    started_at: str | None = None


class Known:
    """The facts of each run: from snapshots, and from the events that pass."""

    def __init__(self) -> None:
        self._facts: dict[str, Facts] = {}

    def add(self, runs: Iterable[Run]) -> None:
        """Take what a snapshot says of `runs`."""
        for run in runs:
            facts = self._facts.setdefault(run.id, Facts())
            facts.data_source = run.dataset or " ".join(run.command or []) or None
            facts.parameters = run.parameters
            facts.epochs = facts.epochs or _epochs(run.parameters) or (run.progress.epochs if run.progress else None)
            facts.started_at = run.started_at or facts.started_at

    def of(self, run: str | None) -> Facts:
        """What is known of `run`."""
        return self._facts.get(run or "") or Facts()

    def learn(self, event: Event) -> None:
        """Take from `event` what later ones build on."""
        if event.run is None:
            return
        facts = self._facts.setdefault(event.run, Facts())
        data = event.data
        if event.type == "run.created":
            facts.data_source = data.get("dataset") or " ".join(data.get("command") or []) or None
            facts.parameters = data.get("parameters") or {}
            facts.epochs = _epochs(facts.parameters)
        elif event.type == "run.progress":
            facts.epochs = facts.epochs or data.get("epochs")
        elif event.type == "run.status" and data.get("state") == "running":
            facts.started_at = facts.started_at or event.time


class Channel(msgspec.Struct, frozen=True):
    """One of the three streams: which events it needs, what it makes of each, and what a new client hears first."""

    name: str
    types: frozenset[str]
    translate: Callable[[Event, Facts], list[Message]]
    snapshot: Callable[[Sequence[Run], float], list[Message]]


def connection(channel: str, client: str, clients: int, time: float) -> Message:
    """The first frame of each stream."""
    return {
        "type": "connection",
        "message": f"Connected to the {channel} channel",
        "client_id": client,
        "total_clients": clients,
        "channel": channel,
        "timestamp": iso_time(time),
    }


def status_now(runs: Sequence[Run], time: float) -> list[Message]:
    """The current status: that of the run that works, else of the newest one; `idle` where there was none."""
    active = [run for run in runs if run.active]
    working = [run for run in active if run.started_at is not None]
    run = max(working or active or runs, key=lambda one: one.first_seq, default=None)
    if run is None:
        return [_status("idle", "No training yet", iso_time(time))]
    if not run.active:
        return [_status(STATUS[run.state], run.message or _WORDS[run.state], iso_time(time))]
    # A run that waits for its slot is under way for a client that knows no queue: a second start is refused.
    words = f"Training is {run.state}" if run.state != "running" else run.message or _WORDS["running"]
    return [_status("running", words, iso_time(time))]


def progress_now(runs: Sequence[Run], time: float) -> list[Message]:
    """The last progress of the run that works, if there is one."""
    working = [run for run in runs if run.active and run.progress is not None]
    run = max(working, key=lambda one: one.first_seq, default=None)
    if run is None or run.progress is None or run.progress.percent is None:
        return []
    return [_progress_message(run.progress.epoch, run.progress.percent, run.progress.time or run.updated_at)]


def _training(event: Event, facts: Facts) -> list[Message]:
    if event.type == "run.status":
        return _status_messages(event, facts)
    if event.type != "run.metrics":
        return []
    steps, times, values = event.data["step"], event.data["time"], event.data["values"]
    columns = {name: values[name] for name in SERIES if name in values}
    epochs = values.get("epoch", steps)
    return [
        {
            "type": "training_update",
            "data": {
                "epoch": epochs[row],
                "total_epochs": facts.epochs,
                **{name: _rounded(columns[name][row]) if name in columns else None for name in SERIES},
            },
            "timestamp": iso_time(times[row]) if isinstance(times[row], int | float) else event.time,
        }
        for row in range(len(steps))
        if any(column[row] is not None for column in columns.values())
    ]


def _status_messages(event: Event, facts: Facts) -> list[Message]:
    state, message = event.data["state"], event.data.get("message")
    if state not in STATUS:
        return []
    words = message or _WORDS[state]
    messages = [_status(STATUS[state], words, event.time)]
    if state == "running" and facts.started_at == event.time:
        # The first time alone: a run that pauses, or heals, has started before.
        start = {
            "status": "started",
            "config": facts.parameters,
            "data_source": facts.data_source,
            "message": message or "Training started",
        }
        messages.append({"type": "training_start", "data": start, "timestamp": event.time})
    if state in FINAL:
        end = {"status": STATUS[state], "return_code": event.data.get("return_code"), "message": words}
        messages.append({"type": "training_complete", "data": end, "timestamp": event.time})
    return messages


def _status(status: str, message: str, time: str) -> Message:
    return {"type": "status_update", "data": {"status": status, "message": message}, "timestamp": time}


def _progress(event: Event, facts: Facts) -> list[Message]:
    percent = event.data.get("percent")
    return [] if percent is None else [_progress_message(event.data.get("epoch"), percent, event.time)]


def _progress_message(epoch: int | None, percent: float, time: str) -> Message:
    return {"type": "progress", "epoch": epoch, "progress_percent": round(percent, 2), "timestamp": time}


def _nothing(runs: Sequence[Run], time: float) -> list[Message]:
    return []


def _logs(event: Event, facts: Facts) -> list[Message]:
    return [
        {
            "type": "log_entry",
            "data": {"message": line["text"], "source": line.get("stream", "stdout"), "timestamp": time},
            "timestamp": time,
        }
        for line in event.data["lines"]
        for time in [iso_time(line["time"]) if isinstance(line.get("time"), int | float) else event.time]
    ]


_TRAINING_TYPES = frozenset({"run.created", "run.status", "run.metrics", "run.progress"})

CHANNELS = {
    "training": Channel("training", _TRAINING_TYPES, _training, status_now),
    "progress": Channel("progress", frozenset({"run.progress"}), _progress, progress_now),
    "logs": Channel("logs", frozenset({"run.log"}), _logs, _nothing),
}


def frames(generation: str, seq: int, messages: Sequence[Message], skip: int = 0) -> bytes:
    """The SSE frames of the event at `seq`, without the first `skip` of them."""
    last = len(messages) - 1
    before = Cursor(generation, seq - 1)
    return b"".join(
        frame(encode_json(message), id=str(Cursor(generation, seq)) if place == last else f"{before}.{place + 1}")
        for place, message in enumerate(messages)
        if place >= skip
    )


def place_of(last_id: str) -> tuple[str, int]:
    """The cursor to go on from, and how many frames of the event after it the client has seen already."""
    match = _PLACE.fullmatch(last_id)
    if match is not None and parse_cursor(match[1]) is not None:
        return match[1], int(match[2])
    return last_id, 0


def _epochs(parameters: dict[str, Any]) -> int | None:
    epochs = parameters.get("epochs")
    return epochs if isinstance(epochs, int) and not isinstance(epochs, bool) else None


def _rounded(value: float | str | None) -> float | None:
    """`value` to 4 decimals; None for what is no number (its clients take finite numbers alone)."""
    if isinstance(value, str) or value is None or not math.isfinite(value):
        return None
    return round(value, _DECIMALS)


# ---- the other way: what a trainer that speaks this dialect hands in ----

_STATES = {"running": "running", "started": "running", **{STATUS[state]: state for state in sorted(FINAL)}}


def events_of(message: Message, channel: str, run: Run, time: float) -> list[NewEvent]:
    """The events that a trainer's own message, posted for `channel`, means for its run. Raises BadRequest."""
    data = message.get("data", {}) if channel == "training" else message
    kind = message.get("type", "progress" if channel == "progress" else None)
    handler = _INCOMING.get((channel, kind)) if isinstance(kind, str) else None
    if handler is None or not isinstance(data, dict):
        known = ", ".join(sorted(name for at, name in _INCOMING if at == channel))
        raise BadRequest(f"{kind!r} is no message for this route.", hint=f"Send one of: {known}.")
    return handler(data, run, time)


def _update_in(data: Message, run: Run, time: float) -> list[NewEvent]:
    epoch, epochs = _whole(data, "epoch"), _whole(data, "total_epochs")
    values = {name: [number] for name in SERIES if (number := _number(data, name)) is not None}
    events = []
    if values:
        events.append(NewEvent("run.metrics", {"step": [epoch], "time": [time], "values": values}, run.id))
    if epochs and epoch is not None and (run.progress is None or run.progress.epochs != epochs):
        percent = round(min(100.0, 100 * epoch / epochs), 2)
        events.insert(0, NewEvent("run.progress", {"percent": percent, "epoch": epoch, "epochs": epochs}, run.id))
    return _moved(run, "running") + events


def _progress_in(data: Message, run: Run, time: float) -> list[NewEvent]:
    percent = _number(data, "progress_percent")
    if not isinstance(percent, int | float) or not 0 <= percent <= 100:
        raise BadRequest("'progress_percent' is a number from 0 to 100.")
    epochs = run.progress.epochs if run.progress else None
    progress = {"percent": percent, "epoch": _whole(data, "epoch"), "epochs": epochs}
    return [*_moved(run, "running"), NewEvent("run.progress", progress, run.id)]


def _status_in(data: Message, run: Run, time: float) -> list[NewEvent]:
    state = _STATES.get(str(data.get("status")))
    if state is None:
        raise BadRequest(f"{data.get('status')!r} is no status.", hint=f"One of: {', '.join(_STATES)}.")
    if state in FINAL:
        return []  # `training_complete` follows, and says it with the return code
    return _moved(run, state, message=data.get("message"))


def _complete_in(data: Message, run: Run, time: float) -> list[NewEvent]:
    state = _STATES.get(str(data.get("status")))
    if state not in FINAL:
        raise BadRequest("'status' is completed, failed or stopped.")
    ended = {"message": data.get("message"), "return_code": _whole(data, "return_code"), "ended_by": "itself"}
    if run.trainer is not None:
        return []  # its supervisor reports the end, with the proof that nothing is left
    # A run that never said that it runs has run all the same.
    return [*_moved(run, "running"), NewEvent("run.status", {"state": state, **ended}, run.id)]


def _log_in(data: Message, run: Run, time: float) -> list[NewEvent]:
    text = data.get("message")
    if not isinstance(text, str):
        raise BadRequest("'message' is the text of the line.")
    stream = data.get("source") if data.get("source") in ("stdout", "stderr") else "stdout"
    line = {"stream": stream, "text": text, "time": time, "level": None}
    return [NewEvent("run.log", {"lines": [line]}, run.id)]


_INCOMING: dict[tuple[str, str], Callable[[Message, Run, float], list[NewEvent]]] = {
    ("training", "training_update"): _update_in,
    ("training", "training_start"): _status_in,
    ("training", "status_update"): _status_in,
    ("training", "training_complete"): _complete_in,
    ("training", "log_entry"): _log_in,
    ("progress", "progress"): _progress_in,
}


def _moved(run: Run, state: str, message: object = None) -> list[NewEvent]:
    if run.state == state or not may_move(run.state, state):
        return []
    return [NewEvent("run.status", {"state": state, "message": message}, run.id)]


def _whole(data: Message, name: str) -> int | None:
    value = data.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise BadRequest(f"{name!r} is a whole number; it is {value!r}.")
    return value


def _number(data: Message, name: str) -> float | str | None:
    """A number as the log keeps it: those that JSON lacks as their names."""
    value = data.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)) or value in NON_FINITE:
        return json_number(value)  # type: ignore[no-any-return] # it takes and gives any JSON value
    raise BadRequest(f"{name!r} is a number; it is {value!r}.")
