"""`pulsetrain sample`: rows from a trained model, without a server."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from pulsetrain.model.errors import BadParameters, TrainerUnavailable

from .terminal import note


def sample(
    model: Annotated[Path, typer.Argument(help="A model.pt that the tabular GAN wrote.", show_default=False)],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, max=100_000_000, help="How many rows.")] = 1000,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="CSV file to write; without it, they are printed.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same rows.")] = 0,
) -> None:
    """Make synthetic rows with a trained model."""
    if importlib.util.find_spec("torch") is None:
        raise TrainerUnavailable("Sampling needs PyTorch.", hint="pip install 'pulsetrain[train]'")
    if not model.is_file():
        raise BadParameters(f"There is no file {model}.")
    from pulsetrain.trainers.tabular_gan.model import Model

    loaded = Model.load(model)
    made = loaded.sample(rows, seed)
    if output is None:
        # By way of memory, so that a reader of ours that has left is the plain BrokenPipeError that `main` knows.
        text = io.BytesIO()
        loaded.transform.write_csv(made, text)
        sys.stdout.buffer.write(text.getbuffer())
        sys.stdout.buffer.flush()
        return
    try:
        loaded.transform.write_csv(made, output)
    except OSError as problem:
        raise BadParameters(f"{output} cannot be written: {problem}") from problem
    note.print(f"{rows:,} rows are in {output}.")
