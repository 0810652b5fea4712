"""What a training leaves so that it can go on: one zip file with what was found out and the growing model."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pulsetrain.model.errors import BadParameters

from .growth import Progress
from .model import estimator_bytes, load_estimator
from .selection import Trial
from .trainer import Settings

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

FILE = "checkpoint.zip"
FORMAT = "pulsetrain classifier checkpoint 1"
_FREE = ("epochs", "learning_rate", "patience")
"""Settings that may change on the way."""


class State(msgspec.Struct, kw_only=True):
    """Where a training is. `step` is that of its last row of metrics, `predictions` how many it has made."""

    format: str = FORMAT
    digest: str
    """SHA-256 of the CSV file that it learns from."""
    settings: Settings
    trials: list[Trial]
    family: str | None
    progress: Progress
    predictions: int
    step: int


class Checkpoint(msgspec.Struct, frozen=True):
    """A training at a safe point: going on from it gives what never having stopped would have given."""

    state: State
    estimator: Any = None
    kept: Any = None

    @staticmethod
    def find(run: Run) -> Checkpoint | None:
        """The checkpoint that `run` shall go on from: its own of an earlier attempt, else that of another run."""
        own = run.dir / FILE
        path = own if own.is_file() else run.checkpoint
        return None if path is None else Checkpoint.load(path)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w") as file:
            file.writestr("state.json", msgspec.json.encode(self.state))
            for name, estimator in (("estimator", self.estimator), ("kept", self.kept)):
                if estimator is not None:
                    file.writestr(f"{name}.skops", estimator_bytes(estimator))
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """The checkpoint in the file `path`. Raises BadParameters, or OSError if it cannot be read."""
        try:
            with zipfile.ZipFile(path) as file:
                state = msgspec.json.decode(file.read("state.json"), type=State)
                if state.format != FORMAT:
                    raise ValueError(state.format)
                found = {name: load_estimator(file, name) for name in ("estimator", "kept")}
        except (zipfile.BadZipFile, KeyError, ValueError, msgspec.DecodeError) as problem:
            raise BadParameters(f"{path.name} is not a checkpoint of the classifier.") from problem
        return Checkpoint(state, found["estimator"], found["kept"])

    def check(self, digest: str, settings: Settings) -> None:
        """Raise BadParameters unless it was made from the same data, and in the same way but for how far it goes."""
        if self.state.digest != digest:
            raise BadParameters(
                "The checkpoint was made from other data than this run's.",
                hint="Resume with the same data set, or start anew.",
            )
        theirs, ours = msgspec.structs.asdict(self.state.settings), msgspec.structs.asdict(settings)
        changed = [name for name in ours if name not in _FREE and theirs[name] != ours[name]]
        if changed:
            # Another seed, for instance, would hold out rows that the model has learnt from.
            name = changed[0]
            raise BadParameters(
                f"The checkpoint was made with {name}={theirs[name]!r}, and this run has {name}={ours[name]!r}.",
                hint=f"Only {', '.join(_FREE)} may change on the way.",
            )
