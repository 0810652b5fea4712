"""Tables that a run shows while it goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import scores
from .model import Answer
from .report import SCORE_COLUMNS, score_rows
from .scores import Scores
from .verdict import ENTITY_ERRORS, INTENT_ERRORS, Verdict, marked

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

EVERY_SECONDS = 1.0
MOST_ROWS, MOST_COLUMNS = 100, 20


class Tables:
    """The tables of one run. Scores that come again and again are shown now and then."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._shown: dict[str, float] = {}

    def scores(self, name: str, found: Scores, *, now: bool = False) -> None:
        """How well each intent or label is found, the frequent ones first."""
        if now or time.monotonic() - self._shown.get(name, float("-inf")) > EVERY_SECONDS:
            self._shown[name] = time.monotonic()
            rows = sorted(score_rows(found), key=lambda row: -float(row[-1] or 0))
            self.run.table(name, ["name", *SCORE_COLUMNS, "examples"], rows[:MOST_ROWS])

    def verdict(self, verdict: Verdict) -> None:
        """What the model does well and badly on held-out examples."""
        if not verdict.held_out:
            return
        self.scores("Intents", verdict.intent_scores, now=True)
        names = verdict.names[: MOST_COLUMNS - 1]
        squares = scores.confusion(names, verdict.truth, verdict.intents)
        rows = [[name, *row] for name, row in zip(names, squares, strict=True)]
        self.run.table("Confusion of intents", ["in truth", *names], rows)
        self.run.table("Worst errors of intents", INTENT_ERRORS, verdict.intent_errors())
        if verdict.entity_scores is not None:
            self.scores("Entities", verdict.entity_scores, now=True)
            self.run.table("Worst errors of entities", ENTITY_ERRORS, verdict.entity_errors())

    def samples(self, texts: list[str], answers: list[Answer]) -> None:
        """What the model says to some texts."""
        rows = [
            [marked(text, answer.entities), answer.intent, round(answer.confidence, 4)]
            for text, answer in zip(texts, answers, strict=True)
        ]
        self.run.table("Samples", ["text", "intent", "confidence"], rows[:MOST_ROWS])
