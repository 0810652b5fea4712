"""What a training is for: a model that says what a text means, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Arrays, read_arrays, write_arrays
from .entities import EntityExtractor, Sentence
from .intents import IntentClassifier
from .linear import Floats, Weights
from .tokens import Span, tokens
from .vectors import Vectors

FORMAT = "a model of nlu-train, version 1"


@dataclass(frozen=True)
class Answer:
    """What a text means."""

    intent: str
    confidence: float
    shares: Floats
    """How likely each of the model's intents is."""
    entities: list[Span]


@dataclass(frozen=True)
class Model:
    """An intent classifier and an entity extractor that were learnt together."""

    classifier: IntentClassifier
    extractor: EntityExtractor
    about: dict[str, Any]
    """Where it comes from, and how good it was on held-out examples."""

    @staticmethod
    def of(classifier: IntentClassifier, extractor: EntityExtractor, about: dict[str, Any]) -> Model:
        """The trained parts with their weights as they are kept: 16 bits are exact enough, and half the file."""
        kept = (_rounded(classifier.weights), _rounded(extractor.clue), _rounded(extractor.transition))
        return Model(
            IntentClassifier(classifier.names, classifier.vectors, kept[0]),
            EntityExtractor(extractor.names, extractor.vocabulary, kept[1], kept[2]),
            about,
        )

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        """What each text means."""
        shares = self.classifier.shares(self.classifier.vectors.of(texts))
        best = shares.argmax(axis=1)
        intents = [self.classifier.names[place] for place in best]
        sentences = [Sentence(tokens(text), intent, []) for text, intent in zip(texts, intents, strict=True)]
        found = self.extractor.find(sentences)
        return [
            Answer(intents[row], float(shares[row, best[row]]), shares[row], found[row]) for row in range(len(texts))
        ]

    def save(self, path: Path) -> None:
        """Write it into one file."""
        classifier, extractor = self.classifier, self.extractor
        header = {
            "format": FORMAT,
            "about": self.about,
            "intents": classifier.names,
            "terms": classifier.vectors.vocabulary,
            "tags": extractor.names,
            "clues": extractor.vocabulary,
        }
        arrays: Arrays = {
            "worth": classifier.vectors.worth,
            "intent": classifier.weights.values.astype(np.float16),
            "clue": extractor.clue.values.astype(np.float16),
            "transition": extractor.transition.values.astype(np.float16),
        }
        write_arrays(path, header, arrays, small=True)

    @staticmethod
    def load(path: Path) -> Model:
        """The model in a file. Raises BadParameters where it is none, or OSError if it cannot be read."""
        header, arrays = read_arrays(path, FORMAT)
        intent, clue, transition = (_weights(arrays[name]) for name in ("intent", "clue", "transition"))
        return Model(
            IntentClassifier(header["intents"], Vectors(header["terms"], arrays["worth"]), intent),
            EntityExtractor(header["tags"], header["clues"], clue, transition),
            header["about"],
        )


def _rounded(weights: Weights) -> Weights:
    return _weights(weights.values.astype(np.float16))


def _weights(values: Floats) -> Weights:
    """Weights that learn no more."""
    answer = Weights(0, 0, "sgd")
    answer.values = values.astype(np.float32)
    return answer
