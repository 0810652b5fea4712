from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pulsetrain.model.errors import BadTable
from pulsetrain.trainers.nlu.examples import Examples, demand_good, read_examples
from pulsetrain.trainers.nlu.parting import part
from pulsetrain.trainers.nlu.tokens import Span

GOOD = [
    {"text": "play jazz", "intent": "play", "entities": [{"start": 5, "end": 9, "label": "music"}]},
    {"text": "play Bach", "intent": "play"},
    {"text": "hello", "intent": "greet", "entities": None},
    {"text": "good morning", "intent": "greet", "entities": []},
]


def read(folder: Path, *rows: Any) -> Examples:
    path = folder / "examples.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return read_examples(path)


def test_lines_and_an_array_are_read_alike(tmp_path: Path) -> None:
    lines = read(tmp_path, "\ufeff", *GOOD[:2], "", *GOOD[2:], "")
    (tmp_path / "array.json").write_text(json.dumps(GOOD, indent=2))
    array = read_examples(tmp_path / "array.json")
    assert [(one.text, one.intent, one.entities) for one in lines.examples] == [
        (one.text, one.intent, one.entities) for one in array.examples
    ]
    assert lines.examples[0].entities == [Span(5, 9, "music")]
    assert [one.row for one in lines.examples] == [2, 3, 5, 6], "rows are lines of the file"
    assert lines.problems == array.problems == lines.warnings == []


def entity(start: Any, end: Any, label: Any = "x") -> dict[str, Any]:
    return {"text": "one two", "intent": "play", "entities": [{"start": start, "end": end, "label": label}]}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "It is not JSON"),
        ("3", "The example is not an object."),
        ({"intent": "play"}, "The text is empty."),
        ({"text": " ", "intent": "play"}, "The text is empty."),
        ({"text": "play"}, "The intent is missing."),
        ({"text": "play", "intent": 3}, "The intent is not text."),
        ({"text": "play", "intent": "play", "entities": "all"}, "The entities are not a list."),
        ({"text": "play", "intent": "play", "entities": ["all"]}, "Entity 1 is not an object."),
        (entity(0, 3, ""), "Entity 1 has no label."),
        (entity("0", 3), "Entity 1 (x) has no whole numbers as its start and end."),
        (entity(4, 8), "Entity 1 (x) ends at 8, and the text has 7 characters."),
        (entity(3, 3), "Entity 1 (x) goes from 3 to 3"),
        (entity(3, 4), "The entity 'x' from 3 to 4 holds only space."),
        ({"text": "a " * 1001, "intent": "play"}, "The text has 1,001 words and signs; at most 1,000 are taken."),
    ],
)
def test_each_wrong_row_is_named_with_what_is_wrong(tmp_path: Path, row: Any, said: str) -> None:
    found = read(tmp_path, *GOOD, row)
    assert [number for number, _ in found.problems] == [5]
    assert said in found.problems[0][1]
    with pytest.raises(BadTable, match="Row 5: "):
        demand_good(found)


def test_overlapping_entities_are_refused(tmp_path: Path) -> None:
    both = [{"start": 0, "end": 5, "label": "x"}, {"start": 4, "end": 7, "label": "y"}]
    found = read(tmp_path, *GOOD, {"text": "one two", "intent": "play", "entities": both})
    assert found.problems == [(5, "The entities 'x' and 'y' overlap at character 4.")]


def test_many_wrong_rows_are_counted(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match=r"Row 5: .* And 3 more\.") as raised:
        demand_good(read(tmp_path, *GOOD, *({"intent": "play"} for _ in range(8))))
    assert '"intent"' in raised.value.hint


def test_parts_of_words_become_whole_words_with_a_warning(tmp_path: Path) -> None:
    glued = [{"start": 0, "end": 5, "label": "time"}, {"start": 5, "end": 9, "label": "place"}]
    found = read(tmp_path, *GOOD, entity(1, 4), {"text": "at pmnear me", "intent": "play", "entities": glued})
    assert found.problems == []
    assert found.examples[4].entities == [Span(0, 3, "x")]
    assert found.examples[5].entities == [Span(0, 9, "time")]
    assert [row for row, _ in found.warnings] == [5, 6, 6]
    assert "'one' is taken for it" in found.warnings[0][1]
    assert "'place' ('near') is left out" in found.warnings[2][1]


def test_what_only_all_rows_show(tmp_path: Path) -> None:
    found = read(tmp_path, *GOOD[:2])
    assert found.problems == [(None, "There is only the intent 'play'; at least two intents are needed.")]
    again = {"text": "Play  JAZZ", "intent": "greet"}
    found = read(tmp_path, *GOOD, {"text": "bye", "intent": "leave"}, again)
    texts = [text for _, text in found.warnings]
    assert texts[0].startswith("The intent 'leave' has one example alone")
    assert texts[1] == "The same text has the intent 'greet' here and 'play' in row 1."


def test_a_file_that_is_no_array_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="begins like a JSON array"):
        read(tmp_path, "[{")
    assert read(tmp_path, "").problems == [(None, "There is no good example; at least two intents are needed.")]
    (tmp_path / "latin.jsonl").write_bytes('{"text": "Köln", "intent": "place"}'.encode("latin-1"))
    assert "not JSON" in read_examples(tmp_path / "latin.jsonl").problems[0][1]


def test_each_intent_is_parted_and_equal_texts_stay_together(tmp_path: Path) -> None:
    rows = [{"text": f"play {number}", "intent": "play"} for number in range(20)] * 2
    rows += [{"text": f"HELLO {number}", "intent": "greet"} for number in range(5)]
    rows += [{"text": "bye", "intent": "leave"}]
    examples = read(tmp_path, *rows).examples
    learnt, held_out = part(examples, 0.2, seed=3)
    assert len(learnt) + len(held_out) == len(examples)
    assert not {one.text for one in learnt} & {one.text for one in held_out}
    counts = {intent: sum(one.intent == intent for one in held_out) for intent in ("play", "greet", "leave")}
    assert counts == {"play": 8, "greet": 1, "leave": 0}
    assert part(examples, 0.2, seed=3)[1] == held_out
    assert part(examples, 0.2, seed=4)[1] != held_out
    assert part(examples, 0.0, seed=3) == (examples, [])


def test_splits_of_the_file_are_kept(tmp_path: Path) -> None:
    splits = ["train", "validation", None, "test"]
    rows = [{**row, "split": split} if split else row for row, split in zip(GOOD, splits, strict=True)]
    learnt, held_out = part(read(tmp_path, *rows).examples, 0.2, seed=0)
    assert [one.row for one in learnt] == [1, 3]
    assert [one.row for one in held_out] == [2, 4]
