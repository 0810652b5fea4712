"""The routes of models and deployments (PROTOCOL §10; the predicting ones are CONTRACTS B's too)."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pulsetrain.core.models import Model
from pulsetrain.model.errors import BadRequest
from pulsetrain.model.events import iso_time

from .bodies import Json, answer, known_parameters, read_json, whole_number
from .services import services


class PredictRequest(msgspec.Struct):
    """`row`, or `rows`. Anything else that is sent instead is taken for the row itself, as older clients do."""

    row: dict[str, Any] | None = None
    rows: list[dict[str, Any]] | None = None


class DeployRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str | None = None


async def list_models(request: Request) -> Response:
    known_parameters(request, {"native"})
    parts = services(request)
    if whole_number(request, "native", 0, 0, 1) == 0:
        return Json(await parts.history.models())
    cursor, _, _ = await parts.log.runs(0)
    return answer(cursor, models=[_shown(request, model) for model in parts.models.all()])


async def get_model(request: Request) -> Response:
    known_parameters(request, ())
    parts = services(request)
    cursor, _, _ = await parts.log.runs(0)
    return answer(cursor, **_shown(request, parts.models.get(request.path_params["id"])))


async def delete_model(request: Request) -> Response:
    known_parameters(request, ())
    cursor = await services(request).models.delete(request.path_params["id"])
    return answer(cursor, message="Model deleted successfully")


async def model_input(request: Request) -> Response:
    known_parameters(request, ())
    return Json({"input": await services(request).deployments.input(request.path_params["id"])})


async def predict(request: Request) -> Response:
    known_parameters(request, ())
    id = request.path_params["id"]
    rows, single = await _rows(request)
    predictions = await services(request).deployments.ask(id, rows)
    return _predicted(request, predictions, single, id)


async def deploy(request: Request) -> Response:
    known_parameters(request, ())
    asked = await read_json(request, DeployRequest, default=DeployRequest())
    deployment, cursor = await services(request).deployments.deploy(request.path_params["id"], asked.name)
    return answer(cursor, message="Model deployed successfully", deployment=deployment)


async def list_deployments(request: Request) -> Response:
    known_parameters(request, ())
    parts = services(request)
    cursor, _, _ = await parts.log.runs(0)
    return answer(cursor, deployments=parts.deployments.all())


async def predict_deployed(request: Request) -> Response:
    known_parameters(request, ())
    name = request.path_params["name"]
    rows, single = await _rows(request)
    predictions, model = await services(request).deployments.ask_deployed(name, rows)
    return _predicted(request, predictions, single, model, deployment=name)


async def roll_back(request: Request) -> Response:
    known_parameters(request, ())
    deployment, cursor = await services(request).deployments.roll_back(request.path_params["name"])
    return answer(cursor, deployment=deployment)


async def remove_deployment(request: Request) -> Response:
    known_parameters(request, ())
    return answer(await services(request).deployments.remove(request.path_params["name"]))


def _shown(request: Request, model: Model) -> dict[str, Any]:
    parts = services(request)
    told = {"deployments": parts.deployments.names(model.id), "predicts": parts.models.predicts(model)}
    return {**msgspec.structs.asdict(model), **told}


async def _rows(request: Request) -> tuple[list[dict[str, Any]], bool]:
    """The rows that are asked about, and whether it was one alone. Raises BadRequest."""
    body = await read_json(request, dict[str, Any])
    if not body:
        raise BadRequest("There is nothing to predict from.", hint='Send {"row": {…}} or {"rows": [{…}, …]}.')
    if not body.keys() & {"row", "rows"}:
        return [body], True
    try:
        asked = msgspec.convert(body, PredictRequest)
    except msgspec.ValidationError as problem:
        raise BadRequest(f"The body is not as this route takes it: {problem}.") from None
    return ([asked.row], True) if asked.row is not None else (asked.rows or [], False)


def _predicted(request: Request, predictions: list[dict[str, Any]], single: bool, model: str, **more: str) -> Response:
    told = {"model_id": model, "timestamp": iso_time(services(request).clock.time()), **more}
    return Json({**predictions[0], **told} if single else {"predictions": predictions, **told})


routes: list[BaseRoute] = [
    Route("/api/models", list_models, methods=["GET"]),
    Route("/api/models/{id}", get_model, methods=["GET"]),
    Route("/api/models/{id}", delete_model, methods=["DELETE"]),
    Route("/api/models/{id}/input", model_input),
    Route("/api/models/{id}/predict", predict, methods=["POST"]),
    Route("/api/models/{id}/deploy", deploy, methods=["POST"]),
    Route("/api/deployments", list_deployments, methods=["GET"]),
    Route("/api/deployments/{name}", remove_deployment, methods=["DELETE"]),
    Route("/api/deployments/{name}/predict", predict_deployed, methods=["POST"]),
    Route("/api/deployments/{name}/rollback", roll_back, methods=["POST"]),
]
