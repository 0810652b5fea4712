"""What a training leaves so that it can go on, and how it says how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from pulsetrain.model.errors import BadParameters

from .model import load_tensors
from .training import Gan
from .transform import Transform

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

FORMAT = "pulsetrain tabular-gan checkpoint 1"


@dataclass(frozen=True)
class Checkpoint:
    """A training at a safe point: going on from it equals never having stopped."""

    state: dict[str, Any]
    transform: Transform
    digest: str
    """SHA-256 of the CSV file that it learns from."""

    @property
    def batch(self) -> int:
        return int(self.state["real_scores"].shape[1])

    @property
    def batches(self) -> int:
        return int(self.state["real_scores"].shape[0])

    @staticmethod
    def of(gan: Gan, transform: Transform, digest: str) -> Checkpoint:
        return Checkpoint(gan.state(), transform, digest)

    @staticmethod
    def find(run: Run) -> Checkpoint | None:
        """The checkpoint that `run` shall go on from: its own of an earlier attempt, else that of another run."""
        own = run.dir / "checkpoint.pt"
        path = own if own.is_file() else run.checkpoint
        return None if path is None else Checkpoint.load(path)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        text = msgspec.json.encode(self.transform).decode()
        content = {"format": FORMAT, "transform": text, "digest": self.digest, "state": self.state}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        torch.save(content, partial)
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """The checkpoint in the file `path`. Raises BadParameters, or OSError if it cannot be read."""
        content = load_tensors(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise BadParameters(f"{path.name} is not a checkpoint of the tabular GAN.")
        transform = msgspec.json.decode(content["transform"], type=Transform)
        return Checkpoint(content["state"], transform, content["digest"])

    def check(self, digest: str) -> None:
        """Raise BadParameters unless it was made from the file with this digest."""
        if self.digest != digest:
            raise BadParameters(
                "The checkpoint was made from other data than this run's.",
                hint="Resume with the same data set, or start anew.",
            )


class Progress:
    """Says how much of the run is done. When it will be over is reckoned by the SDK."""

    def __init__(self, run: Run, epochs: int) -> None:
        self.run = run
        self.epochs = epochs
        self.done: int | None = None

    def epoch(self, done: int, percent: float, rate: float) -> None:
        """`done` epochs are over; the last one took in `rate` rows a second."""
        self.done = done
        self.run.progress(percent=percent, epoch=done, epochs=self.epochs, rate=rate, unit="rows")

    def show(self, percent: float) -> None:
        """Outside of the training, where there is no rate."""
        self.run.progress(percent=percent, epoch=self.done, epochs=self.epochs)
