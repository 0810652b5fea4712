"""How good answers are: shares of intents, exact spans of entities, and whether confidence can be believed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .examples import Example
from .tokens import Span, Token


@dataclass(frozen=True)
class Row:
    """How well one intent or one label is found; None where there was nothing to find or nothing was found."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    count: int
    """How many there are in truth."""


@dataclass(frozen=True)
class Scores:
    """One row for each name, and all names together (micro), and their mean (macro)."""

    rows: list[Row]
    together: Row

    @property
    def macro(self) -> float | None:
        """The mean F1 of the names that occur."""
        found = [row.f1 for row in self.rows if row.count and row.f1 is not None]
        return sum(found) / len(found) if found else None


def intent_scores(truth: Sequence[str], answers: Sequence[str]) -> Scores:
    """Of the intents of some texts."""
    right = Counter(name for name, answer in zip(truth, answers, strict=True) if name == answer)
    return _scores(right, Counter(truth), Counter(answers))


def entity_scores(truth: Sequence[Sequence[Span]], answers: Sequence[Sequence[Span]]) -> Scores:
    """Of the entities of some texts: one is right if its start, its end and its label are (as conlleval counts)."""
    right: Counter[str] = Counter()
    for known, answer in zip(truth, answers, strict=True):
        right.update(span.label for span in set(known) & set(answer))
    return _scores(right, _labels(truth), _labels(answers))


def _labels(found: Iterable[Sequence[Span]]) -> Counter[str]:
    return Counter(span.label for spans in found for span in spans)


def _scores(right: Counter[str], truth: Counter[str], answers: Counter[str]) -> Scores:
    rows = [_row(name, right[name], truth[name], answers[name]) for name in sorted(truth | answers)]
    return Scores(rows, _row("all", right.total(), truth.total(), answers.total()))


def _row(name: str, right: int, truth: int, answers: int) -> Row:
    precision = right / answers if answers else None
    recall = right / truth if truth else None
    return Row(name, precision, recall, 2 * right / (truth + answers) if truth + answers else None, truth)


def accuracy(truth: Sequence[str], answers: Sequence[str]) -> float | None:
    """The share of right answers."""
    if not truth:
        return None
    return sum(name == answer for name, answer in zip(truth, answers, strict=True)) / len(truth)


def surely(right: float, count: int) -> tuple[float, float]:
    """Between what the true share lies with 95 % when `right` is that of `count` cases (Wilson)."""
    z = 1.96
    middle = (right + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(right * (1 - right) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def confusion(names: Sequence[str], truth: Sequence[str], answers: Sequence[str]) -> list[list[float | None]]:
    """How often each name (row) was answered with each (column)."""
    counts = Counter(zip(truth, answers, strict=True))
    return [[float(counts[row, column]) for column in names] for row in names]


@dataclass(frozen=True)
class Belief:
    """Whether confidence can be believed."""

    error: float
    """Mean difference between confidence and share of right answers, over ten groups of answers."""
    confidence: list[float]
    right: list[float | None]
    """For groups of answers: their mean confidence, and how many of them are right."""
    thresholds: list[float]
    answered: list[float | None]
    right_of_answered: list[float | None]
    """If answers below a threshold are not given: the share that is given, and how many of these are right."""


def belief(confidence: Sequence[float], right: Sequence[bool]) -> Belief:
    """Judge the confidence of at least one answer."""
    sure, good = np.array(confidence), np.array(right, float)
    groups = np.minimum((sure * 10).astype(int), 9)
    inside = [groups == group for group in range(10) if np.any(groups == group)]
    means = [(float(sure[one].mean()), float(good[one].mean()), float(one.mean())) for one in inside]
    thresholds = [step / 20 for step in range(20)] + [0.97, 0.99]
    given = [sure >= threshold for threshold in thresholds]
    return Belief(
        error=sum(share * abs(mean - truth) for mean, truth, share in means),
        confidence=[mean for mean, _, _ in means],
        right=[truth for _, truth, _ in means],
        thresholds=thresholds,
        answered=[float(one.mean()) for one in given],
        right_of_answered=[float(good[one].mean()) if one.any() else None for one in given],
    )


class Dictionary:
    """Finds entities by heart: the longest words that were an entity before. What a model must be better than."""

    def __init__(self, examples: Sequence[Example]) -> None:
        counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for example in examples:
            for span in example.entities:
                inside = [token for token in example.tokens if span.start <= token.start and token.end <= span.end]
                counts[_words(inside)][span.label] += 1
        self._labels = {words: count.most_common(1)[0][0] for words, count in counts.items()}
        self._longest = max(map(len, self._labels), default=0)

    def find(self, found: Sequence[Token]) -> list[Span]:
        """The entities in a text."""
        answer: list[Span] = []
        place = 0
        while place < len(found):
            for size in range(min(self._longest, len(found) - place), 0, -1):
                label = self._labels.get(_words(found[place : place + size]))
                if label is not None:
                    answer.append(Span(found[place].start, found[place + size - 1].end, label))
                    place += size - 1
                    break
            place += 1
        return answer


def _words(found: Sequence[Token]) -> tuple[str, ...]:
    return tuple(token.text.lower() for token in found)
