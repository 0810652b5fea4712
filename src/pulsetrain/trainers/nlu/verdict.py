"""The model's answers to the held-out examples, and what they are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from . import scores
from .examples import Example
from .model import Answer
from .scores import Scores
from .tokens import Span

SHOWN_ERRORS = 50
INTENT_ERRORS = ["row", "text", "in truth", "answered", "confidence"]
ENTITY_ERRORS = ["row", "in truth", "found", "differences"]


@dataclass(frozen=True)
class Verdict:
    """Held-out examples with answers, beside what was learnt from."""

    learnt: Sequence[Example]
    held_out: Sequence[Example]
    answers: Sequence[Answer]

    @cached_property
    def truth(self) -> list[str]:
        """The true intents."""
        return [example.intent for example in self.held_out]

    @cached_property
    def intents(self) -> list[str]:
        """The answered intents."""
        return [answer.intent for answer in self.answers]

    @cached_property
    def names(self) -> list[str]:
        """All intents, the frequent ones first."""
        counts = Counter(example.intent for example in (*self.learnt, *self.held_out))
        return [name for name, _ in counts.most_common()]

    @cached_property
    def accuracy(self) -> float | None:
        """The share of right intents."""
        return scores.accuracy(self.truth, self.intents)

    @cached_property
    def majority(self) -> float | None:
        """What always answering the most frequent intent would get."""
        usual = Counter(example.intent for example in self.learnt).most_common(1)[0][0]
        return scores.accuracy(self.truth, [usual] * len(self.truth))

    @cached_property
    def intent_scores(self) -> Scores:
        """Of each intent."""
        return scores.intent_scores(self.truth, self.intents)

    @cached_property
    def entity_scores(self) -> Scores | None:
        """Of each label; None where no example has entities."""
        if not any(example.entities for example in (*self.learnt, *self.held_out)):
            return None
        return scores.entity_scores(self._entities, [answer.entities for answer in self.answers])

    @cached_property
    def by_heart(self) -> float | None:
        """The F1 of entities that are looked up among those that were learnt from."""
        known = scores.Dictionary(self.learnt)
        return scores.entity_scores(self._entities, [known.find(one.tokens) for one in self.held_out]).together.f1

    @cached_property
    def whole(self) -> float | None:
        """The share of texts of which everything was found: the intent and each entity."""
        if not self.held_out:
            return None
        good = [
            example.intent == answer.intent and set(example.entities) == set(answer.entities)
            for example, answer in zip(self.held_out, self.answers, strict=True)
        ]
        return sum(good) / len(good)

    @property
    def _entities(self) -> list[list[Span]]:
        return [example.entities for example in self.held_out]

    def intent_errors(self) -> list[list[str | float | None]]:
        """Wrong intents, the surest first: one row of `INTENT_ERRORS` each."""
        wrong = [
            (answer, example)
            for example, answer in zip(self.held_out, self.answers, strict=True)
            if answer.intent != example.intent
        ]
        wrong.sort(key=lambda pair: -pair[0].confidence)
        return [
            [example.row, example.text, example.intent, answer.intent, round(answer.confidence, 4)]
            for answer, example in wrong[:SHOWN_ERRORS]
        ]

    def entity_errors(self) -> list[list[str | float | None]]:
        """Texts with entities missed, wrong or invented, those with most of them first: rows of `ENTITY_ERRORS`."""
        wrong = [
            (len(set(example.entities) ^ set(answer.entities)), example, answer)
            for example, answer in zip(self.held_out, self.answers, strict=True)
        ]
        wrong.sort(key=lambda one: -one[0])
        return [
            [example.row, marked(example.text, example.entities), marked(example.text, answer.entities), count]
            for count, example, answer in wrong[:SHOWN_ERRORS]
            if count
        ]


def marked(text: str, entities: Sequence[Span]) -> str:
    """The text with its entities as `[Berlin](place)`."""
    answer, at = "", 0
    for span in sorted(entities):
        answer += f"{text[at : span.start]}[{text[span.start : span.end]}]({span.label})"
        at = span.end
    return answer + text[at:]
