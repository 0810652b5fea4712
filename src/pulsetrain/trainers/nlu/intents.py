"""The intent classifier: softmax regression on TF-IDF vectors, learnt by batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from .examples import Example
from .linear import Floats, Integers, Weights, narrow, softmax
from .vectors import Vectors


class IntentClassifier:
    """Names of intents, what is counted in a text, and what it speaks for."""

    def __init__(self, names: Sequence[str], vectors: Vectors, weights: Weights) -> None:
        self.names = list(names)
        self.vectors = vectors
        self.weights = weights

    def shares(self, matrix: sparse.csr_matrix) -> Floats:
        """For each row of vectors how likely each intent is."""
        return softmax(np.asarray(matrix @ self.weights.values, np.float64))

    def telling(self, count: int) -> dict[str, list[str]]:
        """The words and pairs of words that speak most for each intent."""
        whole = [place for place, term in enumerate(self.vectors.vocabulary) if not term.startswith("~")]
        answer = {}
        for column, name in enumerate(self.names):
            weights = self.weights.values[whole, column]
            best = np.argsort(-weights, kind="stable")[:count]
            answer[name] = [self.vectors.vocabulary[whole[place]] for place in best if weights[place] > 0]
        return answer


class IntentLessons:
    """Examples as the classifier learns them."""

    def __init__(self, classifier: IntentClassifier, examples: Sequence[Example], batch: int) -> None:
        self.classifier = classifier
        self.batch = batch
        number = {name: place for place, name in enumerate(classifier.names)}
        self.matrix = classifier.vectors.of([example.text for example in examples])
        self.truth = np.array([number[example.intent] for example in examples])

    def batches(self, chance: np.random.Generator) -> list[Integers]:
        """The examples of one epoch."""
        order = chance.permutation(len(self.truth))
        return [order[start : start + self.batch] for start in range(0, len(order), self.batch)]

    def learn(self, who: Integers, rate: float) -> float:
        """One step; the summed cross entropy before it."""
        columns, matrix = narrow(self.matrix[who])
        weights = self.classifier.weights
        errors = softmax(matrix @ weights.values[columns])
        places, truth = np.arange(len(who)), self.truth[who]
        loss = float(-np.log(np.maximum(errors[places, truth], 1e-12)).sum())
        errors[places, truth] -= 1.0
        weights.learn(columns, (matrix.T @ errors) / len(who), rate)
        return loss

    def state(self) -> dict[str, Floats]:
        """All that going on needs."""
        return self.classifier.weights.state()

    def load(self, state: dict[str, Floats]) -> None:
        """Go on from what `state()` gave."""
        self.classifier.weights.load(state)
