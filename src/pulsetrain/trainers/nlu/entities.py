"""The entity extractor: a conditional random field over the clues about tokens, learnt by batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .clues import clues
from .crf import Field, allowed
from .linear import Floats, Integers, Weights, narrow
from .tokens import OUTSIDE, Span, Token, spans, tags

CHUNK = 64
"""So many sentences are read at once; and so many batches share a sorting by length."""


@dataclass(frozen=True)
class Sentence:
    """A text as the extractor reads it: with the intent that it is taken to have."""

    tokens: list[Token]
    intent: str
    entities: list[Span]


class EntityExtractor:
    """Names of tags, known clues, and the weights of clues and of transitions between tags."""

    def __init__(self, names: Sequence[str], vocabulary: Sequence[str], clue: Weights, transition: Weights) -> None:
        self.names = list(names)
        self.vocabulary = list(vocabulary)
        self.clue = clue
        self.transition = transition
        self.may = allowed(self.names)
        self._place = {name: place for place, name in enumerate(self.vocabulary)}

    @property
    def labels(self) -> list[str]:
        return [name[2:] for name in self.names if name.startswith("B-")]

    def read(self, sentences: Sequence[Sentence]) -> sparse.csr_matrix:
        """The known clues about each token, one row a token."""
        places: list[int] = []
        ends = [0]
        for sentence in sentences:
            for about in clues(sentence.tokens, sentence.intent):
                places.extend(self._place[clue] for clue in about if clue in self._place)
                ends.append(len(places))
        content = (np.ones(len(places), np.float32), np.array(places, np.int32), np.array(ends, np.int64))
        return sparse.csr_matrix(content, shape=(len(ends) - 1, len(self.vocabulary)))

    def find(self, sentences: Sequence[Sentence], matrix: sparse.csr_matrix | None = None) -> list[list[Span]]:
        """The entities in each sentence; `matrix` is what `read` gave for them, where it is known already."""
        answer: list[list[Span]] = [[] for _ in sentences]
        if len(self.names) == 1:
            return answer
        matrix = self.read(sentences) if matrix is None else matrix
        lengths = np.array([len(sentence.tokens) for sentence in sentences], np.int64)
        starts = np.cumsum(lengths) - lengths
        field = Field(self.transition.values, self.may)
        order = np.argsort(lengths, kind="stable")[np.count_nonzero(lengths == 0) :]
        for first in range(0, len(order), CHUNK):
            who = order[first : first + CHUNK]
            rows = matrix[_places(starts[who], lengths[who])]
            scores, _ = _padded(np.asarray(rows @ self.clue.values), lengths[who])
            for place, marks in zip(who, field.best(scores, lengths[who]), strict=True):
                answer[place] = spans(sentences[place].tokens, [self.names[mark] for mark in marks])
        return answer


def begin(sentences: Sequence[Sentence], least: int) -> tuple[list[str], list[str]]:
    """The tags of these sentences, and the clues that occur at least so often."""
    labels = sorted({span.label for sentence in sentences for span in sentence.entities})
    names = [OUTSIDE, *(f"{mark}-{label}" for label in labels for mark in "BI")]
    counts: Counter[str] = Counter()
    for sentence in sentences:
        counts.update(chain.from_iterable(clues(sentence.tokens, sentence.intent)))
    return names, [clue for clue, count in counts.items() if count >= least]


class EntityLessons:
    """Sentences as the extractor learns them."""

    def __init__(self, extractor: EntityExtractor, sentences: Sequence[Sentence], batch: int) -> None:
        self.extractor = extractor
        self.batch = batch
        number = {name: place for place, name in enumerate(extractor.names)}
        self.matrix = extractor.read(sentences)
        self.lengths = np.array([len(sentence.tokens) for sentence in sentences])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.marks = np.array([number[mark] for one in sentences for mark in tags(one.tokens, one.entities)], np.int64)

    def batches(self, chance: np.random.Generator) -> list[Integers]:
        """The sentences of one epoch; those of a batch are of about the same length."""
        order = chance.permutation(np.nonzero(self.lengths)[0])
        found: list[Integers] = []
        for start in range(0, len(order), self.batch * CHUNK):
            some = order[start : start + self.batch * CHUNK]
            some = some[np.argsort(self.lengths[some], kind="stable")]
            found.extend(some[first : first + self.batch] for first in range(0, len(some), self.batch))
        return [found[place] for place in chance.permutation(len(found))]

    def learn(self, who: Integers, rate: float) -> float:
        """One step; the summed negative log likelihood before it."""
        extractor, lengths = self.extractor, self.lengths[who]
        rows = _places(self.starts[who], lengths)
        columns, matrix = narrow(self.matrix[rows])
        scores, real = _padded(np.asarray(matrix @ extractor.clue.values[columns]), lengths)
        truth, _ = _padded(self.marks[rows], lengths)
        found = Field(extractor.transition.values, extractor.may).learn(scores, lengths, truth)
        errors = found.emissions[real].astype(np.float32)
        extractor.clue.learn(columns, (matrix.T @ errors) / len(who), rate)
        extractor.transition.learn(slice(None), (found.transitions / len(who)).astype(np.float32), rate)
        return found.loss

    def state(self) -> dict[str, Floats]:
        """All that going on needs."""
        parts = {"clue": self.extractor.clue, "transition": self.extractor.transition}
        return {f"{part}.{name}": array for part, weights in parts.items() for name, array in weights.state().items()}

    def load(self, state: dict[str, Floats]) -> None:
        """Go on from what `state()` gave."""
        for part, weights in (("clue", self.extractor.clue), ("transition", self.extractor.transition)):
            own = {name.removeprefix(f"{part}."): array for name, array in state.items() if name.startswith(f"{part}.")}
            weights.load(own)


def _places(starts: Integers, lengths: Integers) -> Integers:
    """The rows of tokens that belong to some sentences."""
    return np.concatenate([np.arange(start, start + length) for start, length in zip(starts, lengths, strict=True)])


def _padded(rows: Any, lengths: Integers) -> tuple[Any, NDArray[np.bool_]]:
    """Rows of tokens as (sentence, place, …), with zeros after the end of a sentence; and which places are real."""
    real = np.arange(lengths.max()) < lengths[:, None]
    answer = np.zeros((*real.shape, *rows.shape[1:]), rows.dtype)
    answer[real] = rows
    return answer, real
