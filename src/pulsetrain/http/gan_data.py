"""CSV files in the GAN dashboard's dialect: preview, upload, sample (CONTRACTS A)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pulsetrain.model.errors import TooLarge

from .gan_shared import dialect, failure, success
from .multipart import Refused, uploaded_file
from .services import services

_PREVIEW_ROWS = 5
_NUMERIC = ("integer", "number")


class _Column(msgspec.Struct):
    name: str
    kind: str
    dtype: str
    missing: int
    unique: int
    min: Any = None
    max: Any = None
    mean: float | None = None
    std: float | None = None
    quartiles: tuple[float, float, float] | None = None


class _Index(msgspec.Struct):
    name: str
    values: list[Any]


class _Table(msgspec.Struct):
    """Of a table's description (PROTOCOL §4), what this dialect shows."""

    rows: int
    columns: list[_Column]
    first_rows: list[list[Any]]
    series: dict[str, list[Any]]
    index: _Index | None = None

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def records(self, count: int) -> list[dict[str, Any]]:
        return [dict(zip(self.names, row, strict=True)) for row in self.first_rows[:count]]


async def preview_csv(request: Request) -> Response:
    filename = request.query_params.get("filename", "").strip()
    if not filename:
        return failure(400, "Say which file in 'filename'.")
    dataset, body = await services(request).datasets.preview(filename)
    table = msgspec.json.decode(body, type=_Table)
    return success(
        message=f"Preview of {dataset.name}",
        filename=dataset.id,
        data_info=data_info(table),
        plot_data={**table.series, "index": _plot_index(table)},
    )


async def upload_csv(request: Request) -> Response:
    datasets = services(request).datasets
    try:
        file = await uploaded_file(request, datasets.too_large(), datasets.upload_limit)
        _, dataset = await datasets.upload(file.filename, file.chunks)
    except TooLarge as problem:
        return Refused(failure(413, problem.message), request)
    preview = {"filename": dataset.id, "size": dataset.size, "type": "text/csv"}
    return success(message=f"Uploaded {dataset.name}", preview=preview)


async def generate_sample(request: Request) -> Response:
    datasets = services(request).datasets
    _, dataset = await datasets.order_book(seed=random.randrange(1_000_000))
    _, body = await datasets.preview(dataset.id)
    table = msgspec.json.decode(body, type=_Table)
    return success(
        message=f"Generated {dataset.title}",
        filename=dataset.id,
        summary={"total_records": table.rows},
        preview=table.records(10),
    )


def data_info(table: _Table) -> dict[str, Any]:
    """The dialect's description of a table."""
    book = order_book_info(table.names)
    numeric = [column for column in table.columns if column.kind in _NUMERIC]
    dates = [column.name for column in table.columns if column.kind == "datetime"]
    info = {
        "data_type": "multi_level_order_book" if book else "time_series" if dates and numeric else "table",
        "row_count": table.rows,
        "column_count": len(table.columns),
        "columns": table.names,
        "dtypes": {column.name: column.dtype for column in table.columns},
        "missing_values": {column.name: column.missing for column in table.columns},
        "numeric_columns": [column.name for column in numeric],
        "categorical_columns": [
            column.name for column in table.columns if column.kind not in (*_NUMERIC, "datetime", "empty")
        ],
        "datetime_columns": dates,
        "sample_data": table.records(_PREVIEW_ROWS),
        "summary_stats": {column.name: _summary(column, table.rows) for column in numeric},
    }
    return {**info, "order_book_info": book} if book else info


def _summary(column: _Column, rows: int) -> dict[str, Any]:
    low, middle, high = column.quartiles or (None, None, None)
    return {
        "count": rows - column.missing,
        "mean": column.mean,
        "std": column.std,
        "min": column.min,
        "25%": low,
        "50%": middle,
        "75%": high,
        "max": column.max,
    }


def order_book_info(names: Sequence[str]) -> dict[str, list[str]] | None:
    """The columns of an order book by what they hold, or None for a table that is none: it has prices of both sides
    on two levels at least."""

    def having(*words: str) -> list[str]:
        return [name for name in names if any(word in re.split(r"[^a-z]+", name.lower()) for word in words)]

    bids, asks = having("bid", "bids"), having("ask", "asks", "offer")
    levels = [name for name in names if name in {*bids, *asks} and re.search(r"\d+$|level_?\d+", name.lower())]
    if len([name for name in levels if name in bids]) < 2 or len([name for name in levels if name in asks]) < 2:
        return None
    return {
        "bid_columns": bids,
        "ask_columns": asks,
        "price_columns": having("price", "prices", "px"),
        "size_columns": having("size", "sizes", "volume", "qty", "quantity"),
        "level_columns": levels,
    }


def _plot_index(table: _Table) -> list[Any]:
    """What stands below the plotted values: their times, or the numbers of their rows."""
    if table.index is not None:
        return table.index.values
    shown = max((len(values) for values in table.series.values()), default=0)
    return list(range(table.rows - shown, table.rows))


routes: list[BaseRoute] = [
    Route("/api/preview_csv", dialect(preview_csv), methods=["GET"]),
    Route("/api/upload_csv", dialect(upload_csv), methods=["POST"]),
    Route("/api/generate_sample", dialect(generate_sample), methods=["POST"]),
]
