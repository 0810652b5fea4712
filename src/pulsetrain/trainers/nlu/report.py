"""The report of a training: what the model can do, what it confuses, and how it came to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulsetrain.model.report import (
    Bars,
    BarSeries,
    Block,
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
)

from . import scores
from .scores import Scores
from .verdict import ENTITY_ERRORS, INTENT_ERRORS, Verdict

History = Sequence[dict[str, float]]

MOST_BARS, MOST_SQUARES, MOST_POINTS = 60, 50, 400
SCORE_COLUMNS = ["precision", "recall", "F1"]


def report(
    verdict: Verdict,
    histories: Mapping[str, History],
    telling: dict[str, list[str]],
    notes: list[str],
) -> Report:
    """Everything worth knowing; `histories` are those of `intents` and `entities`, `telling` the words of intents."""
    sections = [_intents(verdict, telling)]
    if verdict.entity_scores is not None:
        sections.append(_entities(verdict, verdict.entity_scores))
    if verdict.held_out:
        sections.append(_confidence(verdict))
    sections.append(_courses(histories))
    return Report(
        title="Intents and entities",
        summary=summary(verdict),
        figures=_figures(verdict),
        sections=sections,
        notes=notes,
    )


def summary(verdict: Verdict) -> str:
    """What came out, in a sentence."""
    count, share = len(verdict.held_out), verdict.accuracy
    if share is None:
        return f"The model learnt from {len(verdict.learnt):,} examples; none was held out, so nothing is known of it."
    low, high = scores.surely(share, count)
    text = (
        f"Of {count:,} examples that it did not learn from, the model tells the intent of {share:.1%} "
        f"(with 95 % certainty between {low:.1%} and {high:.1%})"
    )
    found = verdict.entity_scores.together.f1 if verdict.entity_scores else None
    return f"{text}, and it finds entities with an F1 of {found:.1%}." if found is not None else f"{text}."


def _figures(verdict: Verdict) -> list[Figure]:
    share = Figure(
        name="Intent accuracy",
        value=verdict.accuracy,
        unit="share",
        help="Share of held-out examples whose intent is told.",
        better="higher",
        baseline=verdict.majority,
        baseline_name="always the most frequent intent",
    )
    macro = Figure(
        name="Intent F1",
        value=verdict.intent_scores.macro,
        unit="share",
        help="Mean over the intents, rare ones as heavy as frequent ones.",
        better="higher",
    )
    whole = Figure(
        name="Wholly understood",
        value=verdict.whole,
        unit="share",
        help="Share of texts of which the intent and each entity were found.",
        better="higher",
    )
    figures = [share, macro, whole]
    if verdict.entity_scores is not None:
        found = Figure(
            name="Entity F1",
            value=verdict.entity_scores.together.f1,
            unit="share",
            help="An entity counts if start, end and label are right.",
            better="higher",
            baseline=verdict.by_heart,
            baseline_name="looking up the entities learnt from",
        )
        figures.insert(2, found)
    learnt = Figure(name="Learnt from", value=len(verdict.learnt), unit="examples")
    return [*figures, learnt, Figure(name="Held out", value=len(verdict.held_out), unit="examples")]


def _intents(verdict: Verdict, telling: dict[str, list[str]]) -> Section:
    names = verdict.names[:MOST_SQUARES]
    blocks: list[Block] = []
    if verdict.held_out:
        matrix = Matrix(
            title="Confusion of intents",
            rows=names,
            columns=names,
            values=scores.confusion(names, verdict.truth, verdict.intents),
            row_title="in truth",
            column_title="answered",
            help="Held-out examples. What is not on the diagonal is wrong.",
        )
        errors = Table(
            title="Worst errors of intents",
            columns=_columns(*INTENT_ERRORS),
            rows=verdict.intent_errors(),
            help="Wrong answers, the surest first. Some may be mistakes in the data.",
        )
        blocks = [*_scores("Each intent", verdict.intent_scores), matrix, errors]
    rows: list[list[str | float | int | None]] = [[name, ", ".join(words)] for name, words in telling.items()]
    table = Table(title="Words that speak for an intent", columns=_columns("intent", "words"), rows=rows)
    return Section(title="Intents", blocks=[*blocks, table])


def _entities(verdict: Verdict, found: Scores) -> Section:
    errors = Table(
        title="Worst errors of entities",
        columns=_columns(*ENTITY_ERRORS),
        rows=verdict.entity_errors(),
        help="Held-out texts with entities missed, wrong or invented.",
    )
    return Section(title="Entities", blocks=[*_scores("Each label", found), errors] if verdict.held_out else [])


def _scores(title: str, found: Scores) -> list[Block]:
    ordered = sorted(found.rows, key=lambda row: (row.f1 is None, row.f1 or 0.0))[:MOST_BARS]
    bars = Bars(
        title=f"{title}: F1, the worst first",
        labels=[row.name for row in ordered],
        series=[BarSeries(name="F1", values=[row.f1 for row in ordered])],
        unit="share",
    )
    table = Table(title=title, columns=_columns("name", *SCORE_COLUMNS, "examples"), rows=score_rows(found))
    return [bars, table]


def score_rows(found: Scores) -> list[list[str | float | int | None]]:
    """Name, precision, recall, F1 and how many there are."""
    return [[row.name, row.precision, row.recall, row.f1, row.count] for row in found.rows]


def _confidence(verdict: Verdict) -> Section:
    right = [one == answer for one, answer in zip(verdict.truth, verdict.intents, strict=True)]
    sure = [answer.confidence for answer in verdict.answers]
    found = scores.belief(sure, right)
    edges = [step / 20 for step in range(21)]
    counts = {good: [0.0] * 20 for good in (True, False)}
    for one, good in zip(sure, right, strict=True):
        counts[good][min(19, int(one * 20))] += 1
    believed = Lines(
        title="Can its confidence be believed?",
        series=[
            LineSeries(name="answers", x=found.confidence, y=found.right),
            LineSeries(name="ideal", x=[0.0, 1.0], y=[0.0, 1.0], dashed=True),
        ],
        x_title="confidence",
        y_title="share that is right",
        help=f"Groups of answers of like confidence. On the mean they are {found.error:.3f} off.",
    )
    threshold = Lines(
        title="If unsure answers are not given",
        series=[
            LineSeries(name="given", x=found.thresholds, y=found.answered),
            LineSeries(name="right of those given", x=found.thresholds, y=found.right_of_answered),
        ],
        x_title="least confidence",
        y_title="share",
        help="For choosing from which confidence on to trust the model.",
    )
    spread = Histogram(
        title="How sure it is",
        edges=edges,
        series=[
            HistogramSeries(name="right", counts=counts[True]),
            HistogramSeries(name="wrong", counts=counts[False]),
        ],
        x_title="confidence",
    )
    return Section(title="Confidence", blocks=[believed, threshold, spread])


_CURVES = {
    "intents": ("Intent classifier", {"loss": "learnt from", "validation_loss": "held out"}, {"accuracy": "accuracy"}),
    "entities": ("Entity extractor", {"entity_loss": "learnt from"}, {"entity_f1": "F1"}),
}


def _courses(histories: Mapping[str, History]) -> Section:
    blocks: list[Block] = []
    for name, history in histories.items():
        title, losses, goods = _CURVES[name]
        for what, curves in (("loss", losses), ("on held-out examples", goods)):
            lines = [_line(label, key, history) for key, label in curves.items() if any(key in row for row in history)]
            if lines:
                blocks.append(Lines(title=f"{title}: {what}", series=lines, x_title="epoch", y_title=what))
    return Section(title="How it learnt", blocks=blocks)


def _line(label: str, key: str, history: History) -> LineSeries:
    points = [(float(epoch), row.get(key)) for epoch, row in enumerate(history, start=1)]
    points = points[:: max(1, -(-len(points) // MOST_POINTS))]
    return LineSeries(name=label, x=[epoch for epoch, _ in points], y=[value for _, value in points])


def _columns(*names: str) -> list[Column]:
    shares = {*SCORE_COLUMNS, "confidence"}
    numbers = {"row", "examples", "differences"}
    return [
        Column(name=name, kind="share" if name in shares else "number" if name in numbers else "text") for name in names
    ]
