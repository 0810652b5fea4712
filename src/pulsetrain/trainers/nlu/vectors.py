"""Texts as vectors: TF-IDF of words, pairs of words and pieces of words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy import sparse

from .linear import Floats
from .tokens import tokens

_SHORTEST, _LONGEST = 3, 5


class Vectors:
    """What is counted in a text, and what each of it is worth. The last column is 1 for every text."""

    def __init__(self, vocabulary: Sequence[str], worth: Floats) -> None:
        self.vocabulary = list(vocabulary)
        self.worth = worth
        self._place = {term: place for place, term in enumerate(self.vocabulary)}

    @staticmethod
    def fitted(texts: Iterable[str], least: int) -> Vectors:
        """Learn what occurs in at least `least` of the texts."""
        counts: Counter[str] = Counter()
        total = 0
        for text in texts:
            counts.update(set(terms(text)))
            total += 1
        kept = [(term, count) for term, count in counts.items() if count >= least]
        worth = [math.log((1 + total) / (1 + count)) + 1 for _, count in kept]
        return Vectors([term for term, _ in kept], np.array(worth, np.float32))

    @property
    def width(self) -> int:
        return len(self.vocabulary) + 1

    def of(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """One row for each text, of length 1 but for the last column."""
        places: list[int] = []
        values: list[float] = []
        ends = [0]
        for text in texts:
            row = dict(self._row(text))
            size = math.sqrt(sum(value * value for value in row.values())) or 1.0
            places.extend(row)
            values.extend(value / size for value in row.values())
            places.append(len(self.vocabulary))
            values.append(1.0)
            ends.append(len(places))
        content = (np.array(values, np.float32), np.array(places, np.int32), np.array(ends, np.int64))
        return sparse.csr_matrix(content, shape=(len(texts), self.width))

    def _row(self, text: str) -> Iterator[tuple[int, float]]:
        for term, count in Counter(terms(text)).items():
            place = self._place.get(term)
            if place is not None:
                yield place, (1 + math.log(count)) * float(self.worth[place])


def terms(text: str) -> list[str]:
    """The words of a text, its pairs of neighbours, and the pieces of its words."""
    words = [token.text for token in tokens(text.lower())]
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    return [*words, *pairs, *(piece for word in words for piece in _pieces(word))]


@lru_cache(maxsize=100_000)
def _pieces(word: str) -> tuple[str, ...]:
    """Parts of the word; `_` marks its edges, so that no piece is mistaken for a word."""
    edged = f"_{word}_"
    return tuple(
        f"~{edged[start : start + size]}"
        for size in range(_SHORTEST, _LONGEST + 1)
        for start in range(len(edged) - size + 1)
    )
