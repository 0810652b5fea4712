"""The queue: who waits, and moving those who do (PROTOCOL §4)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pulsetrain.core.line import QueueMove

from .bodies import Json, answer, known_parameters, read_json
from .services import services


async def get_queue(request: Request) -> Response:
    known_parameters(request, ())
    return Json(services(request).line.page())


async def move_run(request: Request) -> Response:
    body = await read_json(request, QueueMove)
    id = request.path_params["id"]
    await services(request).runs.get(id)
    await services(request).line.move(id, body)
    run, cursor = await services(request).runs.get(id)
    return answer(cursor, run=run)


routes: list[BaseRoute] = [
    Route("/api/queue", get_queue),
    Route("/api/runs/{id}/queue", move_run, methods=["POST"]),
]
