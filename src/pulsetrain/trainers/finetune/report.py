"""What came out: figures beside what a model that learnt nothing gets, and the plots."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pulsetrain.model.report import (
    Bars,
    BarSeries,
    Block,
    Cell,
    Column,
    Figure,
    Histogram,
    HistogramSeries,
    Lines,
    LineSeries,
    Matrix,
    Report,
    Section,
    Table,
    Text,
    Texts,
)

from .examples import Dialogue, Labelled
from .trainer import Settings
from .training import Evaluation, Tuning

POINTS = 400
MATRIX = 50
BARS = 60
SHOWN = 12
WORST = 30
_LONGEST = 400


class Told(msgspec.Struct, frozen=True):
    """What a training was like."""

    settings: Settings
    tuning: Tuning
    before: dict[str, Any]
    after: Evaluation
    notes: list[str]
    learnt: int


def of_classes(told: Told, held_out: Sequence[Labelled], labels: Sequence[str]) -> Report:
    """The report of a model that classifies."""
    truth, guessed = _places(held_out, labels), _classes(told.after)
    counts = confusion(truth, guessed, len(labels))
    scores = f1_scores(counts)
    # The largest class of the examples that were held out: the most that a model that does not look can get.
    majority = Counter(truth.tolist()).most_common(1)[0]
    blind = f1_scores(confusion(truth, np.full_like(truth, majority[0]), len(labels)))
    present = counts.sum(1) > 0
    accuracy = float((truth == guessed).mean())
    largest = majority[1] / len(truth)
    figures = [
        Figure(
            name="Accuracy",
            value=accuracy,
            unit="share",
            better="higher",
            baseline=largest,
            baseline_name="largest class",
            help=f"Share of {len(truth):,} texts that it never saw whose class it gets right.",
        ),
        Figure(
            name="Macro F1",
            value=float(scores[present].mean()),
            unit="share",
            better="higher",
            baseline=float(blind[present].mean()),
            baseline_name="largest class",
            help="Mean over the classes, small ones counting as much as large ones.",
        ),
        _loss(told),
        *_cost(told),
    ]
    summary = (
        f"{accuracy:.1%} of {len(truth):,} held-out texts are classified correctly; "
        f"always naming the largest class gets {largest:.1%}."
    )
    judged = Section(title="Held-out texts", blocks=_class_blocks(held_out, told.after, labels, counts, scores))
    return Report(
        title=_title(told), summary=summary, figures=figures, sections=[judged, training(told)], notes=told.notes
    )


def of_writing(told: Told, judged: Sequence[Dialogue], written: Sequence[str]) -> Report:
    """The report of a model that writes; `written` are its answers to the prompts of `judged`."""
    before = told.before["loss"]
    exact = sum(_same(one.answer, answer) for one, answer in zip(judged, written, strict=True)) / len(judged)
    old = told.before["samples"]
    figures = [
        Figure(
            name="Perplexity",
            value=told.after.perplexity,
            better="lower",
            baseline=math.exp(min(before, 700.0)),
            baseline_name="before training",
            help="Among how many tokens it wavers, on average, when it writes answers that it never saw.",
        ),
        _loss(told),
        Figure(
            name="Token accuracy",
            value=told.after.accuracy,
            unit="share",
            better="higher",
            baseline=told.before["accuracy"],
            baseline_name="before training",
            help="Share of the next tokens of held-out answers that it names first.",
        ),
        Figure(
            name="Exact answers",
            value=exact,
            unit="share",
            better="higher",
            baseline=sum(map(_same, (one.answer for one in judged), old)) / len(old) if old else None,
            baseline_name="before training" if old else None,
            help=f"Share of {len(judged)} held-out prompts to which it writes the expected answer, word by word.",
        ),
        *_cost(told),
    ]
    items = [
        Text(prompt=asked(one), text=text, expected=one.answer, note="as expected" if _same(one.answer, text) else None)
        for one, text in list(zip(judged, written, strict=True))[:SHOWN]
    ]
    earlier = [Text(prompt=asked(one), text=text, expected=one.answer) for one, text in zip(judged, old, strict=False)]
    blocks: list[Block] = [Texts(title="After training", items=items, help="Prompts that it never saw.")]
    if earlier:
        blocks.append(Texts(title="Before training", items=earlier))
    summary = (
        f"The perplexity of held-out answers went from {figures[0].baseline:,.1f} to {told.after.perplexity:,.2f}; "
        f"{exact:.0%} of {len(judged)} answers are as expected, word by word."
    )
    sections = [Section(title="What it writes", blocks=blocks), training(told)]
    return Report(title=_title(told), summary=summary, figures=figures, sections=sections, notes=told.notes)


def worst(
    held_out: Sequence[Labelled], found: Evaluation, labels: Sequence[str]
) -> tuple[str, list[str], list[list[Cell]]]:
    """The errors of which the model was surest: name, columns and rows of a table."""
    assert found.probabilities is not None
    rows: list[tuple[float, list[Cell]]] = []
    for one, shares in zip(held_out, found.probabilities.tolist(), strict=True):
        best = int(np.argmax(shares))
        if labels[best] != one.label:
            own = shares[labels.index(one.label)]
            text = one.text if one.pair is None else f"{one.text} ‖ {one.pair}"
            rows.append((shares[best], [text[:_LONGEST], one.label, labels[best], shares[best], own, one.row]))
    rows.sort(key=lambda row: -row[0])
    columns = ["Text", "Label", "Prediction", "Confidence", "Of the label", "Row"]
    return "Worst errors", columns, [row for _, row in rows[:WORST]]


def training(told: Told) -> Section:
    """The curves of the training."""
    tuning = told.tuning
    steps = np.arange(1, len(tuning.losses) + 1)
    x, loss = thinned(steps, tuning.losses)
    at = [float(step) for step, _, _ in tuning.evaluations]
    loss_lines = [
        LineSeries(name="learnt examples", x=x, y=loss),
        LineSeries(name="held out", x=at, y=[value for _, value, _ in tuning.evaluations], dashed=True),
    ]
    right = [LineSeries(name="held out", x=at, y=[value for _, _, value in tuning.evaluations])]
    rates = LineSeries(name="learning rate", x=x, y=thinned(steps, tuning.rates)[1])
    norms = LineSeries(name="gradient norm", x=x, y=thinned(steps, tuning.norms)[1])
    blocks: list[Block] = [
        Lines(title="Loss", series=loss_lines, x_title="step", y_title="cross-entropy"),
        Lines(title="Share that is right", series=right, x_title="step", y_title="share"),
        Lines(title="Learning rate", series=[rates], x_title="step"),
        Lines(title="Gradient norm", series=[norms], x_title="step", help="Before it is cut."),
    ]
    return Section(title="Training", blocks=blocks)


def thinned(x: NDArray[np.int64], y: Sequence[float]) -> tuple[list[float], list[float | None]]:
    """At most POINTS points: means of neighbours, None where one is not finite."""
    parts = np.array_split(np.arange(len(y)), min(POINTS, len(y))) if len(y) else []
    values = np.asarray(y, float)
    means = [float(values[part].mean()) for part in parts]
    return [float(x[part].mean()) for part in parts], [mean if math.isfinite(mean) else None for mean in means]


def confusion(truth: NDArray[np.int64], guessed: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How many of each class (rows) were taken for each class (columns)."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, guessed), 1)
    return counts


def f1_scores(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 of each class: twice the right ones, over those there are plus those named."""
    either = counts.sum(0) + counts.sum(1)
    return np.asarray(2 * np.diag(counts) / np.maximum(1, either), float)


def asked(one: Dialogue) -> str:
    """The prompt as a person reads it."""
    turns = one.prompt
    if len(turns) == 1:
        return turns[0].content
    return "\n".join(f"{turn.role}: {turn.content}" for turn in turns)


def _class_blocks(
    held_out: Sequence[Labelled],
    after: Evaluation,
    labels: Sequence[str],
    counts: NDArray[np.int64],
    scores: NDArray[np.float64],
) -> list[Block]:
    assert after.probabilities is not None
    order = np.argsort(-counts.sum(1), kind="stable")
    shown = [place for place in order[:MATRIX].tolist() if counts.sum(1)[place] or counts.sum(0)[place]]
    names = [labels[place] for place in shown]
    bars = [place for place in order[:BARS].tolist() if counts.sum(1)[place]]
    right = _places(held_out, labels) == _classes(after)
    confidence = after.probabilities.max(1).values.numpy()
    edges = np.linspace(0, 1, 21)
    title, columns, rows = worst(held_out, after, labels)
    kinds: dict[str, Any] = {"Confidence": "share", "Of the label": "share", "Row": "number"}
    return [
        Matrix(
            title="Confusion",
            rows=names,
            columns=names,
            values=[[float(counts[row, column]) for column in shown] for row in shown],
            row_title="label",
            column_title="prediction",
            help="" if len(shown) == len(labels) else f"The {len(shown)} most frequent of {len(labels)} classes.",
        ),
        Bars(
            title="F1 of each class",
            labels=[f"{labels[place]} ({counts.sum(1)[place]})" for place in bars],
            series=[BarSeries(name="F1", values=[float(scores[place]) for place in bars])],
            unit="share",
            help="In brackets: how many held-out texts.",
        ),
        Histogram(
            title="How sure it is",
            edges=edges.tolist(),
            series=[
                HistogramSeries(name="right", counts=np.histogram(confidence[right], edges)[0].astype(float).tolist()),
                HistogramSeries(name="wrong", counts=np.histogram(confidence[~right], edges)[0].astype(float).tolist()),
            ],
            x_title="confidence",
        ),
        Table(
            title=title,
            columns=[Column(name=name, kind=kinds.get(name, "text")) for name in columns],
            rows=rows,
            help="Those of which it was surest. Row: in the data set.",
        ),
    ]


def _loss(told: Told) -> Figure:
    return Figure(
        name="Held-out loss",
        value=told.after.loss,
        better="lower",
        baseline=told.before["loss"],
        baseline_name="before training",
        help="Cross-entropy in nats.",
    )


def _cost(told: Told) -> list[Figure]:
    tuning = told.tuning
    from .network import sizes

    learn, total = sizes(tuning.network)
    return [
        Figure(name="Weights that learn", value=float(learn), help=f"Of {total:,}."),
        Figure(name="Steps", value=float(tuning.step), help=f"{tuning.epoch} epochs of {told.learnt:,} examples."),
    ]


def _title(told: Told) -> str:
    kind = {"lora": "LoRA", "full": "all weights", "head": "head alone"}[told.settings.how]
    name = (
        "a small model from scratch" if told.settings.from_scratch else told.settings.model.rstrip("/").split("/")[-1]
    )
    return f"Fine-tuning of {name} ({kind})"


def _places(held_out: Sequence[Labelled], labels: Sequence[str]) -> NDArray[np.int64]:
    places = {label: place for place, label in enumerate(labels)}
    return np.array([places[one.label] for one in held_out], np.int64)


def _classes(found: Evaluation) -> NDArray[np.int64]:
    assert found.probabilities is not None
    return np.asarray(found.probabilities.argmax(1).numpy(), np.int64)


def _same(expected: str, written: str) -> bool:
    return " ".join(expected.split()).lower() == " ".join(written.split()).lower()
