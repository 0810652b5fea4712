"""Start, stop, models, and what trainers hand in themselves, in the GAN dashboard's dialect (CONTRACTS A)."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pulsetrain.core.runs import StartRequest, token_digest
from pulsetrain.model.errors import BadRequest, RunNotActive, Unauthorized
from pulsetrain.model.events import NewEvent
from pulsetrain.model.log import Filter
from pulsetrain.model.runs import Run
from pulsetrain.ports import Transaction
from pulsetrain.wire.dialects.gan_dashboard import events_of

from .auth import bearer
from .bodies import read_json
from .errors import json_response
from .gan_shared import dialect, failure, shared, success
from .services import Services, services

TRAINER = "tabular-gan"
STOP_GRACE_SECONDS = 5.0
_STARTING_SECONDS = 30.0
_STOPPING_SECONDS = STOP_GRACE_SECONDS + 15.0
_BY = "gan-dashboard"


class _Start(msgspec.Struct):
    data_source: str
    config: str | dict[str, Any] | None = None
    epochs: int | None = None


async def start_training(request: Request) -> Response:
    asked = await read_json(request, _Start)
    parameters = _parameters(asked)
    parts = services(request)
    await parts.datasets.get(asked.data_source)
    async with shared(request).starting:
        if await parts.runs.current() is not None:
            return failure(409, "Training already in progress")
        start = StartRequest(trainer=TRAINER, dataset=asked.data_source, parameters=parameters)
        run, _ = await parts.runs.start(start, by=_BY)
    # Until its supervisor is there, there is no pid to tell.
    await _until(
        parts,
        run.id,
        lambda one: parts.supervisor_pid(one.id) is not None or one.state not in ("queued", "starting"),
        _STARTING_SECONDS,
    )
    return success(
        message="Training started",
        pid=parts.supervisor_pid(run.id),
        config=asked.config,
        data_source=asked.data_source,
        run_id=run.id,
    )


def _parameters(asked: _Start) -> dict[str, Any]:
    """The parameters that `config` (an object, or the text of one) and `epochs` ask for."""
    parameters: Any = asked.config if asked.config is not None else {}
    if isinstance(parameters, str):
        try:
            parameters = msgspec.json.decode(parameters) if parameters.strip() else {}
        except msgspec.DecodeError:
            parameters = None
        if not isinstance(parameters, dict):
            raise BadRequest("'config' must hold a JSON object of parameters.")
    if asked.epochs is not None:
        if not 1 <= asked.epochs <= 1000:
            raise BadRequest(f"'epochs' is a whole number from 1 to 1000; it is {asked.epochs}.")
        parameters = {**parameters, "epochs": asked.epochs}
    return dict(parameters)


async def stop_training(request: Request) -> Response:
    parts = services(request)
    run = await parts.runs.current()
    nothing = failure(409, "No training process running", key="message")
    if run is None:
        return nothing
    try:
        await parts.runs.stop(run.id, grace_seconds=STOP_GRACE_SECONDS, by=_BY)
    except RunNotActive:
        return nothing
    if await _until(parts, run.id, lambda one: not one.active, _STOPPING_SECONDS):
        return success(message="Training stopped")
    return json_response({"success": True, "message": "Training is stopping"}, 202)


async def _until(parts: Services, id: str, reached: Callable[[Run], bool], seconds: float) -> bool:
    """Wait until the run is as asked; whether it came to it in time."""
    reader = parts.hub.open(Filter(runs=frozenset({id}), types=frozenset({"run.status"})))
    try:
        async with asyncio.timeout(seconds):
            while True:
                run, cursor = await parts.runs.get(id)
                if reached(run):
                    return True
                await reader.wait(cursor.seq)
    except TimeoutError:
        return False
    finally:
        reader.close()


async def training_data(request: Request) -> Response:
    return await _hand_in(request, "training")


async def progress_data(request: Request) -> Response:
    return await _hand_in(request, "progress")


async def _hand_in(request: Request, channel: str) -> Response:
    """Turn what a trainer says in this dialect into ordinary events of its run, which its token names."""
    parts = services(request)
    run = await _run_of_token(parts, bearer(request.headers))
    message = await read_json(request, dict[str, Any])
    now = parts.clock.time()

    def decide(log: Transaction) -> Sequence[NewEvent]:
        known = log.run(run)
        if known is None or not (known.active or known.state == "lost"):
            raise RunNotActive("The run has ended.", hint="Start a new one.")
        return events_of(message, channel, known, now)

    await parts.log.append(decide)
    parts.leases.seen(run)
    clients = shared(request).clients(channel)
    return json_response(
        {"status": "success", "clients": clients, "channel": channel, "message": f"Sent to {clients} clients"}
    )


async def _run_of_token(parts: Services, token: str | None) -> str:
    """The run that `token` belongs to. Raises Unauthorized."""
    if token is not None:
        digest = token_digest(token)
        for run in await parts.log.active_runs():
            if hmac.compare_digest(digest, await parts.log.run_token_digest(run.id) or ""):
                return run.id
    raise Unauthorized("No run has this token.", hint="Send 'Authorization: Bearer <run token>'.")


routes: list[BaseRoute] = [
    Route("/api/start_training", dialect(start_training), methods=["POST"]),
    Route("/api/stop_training", dialect(stop_training), methods=["POST"]),
    Route("/training_data", dialect(training_data), methods=["POST"]),
    Route("/progress_data", dialect(progress_data), methods=["POST"]),
]
