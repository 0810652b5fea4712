"""The trainer `nlu-train`: its parameters. The work itself is in `stages`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from pulsetrain.trainers.registry import Advanced, Help, Range, trainer

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

STAGES = [
    "Preprocessing data",
    "Training intent classifier",
    "Training entity extractor",
    "Validating model",
    "Saving model",
]
"""Each is what clients of the training jobs (CONTRACTS C) are told while it goes on, but for the dots behind."""


class Settings(msgspec.Struct, frozen=True):
    """The parameters of one training; see `train`."""

    epochs: int = 15
    entity_epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 0.01
    validation_split: float = 0.2
    optimizer: Literal["adam", "adagrad", "sgd"] = "adam"
    least: int = 2
    seed: int = 0


@trainer(
    "nlu-train",
    title="Language understanding",
    data="jsonl",
    stages=STAGES,
    summary="Learns from examples what people want (intents), and what they speak of (entities).",
    needs=["scipy", "threadpoolctl"],
    install="pip install 'pulsetrain[train]'",
    predictor="pulsetrain.trainers.nlu.predict:load",
)
def train(
    run: Run,
    data: Path,
    *,
    epochs: Annotated[int, Range(1, 1000), Help("Passes over the examples for the intents.")] = 15,
    entity_epochs: Annotated[int, Range(1, 200), Help("Passes over the examples for the entities.")] = 10,
    batch_size: Annotated[int, Range(1, 4096), Help("Examples per step; small data sets take fewer.")] = 32,
    learning_rate: Annotated[
        float, Range(1e-5, 10), Help("Size of a step. Adam: about 0.01; AdaGrad: 0.1; SGD: 1.")
    ] = 0.01,
    validation_split: Annotated[
        float, Range(0, 0.5), Help("Share of each intent that is held out to judge by, unless the file says which.")
    ] = 0.2,
    optimizer: Annotated[Literal["adam", "adagrad", "sgd"], Help("How steps are made."), Advanced()] = "adam",
    least: Annotated[
        int, Range(1, 100), Help("Words and clues that occur less often are left out.", "Least count"), Advanced()
    ] = 2,
    seed: Annotated[int, Range(0, 2**31 - 1), Help("The same seed gives the same model."), Advanced()] = 0,
) -> None:
    """Train on the examples in `data` (JSON Lines or a JSON array); write the model, a report and a checkpoint.

    Raises BadTable where the examples cannot be learnt from, and BadParameters.
    """
    from .stages import Stages

    settings = Settings(epochs, entity_epochs, batch_size, learning_rate, validation_split, optimizer, least, seed)
    Stages(run, data, settings).go()
