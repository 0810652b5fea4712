"""`POST /api/runs/{id}/records`: where producers bring their records (PROTOCOL §5)."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from pulsetrain.model.errors import BadRequest, TooLarge
from pulsetrain.model.records import Batch

from .auth import bearer
from .bodies import Json, known_parameters
from .services import services

MAX_BODY = 8 * 1024 * 1024

_DECODE = {
    "application/msgpack": msgspec.msgpack.Decoder(Batch).decode,
    "application/json": msgspec.json.Decoder(Batch).decode,
}


class Records:
    """The endpoint; pure ASGI, because each event comes this way."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        known_parameters(request, ())
        batch = _decode(request, await _body(request))
        accepted = await services(request).ingest.records(request.path_params["id"], bearer(request.headers), batch)
        await Json(accepted)(scope, receive, send)


async def _body(request: Request) -> bytes:
    """The whole body. Raises TooLarge before more than the limit is in memory."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
    return b"".join(chunks)


def _too_large() -> TooLarge:
    return TooLarge(f"The body is larger than {MAX_BODY} bytes.", hint="Send the records in smaller batches.")


def _decode(request: Request, body: bytes) -> Batch:
    media = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    decode = _DECODE.get(media)
    if decode is None:
        raise BadRequest(f"{media!r} is not taken here.", hint=f"Send one of: {', '.join(_DECODE)}.")
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadRequest(f"The body is not a batch of records: {problem}.") from None


routes: list[BaseRoute] = [Route("/api/runs/{id}/records", Records(), methods=["POST"])]
