"""What the run found out → its report. Pure: every number was measured before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pulsetrain.model.report import (
    Bars,
    BarSeries,
    Block,
    Cell,
    Column,
    Figure,
    Lines,
    LineSeries,
    Report,
    Section,
    Table,
)

from .columns import Plan
from .families import Family
from .growth import Look
from .importance import Need, Tells
from .parts import Target
from .plots import calibration_error, classification_blocks, regression_blocks, thinned, worst
from .scores import Answers, Scores, Truth
from .selection import Standing, title_of
from .target import Task

MAX_BARS = 25
_SHOWN_COLUMNS = 6
_NAMES = {
    "classification": ("Accuracy", "Log loss", "AUC"),
    "regression": ("R²", "Typical error (RMSE)", "Mean absolute error"),
}


@dataclass
class Held:
    """The verdict of the held-out rows. Of a regression: `error_90` is half the 90 % interval, `coverage` the share of
    them inside it."""

    frame: pl.DataFrame
    answers: Answers
    truth: Truth
    scores: Scores
    baseline: Scores
    interval: tuple[float, float] | None
    error_90: float | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class Findings:
    """All that the report tells."""

    dataset: str
    target: Target
    plan: Plan
    rows: tuple[int, int, int]
    standings: list[Standing]
    chosen: Family
    grown: int
    looks: list[Look]
    held: Held
    ranking: list[Tells]
    needs: list[Need]
    notes: list[str]
    seed: int


def make_report(found: Findings, predictions: int) -> Report:
    """The report of a run that made so many predictions."""
    return Report(
        title=f"{found.target.name} of {found.dataset}",
        summary=summary(found),
        figures=figures(found, predictions),
        sections=[_held_out(found), _columns(found), _selection(found), _training(found), _rows(found)],
        notes=found.notes,
    )


def summary(found: Findings) -> str:
    """What came out, in two sentences."""
    held, title = found.held, found.chosen.title
    count = f"{len(held.truth):,} held-out rows"
    if found.target.task == "classification":
        first = (
            f"{title} is right about {found.target.name!r} in {_share(held.scores.quality)} of {count}; "
            f"always naming the most frequent class would be right in {_share(held.baseline.quality)}."
        )
    else:
        better = 1 - held.scores.loss / held.baseline.loss if held.baseline.loss else 0.0
        comparison = f"{better:.0%} less" if better >= 0 else f"{-better:.0%} more"
        first = (
            f"{title} explains {_share(held.scores.quality)} of the differences in {found.target.name!r} "
            f"among {count}; "
            f"its typical error is {held.scores.loss:.4g}, {comparison} than that of always answering the mean."
        )
    if not _better(held):
        return f"{first} It has learnt nothing that helps."
    needed = [one.name for one in found.needs if one.loss > 0][:3]
    return f"{first} It relies most on {', '.join(needed)}." if needed else first


def _better(held: Held) -> bool:
    return held.scores.loss < held.baseline.loss


def figures(found: Findings, predictions: int) -> list[Figure]:
    """The verdict in numbers; the first one is what the run is about."""
    held, names = found.held, _NAMES[found.target.task]
    classes = found.target.task == "classification"
    unit, who = ("share", "most frequent class") if classes else (None, "mean")
    interval = "" if held.interval is None else _interval(held.interval, classes)
    listed = [
        Figure(
            name=names[0],
            value=held.scores.quality,
            unit=unit,
            help=f"On {len(held.truth):,} rows that were held out to the end. {interval}".strip(),
            better="higher",
            baseline=held.baseline.quality if classes else 0.0,
            baseline_name=who,
        ),
        Figure(
            name=names[2],
            value=held.scores.second,
            better="higher" if classes else "lower",
            help="How well the classes are ranked; 0.5 is chance."
            if classes
            else f"In the unit of {found.target.name!r}.",
            baseline=0.5 if classes else held.baseline.second,
            baseline_name="chance" if classes else who,
        ),
        Figure(
            name=names[1],
            value=held.scores.loss,
            better="lower",
            help="Sure and wrong answers cost most." if classes else f"In the unit of {found.target.name!r}.",
            baseline=held.baseline.loss,
            baseline_name="the classes' shares" if classes else who,
        ),
    ]
    if classes:
        error = calibration_error(held.answers, held.truth)
        help = "How far the model's sureness is from how often it is right."
        listed.append(Figure(name="Calibration error", value=error, unit="share", better="lower", help=help))
    if held.coverage is not None:
        help = "Held-out rows inside the interval that the model gives for 90 %."
        listed.append(Figure(name="Inside the interval", value=held.coverage, unit="share", help=help))
    listed.append(Figure(name="Predictions made", value=predictions, help="In all stages of the run."))
    return listed


def _interval(interval: tuple[float, float], share: bool) -> str:
    low, high = (f"{one:.1%}" if share else f"{one:.3f}" for one in interval)
    return f"95 % interval by bootstrap: {low} to {high}."


def _held_out(found: Findings) -> Section:
    held, target = found.held, found.target
    blocks = (
        classification_blocks(held.answers, held.truth, target.labels)
        if target.task == "classification"
        else regression_blocks(held.answers, held.truth, target.name, found.seed)
    )
    needed = [one.name for one in found.needs[:_SHOWN_COLUMNS]]
    table = worst(held.frame, held.answers, held.truth, target.labels, needed)
    return Section(
        title="On held-out rows",
        text=f"{len(held.truth):,} rows that no stage before had seen.",
        blocks=[*blocks, table] if table.rows else blocks,
    )


def _columns(found: Findings) -> Section:
    blocks: list[Block] = []
    if found.needs:
        shown = found.needs[:MAX_BARS]
        help = "How much the loss grows when the column is shuffled in the held-out rows: what the model relies on."
        series = BarSeries(name="loss", values=[one.loss for one in shown], errors=[one.loss_spread for one in shown])
        blocks.append(
            Bars(title="Permutation importance", labels=[one.name for one in shown], series=[series], help=help)
        )
    if found.ranking:
        shown_ranking = found.ranking[:MAX_BARS]
        bits = BarSeries(name="bits", values=[one.bits for one in shown_ranking])
        help = "How much each column alone tells about the target (mutual information), in training rows."
        labels = [one.name for one in shown_ranking]
        blocks.append(Bars(title="What each column tells alone", labels=labels, series=[bits], unit="bits", help=help))
    used: list[list[Cell]] = [[one.name, one.kind, _FORMS[one.form]] for one in found.plan.features]
    unused: list[list[Cell]] = [[one.name, "not used", one.why] for one in found.plan.dropped]
    columns = [Column(name="Column"), Column(name="Holds"), Column(name="Becomes")]
    blocks.append(Table(title="Columns", columns=columns, rows=[*used, *unused][:200]))
    return Section(title="Columns", blocks=blocks)


_FORMS = {
    "number": "a number; the median where it is missing, and a mark",
    "flag": "0 or 1, and a mark where it is missing",
    "category": "a number for each level",
    "many": "the target's mean at each level",
    "date": "its parts: year, month, day, weekday, hour, days",
    "text": "directions among its weighted words (TF-IDF, SVD)",
}


def leaderboard(standings: Sequence[Standing], task: Task) -> tuple[list[str], list[list[Cell]]]:
    """The names of the columns and the rows of the leaderboard."""
    quality, loss, second = _NAMES[task]
    rows: list[list[Cell]] = []
    for place, one in enumerate(standings, 1):
        title = title_of(one.family, task)
        spread = None if one.loss_spread is None else round(one.loss_spread, 4)
        rows.append(
            [
                place,
                title,
                round(one.loss, 4),
                spread,
                _round(one.quality),
                _round(one.second),
                one.folds,
                round(one.seconds, 2),
            ]
        )
    return ["Place", "Model", loss, "± (folds)", quality, second, "Folds", "Seconds"], rows


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _selection(found: Findings) -> Section:
    names, rows = leaderboard(found.standings, found.target.task)
    columns = [Column(name=name, kind="text" if name == "Model" else "number") for name in names]
    help = (
        "Mean over the folds of the cross-validation. The lowest loss wins: it also counts how sure wrong answers were."
    )
    bars = Bars(
        title=f"{names[2]} under cross-validation",
        labels=[str(row[1]) for row in rows],
        series=[
            BarSeries(
                name=names[2],
                values=[one.loss for one in found.standings],
                errors=[one.loss_spread for one in found.standings],
            )
        ],
        help="Lower is better; the whiskers are the spread over the folds.",
    )
    return Section(
        title="Model selection",
        text=f"{found.chosen.title} won.",
        blocks=[Table(title="Leaderboard", columns=columns, rows=rows, help=help), bars],
    )


def _training(found: Findings) -> Section:
    looks = [found.looks[place] for place in thinned(len(found.looks))] if found.looks else []
    x = [float(look.grown) for look in looks]
    quality, loss, _ = _NAMES[found.target.task]

    def pair(validation: list[float | None], training: list[float | None]) -> list[LineSeries]:
        return [
            LineSeries(name="validation rows", x=x, y=validation),
            LineSeries(name="training rows", x=x, y=training, dashed=True),
        ]

    unit = found.chosen.unit.capitalize()
    return Section(
        title="Training",
        text=f"The final model has {found.grown:,} {found.chosen.unit}.",
        blocks=[
            Lines(
                title=f"{quality} as it grew",
                series=pair([one.validation.quality for one in looks], [one.training.quality for one in looks]),
                x_title=unit,
                y_title=quality,
                help="A wide gap between the lines means that the model knows its training rows by heart.",
            ),
            Lines(
                title=f"{loss} as it grew",
                series=pair([one.validation.loss for one in looks], [one.training.loss for one in looks]),
                x_title=unit,
                y_title=loss,
            ),
        ],
    )


def _rows(found: Findings) -> Section:
    parts = ("learnt from", "looked at while learning", "held out to the end")
    columns = [Column(name="Rows"), Column(name="Count", kind="number")]
    blocks: list[Block] = [
        Table(
            title="Parts", columns=columns, rows=[[name, count] for name, count in zip(parts, found.rows, strict=True)]
        )
    ]
    if found.target.task == "classification":
        counts = np.bincount(found.held.truth, minlength=len(found.target.classes))
        every = np.bincount(found.target.numbers, minlength=len(found.target.classes))
        order = np.argsort(-every, kind="stable")[:60]
        blocks.append(
            Bars(
                title="Classes",
                labels=[found.target.labels[place] for place in order],
                series=[
                    BarSeries(name="all rows", values=every[order].astype(float).tolist()),
                    BarSeries(name="held out", values=counts[order].astype(float).tolist()),
                ],
            )
        )
    return Section(title="Rows", blocks=blocks)


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else f"{value:.1%}"
