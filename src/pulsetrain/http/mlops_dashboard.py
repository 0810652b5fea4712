"""The MLOps dashboard's dialect (CONTRACTS B): its WebSocket and its REST. Models answer in `models`."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from pulsetrain.core.host import Sample
from pulsetrain.core.runs import StartRequest
from pulsetrain.model.errors import BadRequest, BadTable, TooLarge
from pulsetrain.model.log import Filter
from pulsetrain.wire.codec import event_from_json
from pulsetrain.wire.dialects import mlops_dashboard as dialect

from .bodies import Json, known_parameters, read_json, whole_number
from .dialect_socket import Dialogue, Message
from .errors import error_body, error_response, json_response
from .multipart import Refused, uploaded_file
from .services import Services, services

_BY = "mlops-dashboard"
TRAINER = "classifier"
_LOOK_BACK = 20_000
"""Events in which the last activities are looked for."""


async def socket(websocket: WebSocket) -> None:
    parts = services(websocket)

    async def reply(said: Message) -> Message | None:
        kind = said.get("type")
        if kind == "ping":
            return dialect.pong(said, parts.clock.time())
        return await _metrics(parts, await parts.host.sample()) if kind == "request_metrics" else None

    async def sampled(sample: Sample, before: str) -> None:
        await dialogue.say(await _metrics(parts, sample))
        if sample["system_health"] != before:
            await dialogue.say(dialect.health_change(before, sample, parts.clock.time()))

    dialogue = Dialogue(websocket, parts, types=dialect.TYPES, translate=dialect.messages, reply=reply)
    with parts.host.listened(sampled):
        await dialogue.hold([])


async def _metrics(parts: Services, sample: Sample) -> Message:
    began = parts.clock.monotonic()
    server = {
        "active_connections": parts.hub.readers,
        "total_models": len(parts.models.all()),
        "active_training_jobs": len(await parts.log.active_runs()),
        "uptime_hours": round((began - parts.started) / 3600, 3),
    }
    server["api_response_time_ms"] = round(1000 * (parts.clock.monotonic() - began), 3)
    return dialect.system_metrics(sample, server, parts.clock.time())


class TrainRequest(msgspec.Struct, frozen=True):
    """`file_path` is what the upload answered."""

    file_path: str
    model_type: str = "automatic"
    target_column: str | None = None


async def upload(request: Request) -> Response:
    datasets = services(request).datasets
    try:
        file = await uploaded_file(request, datasets.too_large(), datasets.upload_limit)
        _, dataset = await datasets.upload(file.filename, file.chunks)
    except TooLarge as problem:
        return Refused(error_response(problem), request)
    except BadTable as problem:
        # This dialect's clients look for 400.
        return json_response(error_body(problem.code, problem.message, problem.hint), 400)
    told = {"filename": dataset.name, "rows": dataset.rows, "columns": dataset.columns, "file_path": dataset.id}
    return Json({"message": "File uploaded successfully", **told})


async def train(request: Request) -> Response:
    asked = await read_json(request, TrainRequest)
    if asked.model_type not in ("automatic", "classification", "prediction"):
        raise BadRequest(f"'model_type' is automatic, classification or prediction, not {asked.model_type!r}.")
    parts = services(request)
    dataset = asked.file_path.removeprefix("./").rsplit("/", 1)[-1]
    parameters: dict[str, Any] = {"task": asked.model_type}
    if asked.target_column:
        parameters["target"] = asked.target_column
    run, _ = await parts.runs.start(StartRequest(trainer=TRAINER, dataset=dataset, parameters=parameters), by=_BY)
    return Json({"job_id": run.id, "message": "Training started"})


async def training(request: Request) -> Response:
    parts = services(request)
    run, _ = await parts.runs.get(request.path_params["job_id"])
    model = next((model.id for model in parts.models.all() if model.run == run.id), None)
    return Json(dialect.training_state(run, model, parts.clock.time()))


async def list_activity(request: Request) -> Response:
    known_parameters(request, {"limit"})
    limit = whole_number(request, "limit", 20, 1, 200)
    return Json((await _activities(services(request)))[:limit])


async def _activities(parts: Services) -> list[dict[str, Any]]:
    """The last activities, newest first."""
    view = parts.log.view()
    after, found = max(view.oldest - 1, view.tail - _LOOK_BACK), list[dict[str, Any]]()
    _, runs, _ = await parts.log.runs(1000)
    known = {run.id: run for run in runs}
    while after < view.tail:
        page = await parts.log.read(after, 500, Filter(types=dialect.ACTIVITY_TYPES))
        for stored in page.events:
            event = event_from_json(stored.body)
            made = dialect.activity(event, known.get(event.run or ""))
            found += [made] if made is not None else []
        after = page.upto
    return found[::-1]


async def status(request: Request) -> Response:
    known_parameters(request, ())
    parts = services(request)
    models = parts.models.all()
    deployed = parts.deployments.all()
    sample = await parts.host.sample()
    return Json(
        {
            "total_models": len(models),
            "active_models": len({one.model for one in deployed if one.state == "serving"}),
            "total_predictions": sum(one.predictions for one in deployed),
            "active_training_jobs": len(await parts.log.active_runs()),
            "system_health": sample["system_health"],
            "uptime": round(parts.clock.monotonic() - parts.started, 3),
        }
    )


routes: list[BaseRoute] = [
    WebSocketRoute("/ws", socket),
    Route("/api/upload", upload, methods=["POST"]),
    Route("/api/train", train, methods=["POST"]),
    Route("/api/training/{job_id}", training),
    Route("/api/activity", list_activity),
    Route("/api/status", status),
]
