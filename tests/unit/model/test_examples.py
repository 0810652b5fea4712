"""Examples for language understanding: which are right, and what is said of those that are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulsetrain.model.examples import Entity, Example, problem_of, written


def entity(start: Any, end: Any, label: Any = "x") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([], "not an object"),
        ({"intent": "a"}, "The text is empty"),
        ({"text": "  ", "intent": "a"}, "The text is empty"),
        ({"text": 5, "intent": "a"}, "The text is not text"),
        ({"text": "x" * 10_001, "intent": "a"}, "at most 10,000"),
        ({"text": "a"}, "The intent is missing"),
        ({"text": "a", "intent": " "}, "The intent is missing"),
        ({"text": "a", "intent": 1}, "The intent is not text"),
        ({"text": "a", "intent": "b", "entities": "c"}, "not a list"),
        ({"text": "a", "intent": "b", "entities": [1]}, "Entity 1 is not an object"),
        ({"text": "a", "intent": "b", "entities": [entity(0, 1, "")]}, "Entity 1 has no label"),
        ({"text": "a", "intent": "b", "entities": [entity("0", 1)]}, "no whole numbers"),
        ({"text": "a", "intent": "b", "entities": [entity(True, 1)]}, "no whole numbers"),
        ({"text": "abc", "intent": "b", "entities": [entity(2, 2)]}, "no part of a text"),
        ({"text": "abc", "intent": "b", "entities": [entity(-1, 2)]}, "no part of a text"),
        ({"text": "abc", "intent": "b", "entities": [entity(0, 4)]}, "ends at 4, and the text has 3"),
        ({"text": "abc", "intent": "b", "entities": [entity(1, 3, "y"), entity(0, 2)]}, "'x' and 'y' overlap"),
    ],
)
def test_what_is_wrong(row: Any, words: str) -> None:
    assert words in (problem_of(row) or "")


def test_what_is_right() -> None:
    assert problem_of({"text": "abc", "intent": "b"}) is None
    assert problem_of({"text": "abc", "intent": "b", "entities": None}) is None
    assert problem_of({"text": "abc", "intent": "b", "entities": [entity(1, 3), entity(0, 1)]}) is None
    # Characters are counted, not bytes and not halves of them.
    assert problem_of({"text": "🎷é", "intent": "b", "entities": [entity(0, 2)]}) is None


def test_a_line_keeps_what_else_it_says() -> None:
    example = Example("b a", "x", [Entity(2, 3, "l"), Entity(0, 1, "k")])
    assert json.loads(written({"text": "old", "split": "train"}, example)) == {
        "text": "b a", "split": "train", "intent": "x", "entities": [entity(0, 1, "k"), entity(2, 3, "l")],
    }  # fmt: skip
