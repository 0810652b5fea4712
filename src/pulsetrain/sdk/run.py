"""What a training script says about itself. Nothing here raises into training."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from . import attach
from .artifacts import keep
from .control import LINK_DOWN, LINK_REFUSED, Commands, NoCommands
from .folder import Outcome, SpoolFolder
from .progress import Pace, Stage
from .rank import named, rank, under_rank
from .spool import SpoolWriter
from .steering import Steering
from .tables import shown
from .values import count, finite, number, numbers, text, whole
from .warn import say, warn_once

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:8787"
STATES = ("succeeded", "failed", "stopped")
active: weakref.WeakSet[Run] = weakref.WeakSet()
"""The runs of this process that have not ended."""


class Run:
    """One execution of training. Made by `pulsetrain.init()`; a context manager."""

    def __init__(
        self, *, id: str, folder: SpoolFolder | None, parameters: dict[str, Any], url: str = DEFAULT_URL
    ) -> None:
        self.id = id
        self.url = f"{url.rstrip('/')}/runs/{id}"
        """Where a browser shows this run."""
        self.parameters = parameters
        self._folder = folder
        self._process = os.getpid()
        self._rank = 0
        self._hooks: attach.Hooks | None = None
        self._step = 0
        self._stages: list[str] = []
        self._pace = Pace(self.clock)
        self._lock = threading.RLock()
        self._finished = False
        self._commands = NoCommands() if folder is None else Commands(folder)
        self._steering = Steering(folder, self._commands, self._record, lambda: self._step, parameters)
        self._values = self._steering.values
        self._writer: SpoolWriter | None = None
        self._row: Callable[[int | None, Mapping[str, Any]], None] = self._first_row
        if folder is not None:
            self._open()
        active.add(self)

    # ---- what the hot path is ----

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log a row of numbers: `run.log({"loss": 0.3, "accuracy": 0.9}, step=120)`.

        NumPy scalars and tensors of one element count as numbers; mappings inside become `outer/inner`; anything else
        is left out with one warning. Without `step`, steps count up from the last one. When this returns, the row
        survives the death of the process.
        """
        try:
            if step is None:
                step = self._step + 1
            elif step.__class__ is not int:
                raise TypeError
            self._row(step, metrics)
            self._step = step
        except Exception as problem:  # noqa: BLE001  # never into training
            self._log_carefully(metrics, step, problem)

    def _log_carefully(self, metrics: Mapping[str, Any], step: Any, problem: Exception) -> None:
        """Log what can be logged of a row that is not plain; `problem` is why the straight way failed."""
        try:
            if isinstance(problem, OSError):
                self._lost(problem)
                return
            good, bad = numbers(metrics)
            for name in bad:
                warn_once(f"value {name}", f"{name!r} is not a number and is not logged.")
            if not good:
                return
            at = self._step + 1 if step is None else whole(step)
            if at is None:
                warn_once("step", f"{step!r} is not a whole number; the automatic step is used.")
                at = self._step + 1
            self._row(at, good)
            self._step = at
        except Exception as second:  # noqa: BLE001  # never into training
            self._lost(second)

    # ---- the rest of what a script can say ----

    def stage(self, name: str, index: int | None = None, of: int | None = None) -> Stage:
        """Begin a named part of the run; the one before it is done. `index` counts from 0.

        Also a context manager, which says whether the part was done or failed.
        """
        name = text(name)
        if name not in self._stages:
            self._stages.append(name)
        place = self._stages.index(name) if index is None else count(index)
        stage = Stage(name, place, count(of), self._record_of_all)
        stage.begin()
        try:
            outlook = self._pace.stage(name)
        except Exception as problem:  # noqa: BLE001  # never into training
            warn_once("outlook", f"the time that is left is not known: {problem}")
            return stage
        if outlook is not None:
            self._record("run.progress", outlook)
        return stage

    def progress(
        self,
        percent: float | None = None,
        *,
        epoch: int | None = None,
        epochs: int | None = None,
        step: int | None = None,
        steps: int | None = None,
        rate: float | None = None,
        unit: str | None = None,
        eta_seconds: float | None = None,
    ) -> None:
        """Say how much of the whole run is done. What is not given stays unknown.

        `percent` is 0 to 100; without it, it is reckoned from `epoch` of `epochs`, else `step` of `steps` (those that
        are over). `rate` is in `unit` per second. Without `eta_seconds`, it is reckoned from the run's own speed so
        far.
        """
        try:
            data = self._pace.data(percent, epoch, epochs, step, steps, rate, unit, eta_seconds)
        except Exception as problem:  # noqa: BLE001  # never into training
            warn_once("progress", f"this progress is not logged: {problem}")
            return
        if data is not None:
            self._record_of_all("run.progress", data)

    def result(
        self,
        task_id: str,
        success: bool | None = None,
        *,
        score: float | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        domain: str | None = None,
    ) -> None:
        """Log what came of one task of a benchmark. `success` stays None where it is unknown."""
        verdict = None if success is None else bool(success)
        found = {"task_id": text(task_id), "success": verdict, "score": number(score), "steps": count(steps)}
        self._record(
            "run.result", {**found, "seconds": finite(seconds), "domain": None if domain is None else text(domain)}
        )

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Show a small table, live: a leaderboard, the worst errors, samples. The newest of a name replaces it.

        Cells are text, numbers, booleans or None; at most 100 rows of 20 columns, the rest is cut with a warning.
        """
        try:
            self._record("run.table", shown(name, columns, rows))
        except Exception as problem:  # noqa: BLE001  # never into training
            warn_once(f"table {name}", f"the table {name!r} is not shown: {problem}")

    def save_artifact(self, path: str | os.PathLike[str], name: str | None = None, kind: str = "file") -> None:
        """Keep a copy of the file as it is now; it is sent to the server beside the run.

        `kind` is `data`, `model`, `checkpoint`, `report` or `file`. The copy shares the disk's blocks where the file
        system can.
        """
        if self._folder is None or self._finished:
            return
        try:
            data = keep(Path(path), self._folder.artifacts, name=name, kind=kind)
        except Exception as problem:  # noqa: BLE001  # never into training
            warn_once(f"artifact {path}", f"{path} is not kept as an artifact: {problem}")
            return
        self._record("run.artifact", data)

    def param(
        self,
        name: str,
        default: T = None,  # type: ignore[assignment]  # without a default: None
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        choices: Sequence[Any] | None = None,
        help: str | None = None,
    ) -> T | Any:
        """The value of `name` now: what the run was started with, else what `config` says, else `default`; and what
        somebody has set it to since.

        Ask for it in the loop, at every step: `lr = run.param("lr", 1e-3, minimum=1e-6, maximum=0.1)`. The page shows a
        control for it, within the bounds, and a change takes effect at the next call. It costs a read of memory.
        """
        commands = self._commands
        if commands.numbers[0] != commands.seen:
            self._safe_point()
        try:
            return self._values[name]
        except KeyError:
            pass
        try:
            bounds = {"minimum": minimum, "maximum": maximum, "choices": choices, "help": help}
            return self._steering.declare(name, default, bounds)
        except Exception as problem:  # noqa: BLE001  # never into training
            warn_once(f"param {name}", f"{name!r} is not offered as a control: {problem}")
            return self.parameters.get(name, default)

    def on(self, action: str, function: Callable[[], Any]) -> None:
        """Offer an action: `function()` is called at the next safe point when somebody asks for it.

        `action` is `checkpoint` (also called before a pause), `evaluate` or `sample`. What `function` raises is logged
        with its traceback, and training goes on.
        """
        try:
            self._steering.offer(action, function)
        except Exception as problem:  # noqa: BLE001  # never into training
            warn_once(f"action {action}", f"this action is not offered: {problem}")

    def settle(self, *names: str) -> None:
        """Say that these controls and actions have no effect any more, for instance after the training; without names,
        that none has. Values stay as they are.
        """
        self._steering.withdraw(names)

    def alert(self, severity: str, message: str) -> None:
        """Say what somebody should look at. `severity` is `info`, `warning` or `error`."""
        if severity not in ("info", "warning", "error"):
            warn_once(f"severity {severity}", f"{severity!r} is no severity of an alert; 'warning' is taken.")
            severity = "warning"
        self._record("alert", {"severity": severity, "message": text(message), "step": self._step})

    @property
    def should_stop(self) -> bool:
        """Whether somebody asked the run to stop. Ask at a safe point, then save, and leave the loop.

        The first True answers the request: the log says that the run stopped at this step. Costs a read of memory.
        """
        commands = self._commands
        if commands.numbers[0] != commands.seen:
            self._safe_point()
        if self._steering.stop is None:
            return False
        self._steering.answer_stop()
        return True

    def clock(self) -> float:
        """Seconds on a clock that stands still while the run is paused: for speeds and durations of your own."""
        return time.monotonic() - self._commands.halted_seconds

    def take_rules(self, properties: Mapping[str, Any]) -> None:
        """Take bounds and help of parameters from their JSON Schema, where `param` is given none."""
        self._steering.rules = properties

    @property
    def dir(self) -> Path:
        """A folder of this run for files of your own, such as checkpoints. It is kept."""
        own = os.environ.get("PULSETRAIN_DIR")
        if own:
            return Path(own)
        return self._folder.path if self._folder is not None else Path.cwd()

    @property
    def checkpoint(self) -> Path | None:
        """The checkpoint to go on from, if this run continues another one."""
        file = os.environ.get("PULSETRAIN_CHECKPOINT")
        return Path(file) if file else None

    def finish(self, state: str | None = None, message: str | None = None) -> None:
        """End the run: `succeeded` if nothing else is said, `failed` or `stopped`. Later calls change nothing."""
        if state is not None and state not in STATES:
            warn_once("state", f"a run does not end as {state!r}; it is one of {', '.join(STATES)}.")
            state = None
        self._end(Outcome(state or "succeeded", message) if state or self._hooks else None)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        if value is None or (isinstance(value, SystemExit) and value.code in (None, 0)):
            self.finish()
        else:
            self._end(attach.outcome_of(value))

    # ---- how it gets there ----

    def _record(self, type: str, data: dict[str, Any], count: int = 1) -> None:
        try:
            if self._finished:
                raise ValueError("the run has ended")
            writer = self._writer or self._open()
            writer.record(type, data, count)
        except Exception as problem:  # noqa: BLE001  # never into training
            self._lost(problem)

    def _record_of_all(self, type: str, data: dict[str, Any]) -> None:
        """What many processes do alike is said by the first of them."""
        if self._rank == 0:
            self._record(type, data)

    def _open(self) -> SpoolWriter:
        """Open this process's own file: a forked child must not write into its parent's."""
        with self._lock:
            if self._writer is None:
                if self._folder is None:
                    raise ValueError("there is no spool")
                # Processes that no supervisor started together are runs of their own.
                self._rank = rank() if os.environ.get("PULSETRAIN_SPOOL") else 0
                self._writer = SpoolWriter(self._folder.producer(f"sdk-{os.getpid()}"))
                self._row = under_rank(self._writer.row, self._rank)
            return self._writer

    def _first_row(self, step: int | None, values: Mapping[str, Any]) -> None:
        if self._finished:
            raise ValueError("the run has ended")
        under_rank(self._open().row, self._rank)(step, values)

    def _lost(self, problem: Exception) -> None:
        if self._folder is None:
            return  # said at init
        warn_once(f"lost {type(problem).__name__}", f"something is not logged: {problem}")

    def _safe_point(self) -> None:
        try:
            self._steering.obey()
        except Exception as problem:  # noqa: BLE001  # never into training
            warn_once("commands", f"commands cannot be read: {problem}")

    def _end(self, outcome: Outcome | None) -> None:
        try:
            if self._finished:
                return
            self._finished = True
            active.discard(self)
            if self._hooks is not None:
                self._hooks.remove()
            self._row = self._first_row
            if self._writer is not None:
                self._writer.close()
            if outcome is not None and self._folder is not None and os.getpid() == self._process:
                self._folder.add_outcome(msgspec.structs.replace(outcome, message=named(outcome.message, self._rank)))
            self._say_where()
        except Exception as problem:  # noqa: BLE001  # never into training
            self._lost(problem)

    def _say_where(self) -> None:
        link = self._commands.link if self._hooks is not None else None
        if link in (LINK_DOWN, LINK_REFUSED) and self._folder is not None:
            why = "there is no server at" if link == LINK_DOWN else "the run was refused by"
            place = self.url.rsplit("/runs/", 1)[0]
            say(f"{why} {place}; the run is in {self._folder.path}, and `pulsetrain sync` ships it.")

    def _exited(self, outcome: Outcome) -> None:
        """The interpreter ends."""
        if os.getpid() == self._process:
            self._end(outcome)

    def _printed(self, stream: str, lines: list[str]) -> None:
        """Lines that this process printed, where no supervisor reads them."""
        now = time.time()
        rows = [{"stream": stream, "text": text(line), "time": now, "level": None} for line in lines]
        if rows and not self._finished:
            self._record("run.log", {"lines": rows}, len(rows))

    def _forked(self) -> None:
        """This is a child now, and the parent goes on writing its file."""
        writer, self._writer = self._writer, None
        self._lock = threading.RLock()
        self._row = self._first_row
        self._steering.forked()
        if writer is not None:
            writer.abandon()


def _after_fork() -> None:
    for run in list(active):
        run._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

if sys.platform == "win32":  # pragma: no cover
    raise ImportError("pulsetrain runs on Linux and macOS.")
