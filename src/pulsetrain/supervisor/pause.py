"""How a run is paused: asked to reach a safe point, then halted; halted where it is if that takes too long. Pure."""

from __future__ import annotations

PATIENCE = 30.0
"""Seconds that a run has to reach its safe point."""
_LOOK = 0.02


class Pausing:
    """One pause on its way."""

    def __init__(self, now: float, *, cooperative: bool) -> None:
        self._deadline = now + PATIENCE if cooperative else now

    def next_at(self, now: float) -> float:
        """When to look whether the safe point is reached."""
        return min(self._deadline, now + _LOOK)

    def due(self, now: float, *, reached: bool) -> bool:
        """Whether the run is to be halted now."""
        return reached or now >= self._deadline
