"""The native routes of data sets (PROTOCOL §4, §10)."""

from __future__ import annotations

import random

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from pulsetrain.core.datasets import ORDER_BOOK_ROWS
from pulsetrain.model.errors import TooLarge
from pulsetrain.model.formats import Format, format_of

from .answers import OrderBookRequest, PathRequest
from .bodies import Json, answer, known_parameters, optional_number, read_json, whole_number
from .errors import error_response
from .multipart import Refused, uploaded_file
from .services import services

MEDIA: dict[Format, str] = {
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


async def list_datasets(request: Request) -> Response:
    known_parameters(request, {"wait"})
    datasets = services(request).datasets
    cursor, found = await datasets.all(wait=whole_number(request, "wait", 1, 0, 1) == 1)
    return answer(cursor, datasets=found, preparing=datasets.preparing)


async def upload_dataset(request: Request) -> Response:
    known_parameters(request, {"replace"})
    datasets = services(request).datasets
    try:
        file = await uploaded_file(request, datasets.too_large(), datasets.upload_limit)
        cursor, dataset = await datasets.upload(file.filename, file.chunks, replace=request.query_params.get("replace"))
    except TooLarge as problem:
        return Refused(error_response(problem), request)
    return answer(cursor, 201, dataset=dataset)


async def register_path(request: Request) -> Response:
    known_parameters(request, ())
    asked = await read_json(request, PathRequest)
    cursor, dataset = await services(request).datasets.register(asked.path)
    return answer(cursor, 201, dataset=dataset)


async def make_order_book(request: Request) -> Response:
    known_parameters(request, ())
    asked = await read_json(request, OrderBookRequest, default=OrderBookRequest())
    rows = ORDER_BOOK_ROWS if asked.rows is None else asked.rows
    # Without a seed each one is another; its title says which seed it was, so that it can be made again.
    seed = random.randrange(1_000_000) if asked.seed is None else asked.seed
    cursor, dataset = await services(request).datasets.order_book(rows, seed)
    return answer(cursor, 201, dataset=dataset)


async def get_dataset(request: Request) -> Response:
    known_parameters(request, ())
    cursor, dataset = await services(request).datasets.get(request.path_params["id"])
    return answer(cursor, dataset=dataset)


async def delete_dataset(request: Request) -> Response:
    known_parameters(request, ())
    return answer(await services(request).datasets.delete(request.path_params["id"]))


async def preview_dataset(request: Request) -> Response:
    known_parameters(request, {"version"})
    version = optional_number(request, "version")
    dataset, table = await services(request).datasets.preview(request.path_params["id"], version)
    return Json({"dataset": dataset, "table": table})


async def list_versions(request: Request) -> Response:
    known_parameters(request, ())
    return Json({"versions": await services(request).datasets.versions(request.path_params["id"])})


async def get_file(request: Request) -> Response:
    known_parameters(request, {"version"})
    version = optional_number(request, "version")
    path, _ = await services(request).datasets.version_path(request.path_params["id"], version)
    return FileResponse(
        path,
        media_type=MEDIA[format_of(path.name)],
        filename=path.name,
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"},
    )


routes: list[BaseRoute] = [
    Route("/api/datasets", list_datasets, methods=["GET"]),
    Route("/api/datasets", upload_dataset, methods=["POST"]),
    Route("/api/datasets/path", register_path, methods=["POST"]),
    Route("/api/datasets/order-book", make_order_book, methods=["POST"]),
    Route("/api/datasets/{id}", get_dataset, methods=["GET"]),
    Route("/api/datasets/{id}", delete_dataset, methods=["DELETE"]),
    Route("/api/datasets/{id}/preview", preview_dataset),
    Route("/api/datasets/{id}/versions", list_versions),
    Route("/api/datasets/{id}/file", get_file),
]
