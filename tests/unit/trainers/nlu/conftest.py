"""What the tests of language understanding share: the sample examples, a short training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pulsetrain.trainers.nlu import train
from pulsetrain.trainers.nlu.assistant import assistant_examples, write_assistant


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample examples as a file."""
    folder = tmp_path_factory.mktemp("data")
    return folder / write_assistant(folder)["file"]


@pytest.fixture(scope="session")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a hard split: every fourth value of an entity occurs in held-out texts alone."""
    path = tmp_path_factory.mktemp("data") / "strange.jsonl"
    values = sorted({value for example in assistant_examples() for value in _values(example)})
    unknown = set(values[::4])
    rows = []
    for number, example in enumerate(assistant_examples()):
        found = _values(example)
        held_out = any(value in unknown for value in found) if found else number % 4 == 0
        rows.append({**example, "split": "validation" if held_out else "train"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _values(example: dict[str, Any]) -> list[str]:
    return [example["text"][entity["start"] : entity["end"]].lower() for entity in example["entities"]]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, recording_run: type, strange: Path) -> Any:
    """A whole training on the hard split."""
    run = recording_run(tmp_path_factory.mktemp("trained"))
    train(run, strange)
    return run
