"""The trainer `tabular-gan`: from a CSV to synthetic rows, a quality report and a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pulsetrain.trainers.registry import Advanced, Help, Range, trainer

STAGES = ["Prepare data", "Train", "Evaluate", "Export"]


@trainer(
    "tabular-gan",
    title="Tabular GAN",
    data="csv",
    stages=STAGES,
    summary="Learns a table and makes synthetic rows like it, with a report of how good they are.",
    needs=["torch", "sklearn"],
    install="pip install 'pulsetrain[train]'",
)
def train(
    run: Any,
    data: Path,
    *,
    epochs: Annotated[int, Range(1, 1000), Help("Passes over the rows.")] = 100,
    batch_size: Annotated[int, Range(10, 10_000), Help("Rows per step; small tables take fewer.")] = 500,
    learning_rate: Annotated[float, Range(1e-6, 0.1), Help("Size of the first steps; it decays.")] = 1e-3,
    rows: Annotated[int, Range(0, 1_000_000), Help("Synthetic rows to make; 0: as many as the table has.")] = 0,
    seed: Annotated[int, Range(0, 2**31 - 1), Help("The same seed gives the same rows.")] = 0,
    target: Annotated[str, Help("Column to predict in the report; empty: the last category."), Advanced()] = "",
    checkpoint_every: Annotated[int, Range(1, 1000), Help("Epochs between checkpoints."), Advanced()] = 10,
    device: Annotated[Literal["auto", "cpu", "cuda"], Help("Where to train."), Advanced()] = "auto",
) -> None:
    """Train a conditional GAN on the CSV file `data`."""
    raise NotImplementedError
