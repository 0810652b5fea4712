"""`python -m pulsetrain.trainers.sample_sets FOLDER`: real data sets that scikit-learn carries, and our own examples.

It prints a JSON list of what it wrote: file, title, source, licence. Without scikit-learn the list is empty.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import msgspec

from .nlu.assistant import write_assistant

_UCI = "CC BY 4.0"


class SampleSet(msgspec.Struct, frozen=True):
    """A data set and where it comes from. `target` names the column to predict."""

    loader: str
    file: str
    title: str
    source: str
    licence: str
    target: str
    arguments: dict[str, Any] = {}


SAMPLE_SETS = [
    SampleSet(
        "load_wine",
        "wine.csv",
        "Wine: 13 chemical figures of 178 wines from three growers",
        "Aeberhard and Forina (1992), Wine, UCI Machine Learning Repository, doi:10.24432/C5PC7J; from scikit-learn",
        _UCI,
        "cultivar",
    ),
    SampleSet(
        "load_breast_cancer",
        "breast-cancer.csv",
        "Breast cancer Wisconsin: 30 figures of 569 cell images with their diagnosis",
        "Wolberg, Mangasarian, Street and Street (1993), Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning "
        "Repository, doi:10.24432/C5DW2B; from scikit-learn",
        _UCI,
        "diagnosis",
    ),
    SampleSet(
        "load_iris",
        "iris.csv",
        "Iris: sepals and petals of 150 flowers of three species",
        "Fisher (1936), Iris, UCI Machine Learning Repository, doi:10.24432/C56C76; from scikit-learn",
        _UCI,
        "species",
    ),
    SampleSet(
        "load_diabetes",
        "diabetes.csv",
        "Diabetes: 10 figures of 442 patients and the disease's progress after a year",
        "Efron, Hastie, Johnstone and Tibshirani (2004), Least Angle Regression; from scikit-learn",
        "as distributed with scikit-learn (BSD 3-Clause)",
        "progression",
        {"scaled": False},
    ),
]


def write_sample_sets(folder: Path) -> list[dict[str, str]]:
    """Write each set into `folder` and say what it is."""
    try:
        from sklearn import datasets
    except ImportError:
        return []
    written = []
    for sample in SAMPLE_SETS:
        bunch = getattr(datasets, sample.loader)(**sample.arguments)
        with (folder / sample.file).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*(_column(name) for name in bunch.feature_names), sample.target])
            labels = [str(name) for name in getattr(bunch, "target_names", [])]
            for row, target in zip(bunch.data.tolist(), bunch.target.tolist(), strict=True):
                writer.writerow([*(_plain(value) for value in row), labels[target] if labels else _plain(target)])
        written.append({"file": sample.file, "title": sample.title, "source": sample.source, "licence": sample.licence})
    return [*written, write_assistant(folder)]


def _column(name: str) -> str:
    """`sepal length (cm)` → `sepal_length_cm`: names that need no quotes anywhere."""
    return "_".join("".join(part if part.isalnum() else " " for part in name).split())


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(write_sample_sets(Path(sys.argv[1]))))
