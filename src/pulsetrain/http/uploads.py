"""The routes of uploads in pieces (PROTOCOL §10)."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pulsetrain.core.datasets import CHUNK_BYTES
from pulsetrain.model.errors import BadRequest

from .bodies import Json, answer, known_parameters, read_json
from .services import services


class UploadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that is to come. `replace` is the data set whose next version it is."""

    name: str
    size: int
    digest: str | None = None
    replace: str | None = None


async def begin_upload(request: Request) -> Response:
    known_parameters(request, ())
    asked = await read_json(request, UploadRequest)
    upload = await services(request).uploads.create(asked.name, asked.size, digest=asked.digest, replace=asked.replace)
    found = Json({"id": upload.id, "offset": 0, "chunk_bytes": CHUNK_BYTES}, 201)
    found.headers["Location"] = f"/api/uploads/{upload.id}"
    return found


async def upload_offset(request: Request) -> Response:
    known_parameters(request, ())
    upload, offset = services(request).uploads.offset(request.path_params["id"])
    state = {"id": upload.id, "name": upload.name, "size": upload.size, "offset": offset, "dataset": upload.dataset}
    found = Json(state)
    found.headers.update({"Upload-Offset": str(offset), "Cache-Control": "no-store"})
    return found


async def send_piece(request: Request) -> Response:
    known_parameters(request, ())
    text = request.headers.get("upload-offset", "")
    if not text.isdecimal() or len(text) > 15:
        raise BadRequest("The header Upload-Offset says where the bytes begin.", hint="HEAD tells how many are there.")
    there, cursor, dataset = await services(request).uploads.write(
        request.path_params["id"], int(text), request.stream()
    )
    headers = {"Upload-Offset": str(there)}
    if cursor is None:
        return Response(status_code=204, headers=headers)
    found = answer(cursor, 201, dataset=dataset)
    found.headers.update(headers)
    return found


async def cancel_upload(request: Request) -> Response:
    known_parameters(request, ())
    await services(request).uploads.cancel(request.path_params["id"])
    return Response(status_code=204)


routes: list[BaseRoute] = [
    Route("/api/uploads", begin_upload, methods=["POST"]),
    Route("/api/uploads/{id}", upload_offset, methods=["GET"]),
    Route("/api/uploads/{id}", send_piece, methods=["PATCH"]),
    Route("/api/uploads/{id}", cancel_upload, methods=["DELETE"]),
]
