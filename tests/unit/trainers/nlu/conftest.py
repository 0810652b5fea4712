"""What the tests of language understanding share: the sample examples, a run that can be steered, a short training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulsetrain.trainers.nlu import train
from pulsetrain.trainers.nlu.assistant import assistant_examples, write_assistant


@pytest.fixture(scope="session")
def steered(recording_run: type) -> type:
    """Runs that keep tables and actions, and whose parameters somebody changes: `run.changed[name] = value`."""

    class Steered(recording_run):  # type: ignore[misc, valid-type]  # a fixture's class
        def __init__(self, folder: Path, checkpoint: Path | None = None) -> None:
            super().__init__(folder, checkpoint)
            self.tables: dict[str, tuple[list[str], list[list[Any]]]] = {}
            self.actions: dict[str, Callable[[], Any]] = {}
            self.changed: dict[str, Any] = {}
            self.settled: list[tuple[str, ...]] = []

        def table(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
            assert len(rows) <= 100 and len(columns) <= 20
            assert all(len(row) == len(columns) for row in rows)
            self.tables[name] = (columns, rows)

        def param(self, name: str, default: Any = None, **_: Any) -> Any:
            return self.changed.get(name, default)

        def on(self, action: str, function: Callable[[], Any]) -> None:
            self.actions[action] = function

        def settle(self, *names: str) -> None:
            self.settled.append(names)

    return Steered


@pytest.fixture
def begin(tmp_path: Path, steered: type) -> Callable[..., Any]:
    """Makes runs: `begin("name", checkpoint=None)`."""
    return lambda name, checkpoint=None: steered(tmp_path / name, checkpoint)


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
def trained(tmp_path_factory: pytest.TempPathFactory, steered: type, strange: Path) -> Any:
    """A whole training on the hard split."""
    run = steered(tmp_path_factory.mktemp("trained"))
    train(run, strange)
    return run
