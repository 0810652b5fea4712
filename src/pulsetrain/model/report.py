"""The report of a run: what a trainer found out, in parts that a page can draw without knowing the trainer.

A trainer writes it as the artifact `report.json` of kind `report` (PROTOCOL §8). Points are thinned by who writes it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

FORMAT = "pulsetrain.report.v1"
Cell: TypeAlias = str | float | int | None


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One number that says how good the model is. `baseline` is what a model that learnt nothing would get."""

    name: str
    value: float | str | None
    unit: str | None = None
    """`share` is shown in per cent; any other text stands behind the number."""
    help: str = ""
    better: Literal["higher", "lower"] | None = None
    baseline: float | None = None
    baseline_name: str | None = None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    kind: Literal["text", "number", "share"] = "text"


class Table(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="table"):
    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    help: str = ""


class BarSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One bar for each label; `errors` are the half lengths of their whiskers."""

    name: str
    values: list[float | None]
    errors: list[float | None] = []


class Bars(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="bars"):
    title: str
    labels: list[str]
    series: list[BarSeries]
    x_title: str = ""
    unit: str | None = None
    help: str = ""


class LineSeries(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    x: list[float]
    y: list[float | None]
    dashed: bool = False


class Lines(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="lines"):
    title: str
    series: list[LineSeries]
    x_title: str = ""
    y_title: str = ""
    help: str = ""


class Matrix(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="matrix"):
    """Squares: a confusion matrix (`count`: rows are the truth), shares, or relations from -1 to 1 (`signed`)."""

    title: str
    rows: list[str]
    columns: list[str]
    values: list[list[float | None]]
    row_title: str = ""
    column_title: str = ""
    scale: Literal["count", "share", "signed"] = "count"
    help: str = ""


class Scatter(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="scatter"):
    """Points; `diagonal` draws where x equals y."""

    title: str
    x: list[float]
    y: list[float]
    x_title: str = ""
    y_title: str = ""
    diagonal: bool = False
    help: str = ""


class HistogramSeries(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    counts: list[float]


class Histogram(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="histogram"):
    """`edges` has one more entry than each series has counts."""

    title: str
    edges: list[float]
    series: list[HistogramSeries]
    x_title: str = ""
    help: str = ""


class Text(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    prompt: str | None = None
    expected: str | None = None
    note: str | None = None


class Texts(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="texts"):
    """What a model writes or is asked."""

    title: str
    items: list[Text]
    help: str = ""


Block: TypeAlias = Table | Bars | Lines | Matrix | Scatter | Histogram | Texts


class Section(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    blocks: list[Block]
    text: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    summary: str
    """What came out, in one or two plain sentences."""
    figures: list[Figure]
    sections: list[Section] = []
    notes: list[str] = []
    """What the reader should know before trusting it."""
    format: Literal["pulsetrain.report.v1"] = "pulsetrain.report.v1"
