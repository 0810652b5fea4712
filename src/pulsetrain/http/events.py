"""`GET /api/events`: the stream (PROTOCOL §3)."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from pulsetrain import __version__
from pulsetrain.model.errors import BadRequest, NotAcceptable
from pulsetrain.model.ids import is_run_id
from pulsetrain.model.log import Filter
from pulsetrain.wire.frames import MEDIA_TYPE
from pulsetrain.wire.subscription import Subscription

from .bodies import known_parameters
from .errors import error_response
from .services import services
from .sse import Native, stream

HEARTBEAT_SECONDS = 15.0
_MOST_FILTERS = 100
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?")


class Events:
    """The endpoint; pure ASGI, so that nothing stands between the stream and the socket."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        hub = services(request).hub
        _check_accept(request.headers.getlist("accept"))
        known_parameters(request, {"run", "type", "cursor"})
        subscription = Subscription(
            hub.newest_view(),
            _start(request),
            filter=_filter(request),
            heartbeat_seconds=HEARTBEAT_SECONDS,
            version=__version__,
        )
        await stream(scope, receive, send, hub=hub, subscription=subscription, translation=Native())


async def _refuse_websocket(websocket: WebSocket) -> None:
    await websocket.send_denial_response(error_response(_not_acceptable()))


def _check_accept(headers: list[str]) -> None:
    """Raise NotAcceptable unless the client takes an SSE stream."""
    ranges = [part.strip().lower() for header in headers for part in header.split(",") if part.strip()]
    for part in ranges:
        name, *parameters = (piece.strip() for piece in part.split(";"))
        refused = any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
        if name in (MEDIA_TYPE, "text/*", "*/*") and not refused:
            return
    if ranges:
        raise _not_acceptable()


def _not_acceptable() -> NotAcceptable:
    return NotAcceptable(
        f"This server streams events as {MEDIA_TYPE} alone.", hint=f"Ask with 'Accept: {MEDIA_TYPE}', or none."
    )


def _start(request: Request) -> str | None:
    """Where to begin: what the browser saw last goes before what the page asked for at first."""
    cursors = request.query_params.getlist("cursor")
    if len(cursors) > 1:
        raise BadRequest("'cursor' is given more than once.")
    return request.headers.get("last-event-id") or (cursors[0] if cursors else None)


def _filter(request: Request) -> Filter:
    runs, types = request.query_params.getlist("run"), request.query_params.getlist("type")
    if len(runs) + len(types) > _MOST_FILTERS:
        raise BadRequest(f"{len(runs) + len(types)} filters; at most {_MOST_FILTERS} are taken.")
    for run in runs:
        if not is_run_id(run):
            raise BadRequest(f"{run!r} is not a run id.", hint="GET /api/runs lists the runs.")
    for type in types:
        if _TYPE.fullmatch(type) is None:
            raise BadRequest(f"{type!r} is not a type of event.", hint="For instance run.metrics, or run.* for all.")
    return Filter(frozenset(runs), frozenset(types))


routes: list[BaseRoute] = [
    Route("/api/events", Events(), methods=["GET"]),
    WebSocketRoute("/api/events", _refuse_websocket),
]
