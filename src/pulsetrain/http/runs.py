"""The native routes of runs (PROTOCOL §4)."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from pulsetrain.core.repeats import CloneRequest
from pulsetrain.core.runs import RegisterRequest, StartRequest
from pulsetrain.model.errors import BadRequest
from pulsetrain.model.events import iso_time
from pulsetrain.model.steering import DEFAULT_GRACE_SECONDS

from .auth import bearer
from .bodies import Json, answer, caller, known_parameters, read_json, whole_number
from .services import services

INLINE = {".json": "application/json", ".txt": "text/plain; charset=utf-8"}


class StopRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    grace_seconds: float = DEFAULT_GRACE_SECONDS


class RetryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    from_checkpoint: bool = True


class CommandRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    command: str
    arguments: dict[str, Any] = {}


async def list_runs(request: Request) -> Response:
    known_parameters(request, {"limit"})
    cursor, runs, total = await services(request).log.runs(whole_number(request, "limit", 200, 1, 10_000))
    return answer(cursor, runs=runs, total=total)


async def create_run(request: Request) -> Response:
    body: dict[str, Any] = await read_json(request, dict[str, Any])
    runs, by = services(request).runs, caller(request)
    if "command" in body:
        registered = await runs.register(_convert(body, RegisterRequest), by=by)
        services(request).leases.seen(registered.run.id)
        status = 201 if registered.created else 200
        return answer(registered.cursor, status, run=registered.run, token=registered.token)
    start = _convert(body, StartRequest)
    run, cursor = await runs.start(start, by=by)
    return answer(cursor, 201, run=run)


async def retry_run(request: Request) -> Response:
    body = await read_json(request, RetryRequest, default=RetryRequest())
    old, _ = await services(request).runs.get(request.path_params["id"])
    run, cursor = await services(request).repeats.retry(
        old.id, from_checkpoint=body.from_checkpoint, by=caller(request)
    )
    return answer(cursor, 201, run=run)


async def clone_run(request: Request) -> Response:
    body = await read_json(request, CloneRequest, default=CloneRequest())
    old, _ = await services(request).runs.get(request.path_params["id"])
    run, cursor = await services(request).repeats.clone(old.id, body, by=caller(request))
    return answer(cursor, 201, run=run)


def _convert(body: dict[str, Any], kind: type[Any]) -> Any:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as problem:
        raise BadRequest(f"The body is not as this route takes it: {problem}.") from None


async def get_run(request: Request) -> Response:
    known_parameters(request, ())
    run, cursor = await services(request).runs.get(request.path_params["id"])
    return answer(cursor, run=run)


async def stop_run(request: Request) -> Response:
    body = await read_json(request, StopRequest, default=StopRequest())
    id, cursor = await services(request).runs.stop(
        request.path_params["id"], grace_seconds=body.grace_seconds, by=caller(request)
    )
    return answer(cursor, 202, command_id=id)


async def command_run(request: Request) -> Response:
    body = await read_json(request, CommandRequest)
    id, cursor = await services(request).runs.command(
        request.path_params["id"], body.command, body.arguments, by=caller(request)
    )
    return answer(cursor, 202, command_id=id)


async def run_series(request: Request) -> Response:
    known_parameters(request, {"key"})
    keys = request.query_params.getlist("key")
    cursor, series = await services(request).history.series(request.path_params["id"], keys)
    return answer(cursor, series=series)


async def run_timeline(request: Request) -> Response:
    known_parameters(request, ())
    cursor, events = await services(request).history.timeline(request.path_params["id"])
    return answer(cursor, events=events)


async def run_logs(request: Request) -> Response:
    known_parameters(request, {"before", "limit"})
    before = whole_number(request, "before", 2**62, 1, 2**62)
    limit = whole_number(request, "limit", 1000, 1, 10_000)
    page = await services(request).history.lines(request.path_params["id"], before=before, limit=limit)
    return answer(page.cursor, lines=page.lines, before=page.before)


async def get_artifact(request: Request) -> Response:
    known_parameters(request, {"inline"})
    id, name = request.path_params["id"], request.path_params["name"]
    await services(request).runs.get(id)
    path = services(request).artifacts.path(id, name)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    # Only what no browser executes is shown in place; all else is a download.
    if request.query_params.get("inline") == "1" and path.suffix in INLINE:
        return FileResponse(path, media_type=INLINE[path.suffix], headers=headers)
    return FileResponse(path, filename=name, media_type="application/octet-stream", headers=headers)


async def put_artifact(request: Request) -> Response:
    known_parameters(request, {"kind"})
    id, name = request.path_params["id"], request.path_params["name"]
    await services(request).ingest.authorize(id, bearer(request.headers))
    kind = request.query_params.get("kind", "file")
    artifact = await services(request).artifacts.put(id, name, kind, request.stream())
    return Json(artifact)


async def list_trainers(request: Request) -> Response:
    known_parameters(request, ())
    return Json({"trainers": services(request).trainers.all()})


async def health(request: Request) -> Response:
    from pulsetrain import __version__

    parts = services(request)
    view = parts.log.view()
    return Json(
        {
            "status": "ok",
            "version": __version__,
            "generation": view.generation,
            "tail": view.tail,
            "uptime_seconds": round(parts.clock.monotonic() - parts.started, 3),
            "runs_active": len(await parts.log.active_runs()),
            "timestamp": iso_time(parts.clock.time()),
        }
    )


routes: list[BaseRoute] = [
    Route("/health", health),
    Route("/api/trainers", list_trainers),
    Route("/api/runs", list_runs, methods=["GET"]),
    Route("/api/runs", create_run, methods=["POST"]),
    Route("/api/runs/{id}", get_run, methods=["GET"]),
    Route("/api/runs/{id}/stop", stop_run, methods=["POST"]),
    Route("/api/runs/{id}/commands", command_run, methods=["POST"]),
    Route("/api/runs/{id}/retry", retry_run, methods=["POST"]),
    Route("/api/runs/{id}/clone", clone_run, methods=["POST"]),
    Route("/api/runs/{id}/series", run_series),
    Route("/api/runs/{id}/timeline", run_timeline),
    Route("/api/runs/{id}/logs", run_logs),
    Route("/api/runs/{id}/artifacts/{name}", get_artifact, methods=["GET"]),
    Route("/api/runs/{id}/artifacts/{name}", put_artifact, methods=["PUT"]),
]
