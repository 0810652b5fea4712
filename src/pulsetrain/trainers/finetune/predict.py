"""A fine-tuned model that answers: the class of a text or a pair, or what it writes after a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pulsetrain.model.errors import BadParameters

MAX_NEW_TOKENS = 2048
_BATCH = 32


def load(path: Path) -> Classifying | Writing:
    """The predictor of the model in the file `path` (`model.tar`): its weights as safetensors, no pickles."""
    from .artifact import load_model

    found = load_model(path)
    return Writing(found) if found.about.task == "instruction" else Classifying(found)


class Classifying:
    """Says which class a text is of, and how sure it is."""

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded
        self.names = ["text"] if loaded.about.task == "classification" else ["text_a", "text_b"]
        example = {"text": "This is the best I ever had."}
        if len(self.names) > 1:
            example = {"text_a": "A man plays the piano.", "text_b": "Somebody makes music."}
        self.input: dict[str, Any] = {
            "type": "object",
            "properties": {name: {"type": "string", "minLength": 1} for name in self.names},
            "required": self.names,
            "additionalProperties": False,
            "examples": [example],
        }

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """`{prediction, confidence, probabilities}` of each row. Raises BadParameters that names the bad row."""
        from .codec import Encoded
        from .training import Device, measure

        codec, network = self.loaded.codec, self.loaded.network
        encoded = []
        for number, row in enumerate(rows, 1):
            _check(number, row, self.names, self.names)
            ids, types = codec.text(*(_text(number, row, name) for name in self.names))
            encoded.append(Encoded(ids, label=0, types=types))
        device = Device(next(network.parameters()).device.type)
        found = measure(network, encoded, _BATCH, device, codec.padding).probabilities if encoded else None
        shares = [] if found is None else found.tolist()
        return [self._answer(row) for row in shares]

    def _answer(self, shares: list[float]) -> dict[str, Any]:
        labels = self.loaded.about.labels
        best = max(range(len(shares)), key=shares.__getitem__)
        return {
            "prediction": labels[best],
            "confidence": shares[best],
            "probabilities": dict(zip(labels, shares, strict=True)),
        }


class Writing:
    """Writes what comes after a prompt."""

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded
        self.input: dict[str, Any] = {
            "type": "object",
            "properties": {
                "prompt": {"type": "string", "minLength": 1},
                "input": {"type": "string"},
                "system": {"type": "string"},
                "max_new_tokens": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_NEW_TOKENS,
                    "default": loaded.about.max_new_tokens,
                },
            },
            "required": ["prompt"],
            "additionalProperties": False,
            "examples": [{"prompt": "Say hello to Ada."}],
        }

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """`{prediction, tokens}` of each row. Raises BadParameters that names the bad row."""
        asked = [self._asked(number, row) for number, row in enumerate(rows, 1)]
        answers = []
        for ids, room in asked:
            written = self.loaded.network.write(ids, self.loaded.about.ends, self.loaded.codec.padding, room)
            answers.append({"prediction": self.loaded.codec.decode(written), "tokens": len(written)})
        return answers

    def _asked(self, number: int, row: dict[str, Any]) -> tuple[list[int], int]:
        from .examples import Turn

        _check(number, row, list(self.input["properties"]), ["prompt"])
        room = row.get("max_new_tokens", self.loaded.about.max_new_tokens)
        if not isinstance(room, int) or isinstance(room, bool) or not 1 <= room <= MAX_NEW_TOKENS:
            raise BadParameters(f"Row {number}: max_new_tokens must be a whole number from 1 to {MAX_NEW_TOKENS}.")
        prompt = _text(number, row, "prompt")
        if row.get("input"):
            prompt = f"{prompt}\n\n{_text(number, row, 'input')}"
        turns = [Turn("system", _text(number, row, "system"))] if row.get("system") else []
        return self.loaded.codec.prompt([*turns, Turn("user", prompt)], room), room


def _check(number: int, row: dict[str, Any], known: Sequence[str], required: Sequence[str]) -> None:
    if not isinstance(row, dict):
        raise BadParameters(f"Row {number} is not an object.", hint=f"It takes {', '.join(known)}.")
    unknown = [name for name in row if name not in known]
    if unknown:
        raise BadParameters(f"Row {number}: there is no {unknown[0]!r}.", hint=f"It takes {', '.join(known)}.")
    for name in required:
        if name not in row:
            raise BadParameters(f"Row {number}: {name} is missing.", hint=f"It takes {', '.join(known)}.")


def _text(number: int, row: dict[str, Any], name: str) -> str:
    value = row[name]
    if not isinstance(value, str) or not value.strip():
        raise BadParameters(f"Row {number}: {name} must be text that is not empty.")
    return value.strip()
