from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pulsetrain.model.errors import BadParameters
from pulsetrain.trainers.nlu.assistant import assistant_examples
from pulsetrain.trainers.nlu.predict import NluPredictor, load
from pulsetrain.trainers.nlu.scores import accuracy
from pulsetrain.trainers.registry import Predictor


@pytest.fixture(scope="module")
def model(trained: Any) -> NluPredictor:
    return load(trained.dir / "model.npz")


def test_a_sentence_of_nobody_is_understood(model: NluPredictor) -> None:
    text = "Please switch on the light in the playroom"
    answer = model.predict([{"text": text}])[0]
    assert answer["prediction"] == "control_lights"
    assert answer["confidence"] == max(answer["intents"].values()) > 0.5
    assert next(iter(answer["intents"])) == "control_lights"
    assert len(answer["intents"]) == 5
    assert sum(answer["intents"].values()) == pytest.approx(1)
    assert answer["entities"] == [{"start": 34, "end": 42, "label": "room", "text": "playroom"}]


def test_many_rows_are_answered_as_one_by_one(model: NluPredictor) -> None:
    rows = [{"text": example["text"]} for example in assistant_examples()[:100]]
    together = model.predict(rows)
    for row, answer in zip(rows, together, strict=True):
        alone = model.predict([row])[0]
        assert alone["prediction"] == answer["prediction"]
        assert alone["entities"] == answer["entities"]
        assert alone["confidence"] == pytest.approx(answer["confidence"], rel=1e-5)
        assert all(row["text"][one["start"] : one["end"]] == one["text"] for one in answer["entities"])
    assert model.predict([]) == []


def test_what_was_learnt_is_known(model: NluPredictor) -> None:
    examples = assistant_examples()
    answers = [answer["prediction"] for answer in model.predict([{"text": one["text"]} for one in examples])]
    assert (accuracy([one["intent"] for one in examples], answers) or 0) > 0.9


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "Row 2 has no text."),
        ({"text": 3}, "Row 2 has no text."),
        ({"text": " \n"}, "Row 2 has no text."),
        ("hello", "Row 2 has no text."),
        ({"text": "a " * 1001}, "The text of row 2 has more than 1,000 words"),
    ],
)
def test_a_bad_row_is_named(model: NluPredictor, row: Any, said: str) -> None:
    with pytest.raises(BadParameters, match=said):
        model.predict([{"text": "good"}, row])


def test_texts_in_which_nothing_is_known_get_an_answer(model: NluPredictor) -> None:
    for text in ("…", "東京", "zzz qqq", "🎉"):
        answer = model.predict([{"text": text}])[0]
        assert 0 < answer["confidence"] < 0.9, text


def test_its_input_is_described_with_examples_that_it_takes(model: NluPredictor) -> None:
    known: Predictor = model
    assert len(known.input["examples"]) == 3
    for row in known.input["examples"]:
        jsonschema.validate(row, known.input)
        assert known.predict([row])[0]["prediction"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, known.input)


def test_another_file_is_no_model(trained: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.npz").write_bytes(b"")
    for path in (tmp_path / "empty.npz", trained.dir / "report.json", trained.dir / "checkpoint.npz"):
        with pytest.raises(BadParameters, match=f"{path.name} is not a model of nlu-train"):
            load(path)


def test_a_process_of_its_own_serves_it(trained: Any) -> None:
    """As the server asks it: lines of JSON, and a bad row is an answer, not the end."""
    rows = [{"rows": [{"text": "play jazz"}]}, {"rows": [{"text": ""}]}, {"rows": [{"text": "hello there"}]}]
    lines = "".join(json.dumps({"id": number, **row}) + "\n" for number, row in enumerate(rows))
    command = [sys.executable, "-m", "pulsetrain.trainers.serve", "--trainer", "nlu-train", "--model"]
    done = subprocess.run(
        [*command, str(trained.dir / "model.npz")],
        input=lines,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    described, first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert described["input"]["required"] == ["text"]
    assert first["predictions"][0]["prediction"] == "play_music"
    assert first["predictions"][0]["entities"] == [{"start": 5, "end": 9, "label": "music", "text": "jazz"}]
    assert second["problem"]["message"] == "Row 1 has no text."
    assert third["predictions"][0]["prediction"] == "small_talk"
