"""Examples for language understanding: a text, what is meant by it, and the parts that matter.

    {"text": "play some jazz", "intent": "play_music", "entities": [{"start": 10, "end": 14, "label": "genre"}]}

`start` and `end` count characters (Unicode code points), `end` not included.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

LONGEST_TEXT = 10_000
MOST_ENTITIES = 200
_LONGEST_NAME = 200


class Entity(msgspec.Struct, frozen=True):
    """A part of the text that has a meaning of its own."""

    start: int
    end: int
    label: str


class Example(msgspec.Struct, frozen=True):
    """What somebody might say, and how it is to be understood."""

    text: str
    intent: str
    entities: list[Entity] = []


def is_example(row: Any) -> bool:
    """Whether `row` is meant as an example: the first row of a file says what all of them are."""
    return isinstance(row, Mapping) and "text" in row and "intent" in row


def problem_of(row: Any) -> str | None:
    """What is wrong with an example; None where nothing is."""
    if not isinstance(row, Mapping):
        return "The example is not an object."
    text, intent, entities = row.get("text"), row.get("intent"), row.get("entities")
    if not isinstance(text, str) or not text.strip():
        return "The text is empty." if text is None or isinstance(text, str) else "The text is not text."
    if len(text) > LONGEST_TEXT:
        return f"The text has {len(text):,} characters; at most {LONGEST_TEXT:,} are taken."
    if not isinstance(intent, str) or not intent.strip():
        return "The intent is missing." if intent is None or isinstance(intent, str) else "The intent is not text."
    if len(intent) > _LONGEST_NAME:
        return f"The intent is longer than {_LONGEST_NAME} characters."
    if entities is None:
        return None
    if not isinstance(entities, Sequence) or isinstance(entities, str):
        return "The entities are not a list."
    return _problem_of_entities(text, entities)


def _problem_of_entities(text: str, entities: Sequence[Any]) -> str | None:
    if len(entities) > MOST_ENTITIES:
        return f"The example has {len(entities)} entities; at most {MOST_ENTITIES} are taken."
    spans: list[tuple[int, int, str]] = []
    for number, entity in enumerate(entities, 1):
        problem = _problem_of_entity(number, entity, len(text))
        if problem is not None:
            return problem
        spans.append((entity["start"], entity["end"], entity["label"]))
    spans.sort()
    for (_, end, label), (start, _, other) in itertools.pairwise(spans):
        if start < end:
            return f"The entities {label!r} and {other!r} overlap at character {start}."
    return None


def _problem_of_entity(number: int, entity: Any, length: int) -> str | None:
    if not isinstance(entity, Mapping):
        return f"Entity {number} is not an object."
    start, end, label = entity.get("start"), entity.get("end"), entity.get("label")
    if not isinstance(label, str) or not label.strip() or len(label) > _LONGEST_NAME:
        return f"Entity {number} has no label."
    if type(start) is not int or type(end) is not int:
        return f"Entity {number} ({label}) has no whole numbers as its start and end."
    if not 0 <= start < end:
        return f"Entity {number} ({label}) goes from {start} to {end}, which is no part of a text."
    if end > length:
        return f"Entity {number} ({label}) ends at {end}, and the text has {length} characters."
    return None


def written(row: Mapping[str, Any], example: Example) -> bytes:
    """The line of `example`; what else `row`, the line before, has to say stays with it."""
    entities = [msgspec.to_builtins(one) for one in sorted(example.entities, key=lambda one: one.start)]
    line = {**row, "text": example.text, "intent": example.intent, "entities": entities}
    return msgspec.json.encode(line)
