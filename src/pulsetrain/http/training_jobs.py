"""The dialect of training jobs (CONTRACTS C): its WebSocket, its jobs, and its data sets."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from pulsetrain.core.runs import StartRequest
from pulsetrain.model.errors import BadRequest, RunNotActive, TooLarge
from pulsetrain.wire.dialects import training_jobs as dialect

from .bodies import Json, known_parameters, read_json, whole_number
from .dialect_socket import Dialogue, Message
from .errors import error_response
from .multipart import Refused, uploaded_file
from .services import services

_BY = "training-jobs"
_UPLOAD_TYPES = (".csv", ".jsonl", ".ndjson", ".parquet")


async def socket(websocket: WebSocket) -> None:
    parts = services(websocket)

    async def reply(said: Message) -> Message | None:
        return dialect.pong(parts.clock.time()) if said.get("type") == "ping" else None

    dialogue = Dialogue(websocket, parts, types=dialect.TYPES, translate=dialect.messages, reply=reply)
    await dialogue.hold([dialect.connected(parts.clock.time())])


# ---- jobs ----


class NewJob(msgspec.Struct, frozen=True):
    """`kind` is the name of a trainer."""

    kind: str
    datasetId: str | None = None
    agentId: str | None = None
    config: dict[str, Any] = {}


async def create_job(request: Request) -> Response:
    asked = await read_json(request, NewJob)
    parts = services(request)
    known = parts.trainers.get(asked.kind).parameters.get("properties", {})
    start = StartRequest(
        trainer=asked.kind,
        dataset=asked.datasetId,
        parameters=dialect.parameters_of(asked.config, known),
        tags=[dialect.AGENT + asked.agentId] if asked.agentId else [],
    )
    run, _ = await parts.runs.start(start, by=_BY)
    return Json(dialect.job(run), status_code=201)


async def list_jobs(request: Request) -> Response:
    known_parameters(request, {"limit"})
    _, runs, _ = await services(request).log.runs(whole_number(request, "limit", 200, 1, 10_000))
    return Json([dialect.job(run) for run in runs])


async def get_job(request: Request) -> Response:
    run, _ = await services(request).runs.get(request.path_params["id"])
    return Json(dialect.job(run))


async def start_job(request: Request) -> Response:
    """A job that was created starts by itself as soon as the machine has room, so there is nothing to do but say so."""
    run, _ = await services(request).runs.get(request.path_params["id"])
    if not run.active:
        raise RunNotActive(f"Job {run.name} has {run.state} already.", hint="Retry it, or create a new one.")
    return Json(dialect.job(run))


async def stop_job(request: Request) -> Response:
    await services(request).runs.stop(request.path_params["id"], by=_BY)
    return await get_job(request)


async def pause_job(request: Request) -> Response:
    await services(request).runs.command(request.path_params["id"], "pause", {}, by=_BY)
    return await get_job(request)


async def resume_job(request: Request) -> Response:
    await services(request).runs.command(request.path_params["id"], "resume", {}, by=_BY)
    return await get_job(request)


async def retry_job(request: Request) -> Response:
    """The answer is the new job."""
    run, _ = await services(request).repeats.retry(request.path_params["id"], by=_BY)
    return Json(dialect.job(run), status_code=201)


# ---- data sets ----


class NewDataset(msgspec.Struct, frozen=True):
    name: str
    examples: list[dict[str, Any]] = []


class ChangedDataset(msgspec.Struct, frozen=True):
    name: str


class NewExamples(msgspec.Struct, frozen=True):
    examples: list[dict[str, Any]]


async def list_datasets(request: Request) -> Response:
    _, found = await services(request).datasets.all()
    return Json([dialect.dataset(one) for one in found])


async def create_dataset(request: Request) -> Response:
    asked = await read_json(request, NewDataset)
    stem = "-".join(asked.name.split()) or "examples"
    _, made = await services(request).examples.create(f"{stem}.jsonl", asked.examples, title=asked.name)
    return Json(dialect.dataset(made), status_code=201)


async def upload_dataset(request: Request) -> Response:
    datasets = services(request).datasets
    try:
        file = await uploaded_file(request, datasets.too_large(), datasets.upload_limit)
        if not file.filename.lower().endswith(_UPLOAD_TYPES):
            raise BadRequest(f"{file.filename!a} is no data file.", hint=f"It ends in {', '.join(_UPLOAD_TYPES)}.")
        _, made = await datasets.upload(file.filename, file.chunks)
    except TooLarge as problem:
        return Refused(error_response(problem), request)
    return Json(dialect.dataset(made), status_code=201)


async def get_dataset(request: Request) -> Response:
    _, found = await services(request).datasets.get(request.path_params["id"])
    return Json(dialect.dataset(found))


async def put_dataset(request: Request) -> Response:
    asked = await read_json(request, ChangedDataset)
    _, found = await services(request).datasets.rename(request.path_params["id"], asked.name)
    return Json(dialect.dataset(found))


async def delete_dataset(request: Request) -> Response:
    await services(request).datasets.delete(request.path_params["id"])
    return Json({"success": True, "id": request.path_params["id"]})


async def list_examples(request: Request) -> Response:
    known_parameters(request, {"offset", "limit"})
    offset = whole_number(request, "offset", 0, 0, 2**31)
    limit = whole_number(request, "limit", 1000, 1, 10_000)
    _, page = await services(request).examples.page(request.path_params["id"], offset=offset, limit=limit)
    return Json([dialect.example(one) for one in page.examples])


async def add_examples(request: Request) -> Response:
    asked = await read_json(request, NewExamples)
    _, found = await services(request).examples.add(request.path_params["id"], asked.examples)
    return Json({"added": len(asked.examples), "dataset": dialect.dataset(found)}, status_code=201)


routes: list[BaseRoute] = [
    WebSocketRoute("/ws/training", socket),
    Route("/training/jobs", list_jobs, methods=["GET"]),
    Route("/training/jobs", create_job, methods=["POST"]),
    Route("/training/jobs/{id}", get_job),
    Route("/training/jobs/{id}/start", start_job, methods=["POST"]),
    Route("/training/jobs/{id}/pause", pause_job, methods=["POST"]),
    Route("/training/jobs/{id}/resume", resume_job, methods=["POST"]),
    Route("/training/jobs/{id}/stop", stop_job, methods=["POST"]),
    Route("/training/jobs/{id}/retry", retry_job, methods=["POST"]),
    Route("/training/datasets", list_datasets, methods=["GET"]),
    Route("/training/datasets", create_dataset, methods=["POST"]),
    Route("/training/datasets/upload", upload_dataset, methods=["POST"]),
    Route("/training/datasets/{id}", get_dataset, methods=["GET"]),
    Route("/training/datasets/{id}", put_dataset, methods=["PUT"]),
    Route("/training/datasets/{id}", delete_dataset, methods=["DELETE"]),
    Route("/training/datasets/{id}/examples", list_examples),
    Route("/training/datasets/{id}/examples/bulk", add_examples, methods=["POST"]),
]
