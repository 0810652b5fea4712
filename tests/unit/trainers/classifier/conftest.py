"""Runs that can be steered, and the sample sets as the server offers them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def recording_run(recording_run: type) -> type:
    """A run that keeps every leaderboard, not the last one alone."""

    class Watched(recording_run):  # type: ignore[misc]
        def __init__(self, folder: Path, checkpoint: Path | None = None) -> None:
            super().__init__(folder, checkpoint)
            self.boards: list[list[list[Any]]] = []

        def table(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
            assert all(len(row) == len(columns) for row in rows)
            assert len(rows) <= 100 and len(columns) <= 20
            super().table(name, list(columns), [list(row) for row in rows])
            if name == "Leaderboard":
                self.boards.append([list(row) for row in rows])

    return Watched


@pytest.fixture
def start(tmp_path: Path, recording_run: type) -> Callable[..., Any]:
    """Makes runs: `start("name", checkpoint=None)`."""
    return lambda name, checkpoint=None: recording_run(tmp_path / name, checkpoint)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample sets: wine, breast-cancer, iris, diabetes."""
    from pulsetrain.trainers.sample_sets import write_sample_sets

    folder = tmp_path_factory.mktemp("samples")
    write_sample_sets(folder)
    return folder
