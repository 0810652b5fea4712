"""A linear-chain conditional random field, worked out for a batch of sentences at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]

_LARGEST = 30.0
"""Weights of a transition stay so small that their powers have a number."""


def allowed(names: Sequence[str]) -> NDArray[np.bool_]:
    """Which tag may follow which: `I-x` only `B-x` and `I-x`. The last row is the beginning of a sentence."""
    table = np.ones((len(names) + 1, len(names)), bool)
    for place, name in enumerate(names):
        if name[0] == "I":
            table[:, place] = [before in (f"B{name[1:]}", name) for before in names] + [False]
    return table


@dataclass(frozen=True)
class Marginals:
    """What the field says of a batch with known tags."""

    loss: float
    """Negative log likelihood, summed over the sentences."""
    emissions: Floats
    """Gradient of the summed loss by the scores of each token and tag."""
    transitions: Floats
    """The same by the weight of each transition."""


class Field:
    """Scores of tokens and weights of transitions, as the most likely tags or as a gradient.

    `scores` are of shape (sentences, longest, tags), `lengths` say how much of each sentence is real. Powers instead of
    logarithms, scaled at each token, so that each step is one product of matrices.
    """

    def __init__(self, weights: Floats, may: NDArray[np.bool_]) -> None:
        self.weights = np.clip(weights.astype(np.float64), -_LARGEST, _LARGEST)
        self.may = may
        self.powers = np.where(may[:-1], np.exp(self.weights), 0.0)

    def learn(self, scores: Floats, lengths: Integers, truth: Integers) -> Marginals:
        """Loss and gradients, given the true tags (any number where a sentence is over)."""
        real = np.arange(scores.shape[1]) < lengths[:, None]
        top = scores.max(axis=2, keepdims=True)
        powers = np.exp((scores - top).astype(np.float64))
        # What comes after the end of a sentence is reckoned too, and left out wherever something is summed.
        forward, scales = self._forward(powers)
        backward, pairs = self._backward(powers, real, forward, scales)
        shares = forward * backward * real[:, :, None]
        who, where = np.nonzero(real)
        marks = truth[who, where]
        total = np.log(scales)[real].sum() + top[real].sum()
        gold = scores[who, where, marks].sum()
        shares[who, where, marks] -= 1.0
        before, after = truth[:, :-1][real[:, 1:]], truth[:, 1:][real[:, 1:]]
        gold += self.weights[before, after].sum()
        np.subtract.at(pairs, (before, after), 1.0)
        return Marginals(float(total - gold), shares, pairs)

    def _forward(self, powers: Floats) -> tuple[Floats, Floats]:
        forward = np.empty_like(powers)
        scales = np.ones(powers.shape[:2])
        current = powers[:, 0] * self.may[-1]
        for place in range(powers.shape[1]):
            if place:
                current = (current @ self.powers) * powers[:, place]
            scales[:, place] = current.sum(axis=1)
            current = current / scales[:, place, None]
            forward[:, place] = current
        return forward, scales

    def _backward(
        self, powers: Floats, real: NDArray[np.bool_], forward: Floats, scales: Floats
    ) -> tuple[Floats, Floats]:
        backward = np.empty_like(powers)
        current = np.ones_like(powers[:, 0])
        pairs = np.zeros_like(self.powers)
        backward[:, -1] = current
        for place in range(powers.shape[1] - 1, 0, -1):
            here = real[:, place, None]
            behind = powers[:, place] * current / scales[:, place, None] * here
            pairs += (forward[:, place - 1].T @ behind) * self.powers
            current = np.where(here, behind @ self.powers.T, current)
            backward[:, place - 1] = current
        return backward, pairs

    def best(self, scores: Floats, lengths: Integers) -> list[Integers]:
        """The most likely tags of each sentence (Viterbi)."""
        count, longest, _ = scores.shape
        weights = np.where(self.may[:-1], self.weights, -np.inf)
        current = np.where(self.may[-1], scores[:, 0].astype(np.float64), -np.inf)
        ends = [current]
        came = np.zeros(scores.shape, np.int32)
        for place in range(1, longest):
            ways = current[:, :, None] + weights
            came[:, place] = ways.argmax(axis=1)
            current = np.take_along_axis(ways, came[:, None, place], axis=1)[:, 0] + scores[:, place]
            ends.append(current)
        answer: list[Integers] = []
        for sentence in range(count):
            length = int(lengths[sentence])
            marks = np.empty(length, np.int64)
            mark = int(ends[length - 1][sentence].argmax())
            for place in range(length - 1, -1, -1):
                marks[place] = mark
                mark = int(came[sentence, place, mark])
            answer.append(marks)
        return answer
