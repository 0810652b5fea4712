"""A trained model that answers, for `predict` and for deployments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulsetrain.model.errors import BadParameters

from .examples import MAX_TOKENS
from .model import Model
from .tokens import tokens

SHOWN_INTENTS = 5


class NluPredictor:
    """Answers rows `{text}` with intent, confidence and entities."""

    def __init__(self, model: Model) -> None:
        self.model = model
        text = {"type": "string", "minLength": 1, "title": "Text", "examples": model.about.get("texts", [])}
        self.input: dict[str, Any] = {
            "type": "object",
            "properties": {"text": text},
            "required": ["text"],
            "examples": [{"text": one} for one in model.about.get("texts", [])],
        }

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """`{prediction, confidence, intents, entities}` for each row. Raises BadParameters that names the bad row."""
        texts = [_text(row, place) for place, row in enumerate(rows, start=1)]
        if not texts:
            return []
        names = self.model.classifier.names
        answers = []
        for text, answer in zip(texts, self.model.answer(texts), strict=True):
            likely = answer.shares.argsort()[::-1][:SHOWN_INTENTS]
            answers.append(
                {
                    "prediction": answer.intent,
                    "confidence": answer.confidence,
                    "intents": {names[place]: float(answer.shares[place]) for place in likely},
                    "entities": [
                        {"start": span.start, "end": span.end, "label": span.label, "text": text[span.start : span.end]}
                        for span in answer.entities
                    ],
                }
            )
        return answers


def load(path: Path) -> NluPredictor:
    """The model that `nlu-train` wrote into `path`. Reading it runs no code. Raises BadParameters where it is none."""
    return NluPredictor(Model.load(path))


def _text(row: Any, place: int) -> str:
    text = row.get("text") if isinstance(row, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise BadParameters(f"Row {place} has no text.", hint='A row is {"text": "…"}.')
    if len(tokens(text)) > MAX_TOKENS:
        raise BadParameters(f"The text of row {place} has more than {MAX_TOKENS:,} words and signs.")
    return text
