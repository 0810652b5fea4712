"""The field against the sum over all ways, and its gradients against differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pulsetrain.trainers.nlu.crf import Field, allowed

NAMES = ["O", "B-a", "I-a", "B-b", "I-b"]
LENGTHS = np.array([4, 2, 1, 3])


def ways(length: int) -> list[tuple[int, ...]]:
    """All sequences of tags that make sense, found without the table of the field."""

    def sensible(marks: tuple[int, ...]) -> bool:
        names = [NAMES[mark] for mark in marks]
        steps = itertools.pairwise(["O", *names])
        return all(name[0] != "I" or before in (f"B{name[1:]}", name) for before, name in steps)

    return [marks for marks in itertools.product(range(len(NAMES)), repeat=length) if sensible(marks)]


def score(weights: np.ndarray, scores: np.ndarray, marks: tuple[int, ...]) -> float:
    moves = sum(weights[before, after] for before, after in itertools.pairwise(marks))
    return float(moves + sum(scores[place, mark] for place, mark in enumerate(marks)))


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(5)
    weights = chance.normal(size=(len(NAMES), len(NAMES)))
    scores = chance.normal(scale=2, size=(len(LENGTHS), LENGTHS.max(), len(NAMES)))
    truth = np.zeros((len(LENGTHS), LENGTHS.max()), np.int64)
    for row, length in enumerate(LENGTHS):
        truth[row, :length] = ways(length)[chance.integers(len(ways(length)))]
    return weights, scores, truth


def test_the_loss_is_that_of_the_sum_over_all_ways(drawn: tuple[np.ndarray, ...]) -> None:
    weights, scores, truth = drawn
    expected = 0.0
    for row, length in enumerate(LENGTHS):
        total = sum(math.exp(score(weights, scores[row], marks)) for marks in ways(length))
        expected += math.log(total) - score(weights, scores[row], tuple(truth[row, :length]))
    assert Field(weights, allowed(NAMES)).learn(scores, LENGTHS, truth).loss == pytest.approx(expected)


def test_the_gradients_are_those_of_the_loss(drawn: tuple[np.ndarray, ...]) -> None:
    weights, scores, truth = drawn
    found = Field(weights, allowed(NAMES)).learn(scores, LENGTHS, truth)

    def loss(weights: np.ndarray, scores: np.ndarray) -> float:
        return Field(weights, allowed(NAMES)).learn(scores, LENGTHS, truth).loss

    step = 1e-5
    for place in itertools.product(*map(range, scores.shape)):
        moved = scores.copy()
        moved[place] += step
        assert found.emissions[place] == pytest.approx((loss(weights, moved) - loss(weights, scores)) / step, abs=1e-3)
    for place in itertools.product(*map(range, weights.shape)):
        moved = weights.copy()
        moved[place] += step
        slope = (loss(moved, scores) - loss(weights, scores)) / step
        assert found.transitions[place] == pytest.approx(slope, abs=1e-3)


def test_the_best_way_is_the_best_of_all(drawn: tuple[np.ndarray, ...]) -> None:
    weights, scores, _ = drawn
    found = Field(weights, allowed(NAMES)).best(scores, LENGTHS)
    for row, length in enumerate(LENGTHS):
        best = max(ways(length), key=lambda marks: score(weights, scores[row], marks))
        assert tuple(found[row]) == best


def test_scores_far_apart_do_not_overflow() -> None:
    scores = np.zeros((1, 3, len(NAMES)))
    scores[0, :, 2] = 200.0  # an I that may not come first
    scores[0, :, 0] = -200.0
    found = Field(np.zeros((5, 5)), allowed(NAMES)).learn(scores, np.array([3]), np.array([[1, 2, 2]]))
    assert math.isfinite(found.loss)
    assert np.isfinite(found.emissions).all()
