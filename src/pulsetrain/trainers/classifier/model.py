"""A trained model and its preprocessing as one file: a zip of JSON and skops members, which run no code when read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from pulsetrain.model.errors import BadParameters

from .columns import Feature
from .encoder import Encoder, prepare
from .parts import Label, Scale
from .scores import Answers, Asking
from .target import Task

FORMAT = "pulsetrain classifier model 1"
TRUSTED = [
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
]
"""What skops does not trust by itself and these files hold: data of scikit-learn's own types."""


class About(msgspec.Struct, kw_only=True):
    """All of a model that is no estimator. `unused` are columns of its table that it does not look at."""

    format: str = FORMAT
    target: str
    task: Task
    classes: list[Label]
    features: list[Feature]
    unused: list[str]
    scale: Scale
    family: str
    grown: int
    dataset: str
    seed: int
    error_90: float | None = None
    """Of a regression: nine of ten validation rows were predicted closer than this."""
    whole: bool = False
    """Of a regression: the target holds whole numbers."""
    example: dict[str, Any] = {}
    """A row of the table."""
    levels: dict[str, list[str]] = {}
    """The levels of each category that were seen, those with the most rows first."""
    bounds: dict[str, tuple[float, float]] = {}
    """The smallest and the largest of each number that was seen."""
    metrics: dict[str, float | None] = {}


class Model:
    """Predicts the target of rows."""

    def __init__(self, about: About, encoder: Encoder, estimator: Any) -> None:
        self.about = about
        self.encoder = encoder
        self.estimator = estimator

    def answers(self, frame: pl.DataFrame, asking: Asking | None = None) -> Answers:
        """Probabilities, or numbers, for rows that have the columns of the features."""
        encoded = self.encoder.encode(prepare(frame, self.about.features))
        answers = (asking or Asking(self.about.task)).ask(self.estimator, encoded)
        return self.about.scale.up(answers)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        partial = path.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w") as file:
            file.writestr("model.json", msgspec.json.encode(self.about))
            file.writestr("encoder.skops", estimator_bytes(self.encoder.transformer))
            file.writestr("estimator.skops", estimator_bytes(self.estimator))
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> Model:
        """The model in the file `path`. Raises BadParameters, or OSError if it cannot be read."""
        try:
            with zipfile.ZipFile(path) as file:
                about = msgspec.json.decode(file.read("model.json"), type=About)
                if about.format != FORMAT:
                    raise ValueError(about.format)
                transformer, estimator = load_estimator(file, "encoder"), load_estimator(file, "estimator")
        except (zipfile.BadZipFile, KeyError, ValueError, msgspec.DecodeError) as problem:
            raise BadParameters(f"{path.name} is not a model of the classifier.") from problem
        encoder = Encoder(about.features, about.task, len(about.classes), about.seed)
        encoder.transformer = transformer
        return Model(about, encoder, estimator)


def estimator_bytes(estimator: Any) -> bytes:
    """An estimator as bytes that `load_estimator` reads."""
    written: bytes = skops.io.dumps(estimator)
    return written


def load_estimator(file: zipfile.ZipFile, name: str) -> Any:
    """The estimator of that name, or None if there is none. Raises BadParameters for types that are not TRUSTED."""
    member = f"{name}.skops"
    if member not in file.namelist():
        return None
    try:
        return skops.io.loads(file.read(member), trusted=TRUSTED)
    except UntrustedTypesFoundException as problem:
        raise BadParameters(f"{member} holds what no model of the classifier holds. {problem}") from problem


def levels_and_bounds(
    encoder: Encoder, frame: pl.DataFrame
) -> tuple[dict[str, list[str]], dict[str, tuple[float, float]]]:
    """The levels of each category and the bounds of each number in the rows of `frame`, which were learnt from."""
    levels: dict[str, list[str]] = {}
    bounds: dict[str, tuple[float, float]] = {}
    for feature in encoder.features:
        present = frame[feature.name].drop_nulls()
        if feature.form in ("category", "many"):
            counted = present.cast(pl.String).value_counts(sort=True)
            levels[feature.name] = counted[feature.name].to_list()
        elif feature.form == "number" and len(present):
            bounds[feature.name] = (float(present.min()), float(present.max()))  # type: ignore[arg-type]
    return levels, bounds


def interval_half(answers: Answers, truth: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """How far from the answer nine of ten rows lie at most, with the correction for few rows (split conformal)."""
    errors = np.sort(np.abs(answers - truth))
    place = min(len(errors), int(np.ceil(0.9 * (len(errors) + 1))))
    return float(errors[place - 1])
