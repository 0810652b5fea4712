"""The way of one learner through its examples: epoch by epoch, and from any batch on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import numpy as np

from .linear import Floats, Integers


class Lessons(Protocol):
    """Examples and what learns from them."""

    def batches(self, chance: np.random.Generator) -> list[Integers]:
        """The examples of one epoch."""
        ...

    def learn(self, who: Integers, rate: float) -> float:
        """One step; the summed loss before it."""
        ...

    def state(self) -> dict[str, Floats]:
        """All that going on needs."""
        ...

    def load(self, state: dict[str, Floats]) -> None:
        """Go on from what `state()` gave."""
        ...


class Place(msgspec.Struct):
    """How far a course is: `epoch` epochs and `batch` batches of the next one are done."""

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    """Summed over the batches of the epoch that is under way."""
    history: list[dict[str, float]] = []
    """What was measured after each epoch."""


class Course:
    """Lessons, and the place where they are. The order of examples depends on the seed and the epoch alone."""

    def __init__(self, lessons: Lessons, seed: tuple[int, int]) -> None:
        self.lessons = lessons
        self.place = Place()
        self._seed = seed

    def epoch(
        self, rate: Callable[[], float], stop: Callable[[], bool], on_batch: Callable[[float], Any]
    ) -> float | None:
        """Learn to the end of an epoch; its mean loss, or None where `stop` said so.

        `stop` is asked between batches: whatever it does sees the course at a safe point. `on_batch` is told which
        share of the epoch is done.
        """
        place = self.place
        batches = self.lessons.batches(np.random.default_rng([*self._seed, place.epoch]))
        while place.batch < len(batches):
            if stop():
                return None
            place.loss += self.lessons.learn(batches[place.batch], rate())
            place.batch += 1
            on_batch(place.batch / len(batches))
        mean = place.loss / max(1, sum(len(batch) for batch in batches))
        place.epoch, place.batch, place.loss = place.epoch + 1, 0, 0.0
        return mean
