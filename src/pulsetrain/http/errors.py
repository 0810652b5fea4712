"""The one table from an error's code to its HTTP status, and the one shape in which errors are answered."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pulsetrain.model.errors import BadTable, Gap, PulsetrainError, TooManyAttempts, UploadOffset
from pulsetrain.wire.codec import encode_json

logger = logging.getLogger("pulsetrain.http")

STATUS: dict[str, int] = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "run_not_found": 404,
    "dataset_not_found": 404,
    "trainer_not_found": 404,
    "artifact_not_found": 404,
    "upload_not_found": 404,
    "model_not_found": 404,
    "deployment_not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "run_not_active": 409,
    "run_active": 409,
    "run_not_queued": 409,
    "run_exists": 409,
    "dataset_in_use": 409,
    "dataset_changed": 409,
    "upload_offset": 409,
    "model_deployed": 409,
    "model_cannot_predict": 409,
    "nothing_to_roll_back": 409,
    "gap": 409,
    "fenced": 409,
    "too_large": 413,
    "bad_parameters": 422,
    "bad_table": 422,
    "does_not_fit": 422,
    "wrong_format": 422,
    "upload_corrupt": 422,
    "trainer_unavailable": 422,
    "too_many_attempts": 429,
    "error": 500,
    "internal": 500,
    "predictor_failed": 500,
    "busy": 503,
    "closing": 503,
    "log_unavailable": 503,
    # These end `pulsetrain up` before there is a server that could answer; the table leaves no code out.
    "data_folder_in_use": 503,
    "data_folder_unusable": 503,
    "port_in_use": 503,
    "token_required": 503,
}
"""Code → status. `docs/reference/errors.md` says what each one means."""

_HTTP_CODE = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
_HTTP_HINT = {
    404: "GET /openapi.json lists every route, and /docs shows them.",
    405: "The Allow header names the methods that this route takes.",
}


def status_of(error: PulsetrainError) -> int:
    """The HTTP status of `error`; 500 for a code that the table lacks."""
    return STATUS.get(error.code, 500)


def error_body(code: str, message: str, hint: str = "", **extra: Any) -> dict[str, Any]:
    """`{"error": {code, message, hint, …}}`; `extra` is for programs, such as `expected` of a gap."""
    return {"error": {"code": code, "message": message, "hint": hint, **extra}}


def error_response(error: PulsetrainError) -> Response:
    """The answer to a request that ended in `error`. Also for middleware, which no exception handler covers."""
    extra: dict[str, Any] = {}
    if isinstance(error, Gap):
        extra["expected"] = error.expected
    elif isinstance(error, UploadOffset):
        extra["offset"] = error.offset
    elif isinstance(error, BadTable) and error.problems:
        extra["problems"] = error.problems
    body = error_body(error.code, error.message, error.hint, **extra)
    return json_response(body, status_of(error), _headers(error))


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` (structs included) as JSON that no cache keeps."""
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(encode_json(body), status, headers, media_type="application/json")


def _headers(error: PulsetrainError) -> dict[str, str]:
    if error.code == "unauthorized":
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooManyAttempts):
        return {"Retry-After": str(error.retry_seconds)}
    if isinstance(error, UploadOffset):
        return {"Upload-Offset": str(error.offset)}
    if error.code in ("busy", "closing"):
        return {"Retry-After": "5"}
    return {}


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, PulsetrainError)
    return error_response(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    if status in (204, 304):
        return Response(status_code=status, headers=error.headers)
    message = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.url.path} does not take {request.method}.",
    }.get(status, error.detail)
    body = error_body(_HTTP_CODE.get(status, f"http_{status}"), message, _HTTP_HINT.get(status, ""))
    return json_response(body, status, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    # Nobody is there to read it; without this the log would hold a traceback for each closed tab.
    return Response(status_code=400)


async def _unexpected(request: Request, error: Exception) -> Response:
    """The answer to a bug: no word of what was wrong, because that may hold secrets; the log has it all."""
    incident = secrets.token_hex(4)
    logger.error("Incident %s: %s %s failed", incident, request.method, request.url.path, exc_info=error)
    hint = f"The server's log has the details: look for incident {incident}."
    return json_response(error_body("internal", "Something went wrong in the server.", hint, incident=incident), 500)


exception_handlers: Mapping[Any, Any] = {
    PulsetrainError: _own,
    HTTPException: _http,
    ClientDisconnect: _gone,
    Exception: _unexpected,
}
"""For `Starlette(exception_handlers=…)`."""
