"""The trainer `tabular-gan`: its parameters. The work itself is in `stages`, which imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from pulsetrain.trainers.registry import Advanced, Help, Range, trainer

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

STAGES = ["Prepare data", "Train", "Evaluate", "Export"]


class Settings(msgspec.Struct, frozen=True):
    """The parameters of one training; see `train`."""

    epochs: int = 100
    batch_size: int = 500
    learning_rate: float = 1e-3
    rows: int = 0
    seed: int = 0
    target: str = ""
    checkpoint_every: int = 10
    device: str = "auto"


@trainer(
    "tabular-gan",
    title="Tabular GAN",
    data="table",
    stages=STAGES,
    summary="Learns a table and makes synthetic rows like it, with a report of how good they are.",
    needs=["torch", "sklearn"],
    install="pip install 'pulsetrain[train]'",
    predictor="pulsetrain.trainers.tabular_gan.predict:load",
)
def train(
    run: Run,
    data: Path,
    *,
    epochs: Annotated[int, Range(1, 1000), Help("Passes over the rows.")] = 100,
    batch_size: Annotated[int, Range(10, 5000), Help("Rows per step; small tables take fewer."), Advanced()] = 500,
    learning_rate: Annotated[float, Range(1e-6, 0.1), Help("Size of the first steps; it decays."), Advanced()] = 1e-3,
    rows: Annotated[int, Range(0, 1_000_000), Help("Synthetic rows to make; 0: as many as the table has.")] = 0,
    seed: Annotated[int, Range(0, 2**31 - 1), Help("The same seed gives the same rows."), Advanced()] = 0,
    target: Annotated[str, Help("Column that the report predicts; empty: the last category."), Advanced()] = "",
    checkpoint_every: Annotated[int, Range(1, 1000), Help("Epochs between checkpoints."), Advanced()] = 10,
    device: Annotated[Literal["auto", "cpu", "cuda"], Help("Where to train."), Advanced()] = "auto",
) -> None:
    """Train a conditional GAN on the table `data`; write synthetic rows, a quality report and the model.

    Raises BadTable where the file cannot be learnt from, and BadParameters.
    """
    from .stages import Stages

    Stages(run, data, Settings(epochs, batch_size, learning_rate, rows, seed, target, checkpoint_every, device)).go()
