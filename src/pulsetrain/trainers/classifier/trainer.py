"""The trainer `classifier`: its parameters. The work itself is in `stages`, which imports scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from pulsetrain.trainers.registry import Advanced, Help, Range, trainer

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

Wanted = Literal["automatic", "classification", "prediction"]
Effort = Literal["fast", "thorough"]

STAGES = [
    "Data validation",
    "Data preprocessing",
    "Feature engineering",
    "Model selection",
    "Training model",
    "Model validation",
    "Performance evaluation",
    "Finalizing model",
]


class Settings(msgspec.Struct, frozen=True):
    """The parameters of one training; see `train`."""

    task: Wanted = "automatic"
    target: str = ""
    effort: Effort = "fast"
    epochs: int = 200
    learning_rate: float = 0.0
    folds: int = 5
    families: str = ""
    leave_out: str = ""
    max_rows: int = 100_000
    patience: int = 10
    seed: int = 0


@trainer(
    "classifier",
    title="Classifier",
    data="table",
    stages=STAGES,
    summary="Learns to predict one column of a table, classes or numbers, with the best of several kinds of model.",
    needs=["sklearn", "skops"],
    install="pip install 'pulsetrain[train]'",
    predictor="pulsetrain.trainers.classifier.predict:load",
)
def train(
    run: Run,
    data: Path,
    *,
    task: Annotated[
        Wanted, Help("Classes or numbers (prediction); automatic: by what the target column holds.", title="Model type")
    ] = "automatic",
    target: Annotated[str, Help("Column to predict; empty: one is suggested, and the log says why.")] = "",
    effort: Annotated[Effort, Help("How many kinds of model compete for the table.")] = "fast",
    epochs: Annotated[
        int, Range(1, 5000), Help("Trees, boosting rounds or epochs of the final model.", title="Trees or epochs")
    ] = 200,
    learning_rate: Annotated[
        float, Range(0, 1), Help("Of boosting and the neural network; 0: what is usual for each."), Advanced()
    ] = 0.0,
    folds: Annotated[int, Range(2, 10), Help("Parts of the cross-validation that chooses."), Advanced()] = 5,
    families: Annotated[
        str, Help("Kinds of model to try, with commas between; empty: by the effort."), Advanced()
    ] = "",
    leave_out: Annotated[str, Help("Columns not to learn from, with commas between."), Advanced()] = "",
    max_rows: Annotated[int, Range(50, 1_000_000), Help("More rows than these are sampled."), Advanced()] = 100_000,
    patience: Annotated[
        int,
        Range(0, 1000),
        Help("Checks without a better validation loss before it stops early; 0: never."),
        Advanced(),
    ] = 10,
    seed: Annotated[int, Range(0, 2**31 - 1), Help("The same seed gives the same model."), Advanced()] = 0,
) -> None:
    """Train a model on the CSV file `data`; write the model, a report and the held-out rows with their predictions.

    Raises BadTable where the file cannot be learnt from, and BadParameters.
    """
    from .stages import Stages

    settings = Settings(
        task, target, effort, epochs, learning_rate, folds, families, leave_out, max_rows, patience, seed
    )
    Stages(run, data, settings).go()
