from __future__ import annotations

from pathlib import Path

from pulsetrain.trainers.nlu.assistant import assistant_examples, write_assistant
from pulsetrain.trainers.nlu.examples import read_examples


def test_three_hundred_examples_without_a_fault(tmp_path: Path) -> None:
    about = write_assistant(tmp_path)
    assert set(about) == {"file", "title", "source", "licence"}
    found = read_examples(tmp_path / about["file"])
    assert found.problems == found.warnings == []
    assert len(found.examples) == len({example.text for example in found.examples}) == 300
    assert len({example.intent for example in found.examples}) == 5
    assert {span.label for example in found.examples for span in example.entities} == {"time", "place", "room", "music"}
    assert assistant_examples() == assistant_examples()
