from __future__ import annotations

from typing import Any

import numpy as np

from pulsetrain.trainers.nlu.course import Course


class Notes:
    """Lessons that learn nothing and remember who was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def batches(self, chance: np.random.Generator) -> list[Any]:
        return list(chance.permutation(12).reshape(4, 3))

    def learn(self, who: Any, rate: float) -> float:
        self.asked.append(who.tolist())
        return rate * len(who)

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: dict[str, Any]) -> None: ...


def test_an_epoch_takes_each_example_once_and_the_next_one_in_another_order() -> None:
    notes, shares = Notes(), list[float]()
    course = Course(notes, (0, 0))
    losses = [course.epoch(lambda: 0.5, lambda: False, shares.append) for _ in range(2)]
    assert losses == [0.5, 0.5]
    assert shares == [0.25, 0.5, 0.75, 1.0] * 2
    orders = [[one for who in asked for one in who] for asked in (notes.asked[:4], notes.asked[4:])]
    assert [sorted(order) for order in orders] == [list(range(12))] * 2
    assert orders[0] != orders[1]
    assert (course.place.epoch, course.place.batch, course.place.loss) == (2, 0, 0)


def test_it_stops_between_batches_and_goes_on_there() -> None:
    whole, notes = Notes(), Notes()
    Course(whole, (7, 1)).epoch(lambda: 1.0, lambda: False, lambda share: None)
    course = Course(notes, (7, 1))
    assert course.epoch(lambda: 1.0, lambda: len(notes.asked) == 2, lambda share: None) is None
    assert (course.place.epoch, course.place.batch, course.place.loss) == (0, 2, 6)
    assert course.epoch(lambda: 1.0, lambda: False, lambda share: None) == 1.0
    assert notes.asked == whole.asked
