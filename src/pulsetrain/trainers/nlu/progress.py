"""How much of a run is done, by the work that it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

_SHOWN_EVERY = 0.2


class Progress:
    """Shares of stages as a share of the run. A stage weighs what it is expected to cost, beside the others."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._weights: dict[str, float] = {}
        self._done: dict[str, float] = {}
        self._percent = 0.0
        self._shown = 0.0

    def expect(self, weights: dict[str, float]) -> None:
        """What stages cost, in any unit; may be told anew when somebody changes the number of epochs."""
        self._weights |= weights

    def show(
        self,
        stage: str,
        share: float,
        *,
        epoch: int | None = None,
        epochs: int | None = None,
        rate: float | None = None,
        often: bool = False,
    ) -> None:
        """`share` of the stage is done. What is told `often` is shown only now and then."""
        now = time.monotonic()
        self._done[stage] = share
        if often and now - self._shown < _SHOWN_EVERY:
            return
        self._shown = now
        total = sum(self._weights.values())
        done = sum(weight * self._done.get(name, 0.0) for name, weight in self._weights.items())
        # More epochs than before are more work, but what is done is not undone.
        self._percent = max(self._percent, 100 * done / total if total else 0.0)
        unit = None if rate is None else "examples"
        self.run.progress(percent=self._percent, epoch=epoch, epochs=epochs, rate=rate, unit=unit)
