"""What the run says about itself: its stage, how far it is, rows of metrics, notes; and where it may stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .scores import Asking
from .trainer import STAGES

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

ENDS = dict(zip(STAGES, (10.0, 25.0, 40.0, 55.0, 75.0, 90.0, 95.0, 100.0), strict=True))
"""Per cent of the run when a stage is over (CONTRACTS B)."""


class Stopped(Exception):
    """Somebody asked the run to stop, and all that is worth keeping is saved."""


class Telling:
    """Speaks for the run. `before_stop` is called once when it was asked to stop."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.step = 0
        self.notes: list[str] = []
        self.before_stop: Callable[[], None] = lambda: None
        self._stage = STAGES[0]

    def begin(self, stage: str) -> None:
        """Enter a stage. A safe point."""
        self.safe_point()
        self._stage = stage
        self.run.stage(stage, index=STAGES.index(stage), of=len(STAGES))
        self.show(0.0)

    def show(self, share: float, *, epoch: int | None = None, epochs: int | None = None) -> None:
        """How much of the stage is done. A safe point."""
        place = STAGES.index(self._stage)
        low, high = ENDS[STAGES[place - 1]] if place else 0.0, ENDS[self._stage]
        self.run.progress(percent=low + (high - low) * share, epoch=epoch, epochs=epochs)
        if share < 1:
            self.safe_point()

    def log(self, asking: Asking, **values: float | None) -> None:
        """A row of metrics, and how many predictions were made so far.

        `step` counts these rows: each but the last ones is a look at a model by rows that it had not seen.
        """
        self.step += 1
        known: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        self.run.log({**known, "predictions_processed": asking.made}, step=self.step)

    def note(self, text: str) -> None:
        """What the reader of the report should know, too."""
        self.notes.append(text)
        say(text)

    def safe_point(self) -> None:
        """Raise Stopped if somebody asked for it."""
        if self.run.should_stop:
            self.before_stop()
            raise Stopped


def say(text: str) -> None:
    """A line of the run's log."""
    print(text, flush=True)  # noqa: T201  # a trainer's output is its log


def quality_name(task: str) -> str:
    return "accuracy" if task == "classification" else "R²"


def shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
