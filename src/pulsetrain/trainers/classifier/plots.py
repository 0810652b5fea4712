"""Answers and truths → the blocks of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_curve, roc_curve

from pulsetrain.model.report import (
    Block,
    Column,
    Histogram,
    HistogramSeries,
    Lines,
    LineSeries,
    Matrix,
    Scatter,
    Table,
)

from .scores import Answers, Truth, auc_of

MAX_POINTS = 400
MAX_SQUARES = 50
MAX_CURVES = 8
_BINS = 10
_BARS = 40


def thinned(length: int, most: int = MAX_POINTS) -> npt.NDArray[np.int64]:
    """At most `most` places of `length`, evenly, the first and the last among them."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(np.int64))


def classification_blocks(answers: Answers, truth: Truth, labels: Sequence[str]) -> list[Block]:
    """Confusion matrix, figures of each class, ROC, precision and recall, calibration."""
    shown = _shown_classes(truth, len(labels))
    return [
        *confusion(answers, truth, labels),
        class_table(answers, truth, labels),
        *_curves(answers, truth, labels, shown),
        *calibration(answers, truth),
    ]


def _shown_classes(truth: Truth, classes: int) -> list[int]:
    """Of two classes the second; of many those with the most rows."""
    if classes == 2:
        return [1]
    counts = np.bincount(truth, minlength=classes)
    return [int(place) for place in np.argsort(-counts, kind="stable")[:MAX_CURVES]]


def confusion(answers: Answers, truth: Truth, labels: Sequence[str]) -> list[Block]:
    """What each class was taken for."""
    counts = confusion_matrix(truth, answers.argmax(axis=1), labels=range(len(labels)))
    kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MAX_SQUARES])
    names = [labels[place] for place in kept]
    left = len(labels) - len(names)
    return [
        Matrix(
            title="Confusion matrix",
            rows=names,
            columns=names,
            values=counts[np.ix_(kept, kept)].astype(float).tolist(),
            row_title="Real class",
            column_title="Predicted class",
            help="Held-out rows. On the diagonal lie the right answers."
            + (f" The {left} classes with the fewest rows are left out." if left else ""),
        )
    ]


def class_table(answers: Answers, truth: Truth, labels: Sequence[str]) -> Table:
    """Precision, recall and F1 of each class."""
    predicted = answers.argmax(axis=1)
    rows: list[list[str | float | int | None]] = []
    for place, label in enumerate(labels):
        hits = int(((predicted == place) & (truth == place)).sum())
        named, there = int((predicted == place).sum()), int((truth == place).sum())
        precision, recall = hits / named if named else None, hits / there if there else None
        f1 = 2 * hits / (named + there) if named + there else None
        rows.append([label, there, precision, recall, f1, auc_of(answers[:, place], truth == place)])
    columns = [
        Column(name="Class"),
        Column(name="Rows", kind="number"),
        Column(name="Precision", kind="share"),
        Column(name="Recall", kind="share"),
        Column(name="F1", kind="share"),
        Column(name="AUC", kind="number"),
    ]
    help = "Precision: how many of those named so are so. Recall: how many of those that are so were found."
    return Table(title="Figures of each class", columns=columns, rows=rows, help=help)


def _curves(answers: Answers, truth: Truth, labels: Sequence[str], shown: list[int]) -> list[Block]:
    roc, precision = [], []
    for place in shown:
        is_it = truth == place
        if is_it.all() or not is_it.any():
            continue
        ranking = answers[:, place]
        false, true, _ = roc_curve(is_it, ranking)
        kept = thinned(len(false))
        area = auc_of(ranking, is_it)
        roc.append(LineSeries(name=f"{labels[place]} (AUC {area:.3f})", x=false[kept].tolist(), y=true[kept].tolist()))
        exact, found, _ = precision_recall_curve(is_it, ranking)
        kept = thinned(len(exact))
        mean = average_precision_score(is_it, ranking)
        precision.append(
            LineSeries(
                name=f"{labels[place]} (AP {mean:.3f})", x=found[kept][::-1].tolist(), y=exact[kept][::-1].tolist()
            )
        )
    if not roc:
        return []
    roc.append(LineSeries(name="by chance", x=[0, 1], y=[0, 1], dashed=True))
    return [
        Lines(
            title="ROC",
            series=roc,
            x_title="False positives",
            y_title="True positives",
            help="The further the line bends to the upper left corner, the better the class is told from the rest.",
        ),
        Lines(
            title="Precision and recall",
            series=precision,
            x_title="Recall",
            y_title="Precision",
            help="How exact the answers are when so many of the class shall be found.",
        ),
    ]


def calibration(answers: Answers, truth: Truth) -> list[Block]:
    """Whether answers that are 80 % sure are right 8 of 10 times."""
    sure, predicted = answers.max(axis=1), answers.argmax(axis=1)
    right = predicted == truth
    edges = np.linspace(0, 1, _BINS + 1)
    place = np.clip(np.digitize(sure, edges) - 1, 0, _BINS - 1)
    filled = [one for one in range(_BINS) if (place == one).any()]
    x = [float(sure[place == one].mean()) for one in filled]
    y: list[float | None] = [float(right[place == one].mean()) for one in filled]
    counts, bounds = np.histogram(sure, bins=20, range=(0, 1))
    wrong = np.histogram(sure[~right], bins=bounds)[0]
    return [
        Lines(
            title="Calibration",
            series=[
                LineSeries(name="this model", x=x, y=y),
                LineSeries(name="perfectly calibrated", x=[0, 1], y=[0, 1], dashed=True),
            ],
            x_title="How sure the model was",
            y_title="How often it was right",
            help="Below the dashed line the model is too sure of itself, above it too modest.",
        ),
        Histogram(
            title="How sure the answers are",
            edges=bounds.tolist(),
            series=[
                HistogramSeries(name="right", counts=(counts - wrong).astype(float).tolist()),
                HistogramSeries(name="wrong", counts=wrong.astype(float).tolist()),
            ],
            x_title="Probability of the answer",
        ),
    ]


def calibration_error(answers: Answers, truth: Truth) -> float:
    """How far, on average, the model's sureness is from how often it is right."""
    sure, right = answers.max(axis=1), answers.argmax(axis=1) == truth
    place = np.clip((sure * _BINS).astype(int), 0, _BINS - 1)
    gaps = [abs(sure[place == one].mean() - right[place == one].mean()) * (place == one).mean() for one in set(place)]
    return float(sum(gaps))


def regression_blocks(answers: Answers, truth: Truth, target: str, seed: int) -> list[Block]:
    """Predicted against real, residuals, and how the errors are spread."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(truth))[:MAX_POINTS])
    errors = answers - truth
    counts, edges = np.histogram(errors, bins=min(_BARS, max(5, len(truth) // 5)))
    return [
        Scatter(
            title="Predicted against real",
            x=truth[chosen].astype(float).tolist(),
            y=answers[chosen].tolist(),
            x_title=f"Real {target}",
            y_title=f"Predicted {target}",
            diagonal=True,
            help="Held-out rows. On the diagonal lie the exact answers.",
        ),
        Scatter(
            title="Residuals",
            x=answers[chosen].tolist(),
            y=errors[chosen].tolist(),
            x_title=f"Predicted {target}",
            y_title="Predicted minus real",
            help="A shape other than an even band around zero shows what the model has not understood.",
        ),
        Histogram(
            title="Errors",
            edges=edges.tolist(),
            series=[HistogramSeries(name="held-out rows", counts=counts.astype(float).tolist())],
            x_title="Predicted minus real",
        ),
    ]


def worst(frame: Any, answers: Answers, truth: Truth, labels: Sequence[str], names: list[str], most: int = 15) -> Table:
    """The held-out rows that the model was most wrong about."""
    if labels:
        error = 1 - answers[np.arange(len(truth)), truth]
        order = [int(row) for row in np.argsort(-error, kind="stable") if answers[row].argmax() != truth[row]][:most]
    else:
        error = np.abs(answers - truth)
        order = [int(row) for row in np.argsort(-error, kind="stable")[:most]]
    rows: list[list[str | float | int | None]] = []
    for row in order:
        cells = [_cell(frame[name][row]) for name in names]
        if labels:
            guess = int(answers[row].argmax())
            rows.append([labels[int(truth[row])], labels[guess], float(answers[row][guess]), *cells])
        else:
            rows.append([float(truth[row]), float(answers[row]), float(error[row]), *cells])
    first = (
        [Column(name="Real"), Column(name="Predicted"), Column(name="How sure", kind="share")]
        if labels
        else [Column(name=name, kind="number") for name in ("Real", "Predicted", "Error")]
    )
    title = "Surest wrong answers" if labels else "Largest errors"
    return Table(title=title, columns=[*first, *(Column(name=name) for name in names)], rows=rows)


def _cell(value: Any) -> str | float | int | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
