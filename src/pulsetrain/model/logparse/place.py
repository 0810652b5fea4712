"""Where a training is: what lines have said of epochs and steps so far, put together."""

from __future__ import annotations

from .found import Found


class Place:
    """Moved by what lines say. Steps count within an epoch where epochs are announced, else over the whole run."""

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.epochs: int | None = None
        self.step: int | None = None
        self.steps: int | None = None
        self._from_zero = False
        self._within = False
        """Whether steps begin anew with each epoch."""
        self._epoch_steps = 1
        """Steps of an epoch, as far as known."""
        self._percent: float | None = None

    @property
    def whole_run(self) -> bool:
        """Whether a bar counts the steps of the whole run."""
        return not self._within and self.steps is not None

    def move(self, found: Found) -> bool:
        """Go where `found` says; whether it says anything."""
        if found.epoch is not None:
            if found.epochs_done is None:
                self._within = True
                self._from_zero = self._from_zero or found.epoch == 0
                if found.epoch != self.epoch or found.epochs_over is not None:
                    self.step = self.steps = None
            self.epoch = found.epoch
        self.epochs = found.epochs if found.epochs is not None else self.epochs
        if found.step is not None:
            self.step, self.steps = found.step, found.steps if found.steps is not None else self.steps
            if self._within and self.steps:
                self._epoch_steps = self.steps
        return found.epoch is not None or found.step is not None or found.percent is not None

    def at(self, found: Found) -> int | None:
        """Where what `found` says belongs on an axis of the whole run: steps count on over epochs where their number
        is known.
        """
        if found.epochs_over is not None and found.step is None:
            return found.epochs_over * self._epoch_steps
        if self.step is None:
            return self.epoch
        if not self._within or self.epoch is None or not self.steps:
            return self.step
        return (self.epoch - self._first) * self.steps + self.step

    def share(self, found: Found, said: bool) -> tuple[float | None, bool]:
        """The share of the run that is over, in percent, None where unknown; and whether this is news."""
        percent = found.percent if found.percent is not None else self._reckoned(found)
        moved = said or (percent is not None and percent != self._percent)
        self._percent = percent if percent is not None else self._percent
        return percent, moved

    def _reckoned(self, found: Found) -> float | None:
        share = self.step / self.steps if self.step is not None and self.steps else None
        if not self._within and (share is not None or (self.epoch is None and self.epochs is None)):
            done = share
        elif self.epoch is None or not self.epochs:
            return None
        elif found.epochs_done is not None:
            done = found.epochs_done / self.epochs
        elif found.epochs_over is not None:
            under_way = share if share is not None and found.step is not None else 0.0
            done = (found.epochs_over + under_way) / self.epochs
        else:
            if share is None:
                # Metrics without a step are printed when their epoch is over.
                share = 1.0 if found.metrics and self.step is None else 0.0
            done = (self.epoch - self._first + share) / self.epochs
        return round(100 * done, 3) if done is not None and 0 <= done <= 1 else None

    @property
    def _first(self) -> int:
        return 0 if self._from_zero else 1
