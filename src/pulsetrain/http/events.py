"""`GET /api/events`: one resource, three ways to read it (PROTOCOL §3)."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from pulsetrain.model.cursor import parse_cursor
from pulsetrain.model.errors import NotAcceptable, PulsetrainError
from pulsetrain.wire.frames import MEDIA_TYPE
from pulsetrain.wire.messages import MEDIA_TYPES, Format
from pulsetrain.wire.reading import PARAMETERS, Reading, from_query
from pulsetrain.wire.subscription import Subscription

from .bodies import known_parameters, whole_number
from .delivery import Wishes
from .errors import error_response
from .poll import Poll
from .reading import subscribe, wishes_of
from .services import services
from .sse import stream
from .ws import serve

_MOST_EVENTS = 500
_LONGEST_WAIT = 60
_FORMATS: dict[str, Format] = {media: format for format, media in MEDIA_TYPES.items()}


class Events:
    """The endpoint; pure ASGI, so that nothing stands between the stream and the socket."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _websocket(scope, receive, send)
            return
        request = Request(scope)
        parts = services(request)
        format = _accepted(request.headers.getlist("accept"))
        known_parameters(request, PARAMETERS if format is None else PARAMETERS | {"wait", "limit"})
        reading = from_query(request.query_params.multi_items(), request.headers.get("last-event-id"))
        wishes = await wishes_of(parts.log, reading)
        subscription = subscribe(parts.hub, reading)
        if format is not None:
            limit = whole_number(request, "limit", _MOST_EVENTS, 1, _MOST_EVENTS)
            wait = whole_number(request, "wait", 0, 0, _LONGEST_WAIT)
            poll = Poll(parts.hub, subscription, format, limit, wishes)
            await poll(scope, receive, send, wait_seconds=wait, known=request.headers.get("if-none-match"))
        elif _seen_to_the_end(reading, subscription, wishes):
            # EventSource takes this for the end, and rests.
            await Response(status_code=204)(scope, receive, send)
        else:
            await stream(scope, send, hub=parts.hub, subscription=subscription, wishes=wishes)


async def _websocket(scope: Scope, receive: Receive, send: Send) -> None:
    socket = WebSocket(scope, receive, send)
    try:
        parts = services(socket)
        known_parameters(socket, PARAMETERS)
        asked = socket.query_params.multi_items()
        reading = from_query(asked) if asked else None
        wishes = Wishes() if reading is None else await wishes_of(parts.log, reading)
        await serve(scope, receive, send, hub=parts.hub, first=reading, wishes=wishes)
    except PulsetrainError as problem:
        await socket.send_denial_response(error_response(problem))


def _seen_to_the_end(reading: Reading, subscription: Subscription, wishes: Wishes) -> bool:
    """Whether the client comes back from the end that it was told of."""
    begins_here = parse_cursor(reading.cursor or "") is not None and subscription.refused is None
    return begins_here and wishes.until_seq is not None and subscription.cursor.seq >= wishes.until_seq


def _accepted(headers: list[str]) -> Format | None:
    """The form in which the client wants pages, or None for the stream. Raises NotAcceptable."""
    ranges = [part.strip().lower() for header in headers for part in header.split(",") if part.strip()]
    best: tuple[float, bool, Format | None] = (0.0, False, None)
    for part in ranges:
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((_weight(one) for one in parameters if one.startswith("q=")), 1.0)
        is_stream = name in (MEDIA_TYPE, "text/*", "*/*")
        if (is_stream or name in _FORMATS) and (weight, is_stream) > best[:2] and weight > 0:
            best = (weight, is_stream, _FORMATS.get(name))
    if ranges and best[0] == 0:
        raise NotAcceptable(
            f"Events come as {MEDIA_TYPE}, {' or '.join(_FORMATS)}.", hint=f"Ask with 'Accept: {MEDIA_TYPE}', or none."
        )
    return best[2]


def _weight(parameter: str) -> float:
    match = re.fullmatch(r"q=([01](?:\.\d{0,3})?)", parameter)
    return float(match[1]) if match else 1.0


routes: list[BaseRoute] = [
    Route("/api/events", Events(), methods=["GET"]),
    WebSocketRoute("/api/events", Events()),
]
