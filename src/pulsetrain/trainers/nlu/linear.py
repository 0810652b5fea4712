"""Linear scores of sparse rows, learnt by batches: what intent classifier and entity extractor have in common."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Optimizer = Literal["adam", "adagrad", "sgd"]

_MEAN, _SQUARE, _TINY = 0.9, 0.99, 1e-8


class Weights:
    """A matrix of weights. A step changes only the rows that a batch touches, so a step costs what the batch is."""

    def __init__(self, rows: int, columns: int, optimizer: Optimizer, *, pull: float = 0.0) -> None:
        self.optimizer = optimizer
        self.pull = pull
        """Strength of the pull towards zero (L2) that a row feels whenever it is touched."""
        self.values: Floats = np.zeros((rows, columns), np.float32)
        self._memory: dict[str, Floats] = {}
        if optimizer != "sgd":
            self._memory["squares"] = np.zeros((rows, columns), np.float32)
        if optimizer == "adam":
            self._memory["means"] = np.zeros((rows, columns), np.float32)
            self._memory["touched"] = np.zeros((rows, 1), np.float32)

    def learn(self, rows: Integers | slice, gradient: Floats, rate: float) -> None:
        """One step against the gradient of `rows`."""
        values = self.values[rows]
        if self.pull:
            gradient = gradient + self.pull * values
        self.values[rows] = values - rate * self._way(rows, gradient)

    def _way(self, rows: Integers | slice, gradient: Floats) -> Floats:
        """Where to go from there, by what the optimiser remembers of these rows."""
        memory = self._memory
        if self.optimizer == "sgd":
            return gradient
        squares = memory["squares"][rows]
        if self.optimizer == "adagrad":
            squares += gradient**2
            memory["squares"][rows] = squares
            return gradient / (np.sqrt(squares) + _TINY)
        # Adam with a clock for each row: what is seldom seen is corrected for its own few steps.
        touched = memory["touched"][rows] + 1
        means = memory["means"][rows]
        means += (1 - _MEAN) * (gradient - means)
        squares += (1 - _SQUARE) * (gradient**2 - squares)
        memory["touched"][rows], memory["means"][rows], memory["squares"][rows] = touched, means, squares
        return (means / (1 - _MEAN**touched)) / (np.sqrt(squares / (1 - _SQUARE**touched)) + _TINY)

    def state(self) -> dict[str, Floats]:
        """All that going on needs."""
        return {"values": self.values, **self._memory}

    def load(self, state: dict[str, Floats]) -> None:
        """Go on from what `state()` gave."""
        self.values = state["values"]
        self._memory = {name: state[name] for name in self._memory}


def narrow(matrix: sparse.csr_matrix) -> tuple[Integers, sparse.csr_matrix]:
    """The columns that `matrix` uses, and the matrix of these alone."""
    columns, places = np.unique(matrix.indices, return_inverse=True)
    shape = (matrix.shape[0], len(columns))
    return columns, sparse.csr_matrix((matrix.data, places, matrix.indptr), shape=shape)


def softmax(scores: Floats) -> Floats:
    """Scores of each row as probabilities."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
