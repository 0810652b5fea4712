"""What a training leaves so that it can go on, and how long the rest will take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from pulsetrain.model.errors import BadParameters

from .trainer import Settings

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

FORMAT = "pulsetrain fine-tune checkpoint 1"
FILE = "checkpoint.pt"
SAME = (
    "model",
    "task",
    "how",
    "batch_size",
    "accumulation",
    "optimizer",
    "validation_split",
    "max_length",
    "group_by_length",
    "lora_rank",
    "lora_targets",
    "freeze_embeddings",
    "freeze_layers",
    "seed",
    "text_column",
    "pair_column",
    "label_column",
    "prompt_column",
    "output_column",
)
"""What must not change between the two halves of a training. The others may: that is what going on can be for."""


class Checkpoint(msgspec.Struct, frozen=True):
    """A training at a safe point: going on from it equals never having stopped."""

    digest: str
    """SHA-256 of the file that it learns from."""
    same: dict[str, Any]
    state: dict[str, Any]
    before: dict[str, Any]
    """What the model was like before it learnt."""
    tokenizer: str = ""
    """The tokenizer of a model from scratch, as JSON."""

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
        torch.save({"format": FORMAT, **msgspec.structs.asdict(self)}, partial)
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """The checkpoint in the file `path`. Raises BadParameters, or OSError if it cannot be read."""
        try:
            # Tensors and plain values alone: a file that is opened must not run code.
            content = torch.load(path, map_location="cpu", weights_only=True)
        except OSError:
            raise
        except Exception:  # noqa: BLE001  # whatever the file is, it is not this
            content = None
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise BadParameters(f"{path.name} is not a checkpoint of a fine-tuning.")
        return Checkpoint(**content)

    def check(self, digest: str, settings: Settings) -> None:
        """Raise BadParameters unless a training with `settings` on the file with this digest can go on from it."""
        if self.digest != digest:
            raise BadParameters(
                "The checkpoint was made from other data than this run's.",
                hint="Resume with the same data set, or start anew.",
            )
        for name, now in same(settings).items():
            if self.same.get(name) != now:
                shown = "method" if name == "how" else name
                raise BadParameters(
                    f"The checkpoint was made with {shown} {self.same.get(name)!r}, and this run has {now!r}.",
                    hint=f"Resume with the same {shown}, or start anew.",
                )


def same(settings: Settings) -> dict[str, Any]:
    """What both halves of a training must have in common."""
    return {name: getattr(settings, name) for name in SAME}


class Pace:
    """How long the rest will take, by this run's own speed. Pure: it is told what took how long."""

    def __init__(self) -> None:
        self.step: float | None = None
        self.evaluation = 0.0
        """Seconds of the last evaluation."""
        self.last = 0.0
        """Seconds that the stages after the training are expected to take."""

    def stepped(self, seconds: float) -> None:
        # A moving mean: fast enough to follow a machine that becomes busy, slow enough not to jump with the lengths.
        self.step = seconds if self.step is None else 0.9 * self.step + 0.1 * seconds

    def remaining(self, steps: int, evaluations: int) -> float | None:
        """Seconds for so many more steps and evaluations, and the stages after them; None before the first step."""
        if self.step is None:
            return None
        return steps * self.step + evaluations * self.evaluation + self.last
