"""What the tests of the trainers share."""

from __future__ import annotations

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest


class RecordingRun:
    """A run that remembers what a trainer told it, with the shape of the SDK's. `stop_when` is asked at safe points."""

    def __init__(self, folder: Path, checkpoint: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.dir = folder
        self.checkpoint = checkpoint
        self.stages: list[tuple[str, int | None, int | None]] = []
        self.metrics: dict[int, dict[str, float]] = {}
        self.progresses: list[dict[str, Any]] = []
        self.artifacts: dict[str, str] = {}
        self.asked = 0
        self.values: dict[str, Any] = {}
        """What `param` answers, where it is not the default: what somebody has set."""
        self.judged: dict[str, float] = {}
        self.actions: dict[str, Callable[[], None]] = {}
        self.tables: dict[str, tuple[list[str], list[Any]]] = {}
        self.stop_when: Callable[[RecordingRun], bool] = lambda run: False

    @property
    def should_stop(self) -> bool:
        self.asked += 1
        return self.stop_when(self)

    def param(self, name: str, default: Any = None, **bounds: Any) -> Any:
        return self.values.get(name, default)

    def on(self, action: str, function: Callable[[], None]) -> None:
        self.actions[action] = function

    def settle(self, *names: str) -> None:
        self.actions = {}

    def clock(self) -> float:
        return time.monotonic()

    def table(self, name: str, columns: list[str], rows: list[Any]) -> None:
        self.tables[name] = (columns, rows)

    def log(self, values: dict[str, float], step: int | None = None) -> None:
        assert step is not None
        if any(name.startswith("quality/") for name in values):
            self.judged = values
        else:
            self.metrics[step] = values

    def stage(self, name: str, index: int | None = None, of: int | None = None) -> None:
        self.stages.append((name, index, of))

    def progress(self, percent: float | None = None, **rest: Any) -> None:
        self.progresses.append({"percent": percent, **rest})

    def save_artifact(self, path: Path, name: str, kind: str) -> None:
        assert path.is_file()
        self.artifacts[name] = kind


@pytest.fixture(scope="session")
def recording_run() -> type[RecordingRun]:
    return RecordingRun


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., RecordingRun]:
    """Makes runs: `start("name", checkpoint=None)`."""
    return lambda name, checkpoint=None: RecordingRun(tmp_path / name, checkpoint)


@pytest.fixture(scope="session")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wine set as CSV: 178 rows, 13 numbers and the cultivar."""
    from sklearn.datasets import load_wine

    bunch = load_wine()
    columns = {name.split("/")[0]: bunch.data[:, place] for place, name in enumerate(bunch.feature_names)}
    path = tmp_path_factory.mktemp("data") / "wine.csv"
    pl.DataFrame({**columns, "cultivar": [f"class_{target}" for target in bunch.target]}).write_csv(path)
    return path


@pytest.fixture(scope="session")
def mixed() -> pl.DataFrame:
    """Some rows of every kind of column, with holes."""
    rows = 400
    return pl.DataFrame(
        {
            "age": [17 + (row * 7) % 60 for row in range(rows)],
            "gain": [0 if row % 10 else 1000 + row for row in range(rows)],
            "price": [None if row % 13 == 0 else round(0.25 * row + (row % 7) / 100, 2) for row in range(rows)],
            "city": [None if row % 17 == 0 else ("Köln", "東京", 'a,b "c"\n')[row % 3] for row in range(rows)],
            "member": [row % 3 == 0 for row in range(rows)],
            "since": pl.Series([20000 + row % 300 for row in range(rows)], dtype=pl.Int32).cast(pl.Date),
            "name": [f"person {row}" for row in range(rows)],
            "unit": ["kg"] * rows,
            "nothing": pl.Series([None] * rows, dtype=pl.String),
        }
    )
