"""The API described: `/openapi.json` for programs, `/docs` for people. Made once, at the first request."""

from __future__ import annotations

import functools
import re
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from pulsetrain import __version__
from pulsetrain.model import errors as known_errors
from pulsetrain.wire.event_data import EVENT_DATA
from pulsetrain.wire.messages import MEDIA_TYPES

from .answers import Error
from .docs import render
from .errors import STATUS, json_response
from .operation import Operation
from .operations import OPERATIONS

_REF = "#/components/schemas/{name}"
_ABOUT = (
    "The live server for training runs. Everything that happens is an event in one ordered, durable log; whoever "
    "watches holds a cursor. Snapshots carry the cursor at which they were taken: follow `GET /api/events?cursor=…` "
    "from there, and nothing is missed or doubled."
)
_TAGS = {
    "Runs": "Start, watch and stop trainings, and read what they made.",
    "Events": "The log itself, live.",
    "Data": "The CSV files that runs learn from.",
    "Trainers": "What can be trained here.",
    "Models": "What was trained, and the endpoints that serve it.",
    "Producers": "For supervisors and SDKs, which report what a run does. They hold the run's own token.",
    "Server": "The server itself, and who may use it.",
    "GAN dashboard (older clients)": "The addresses and shapes that existing GAN dashboards use.",
    "MLOps dashboard (older clients)": "Those of MLOps dashboards; their WebSocket is `/ws`.",
    "Training jobs (older clients)": "Those of clients that know jobs; their WebSocket is `/ws/training`.",
}


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    event_types = list(EVENT_DATA.values())
    used = [
        kind
        for operation in OPERATIONS
        for kind in (operation.answer, operation.pages, *_bodies(operation))
        if kind is not None
    ]
    made, components = msgspec.json.schema_components([*used, Error, *event_types], ref_template=_REF)
    schemas = dict(zip(map(repr, used), made, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pulsetrain",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [{"name": name, "description": about} for name, about in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The server's token, where it asks for one.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "pulsetrain_…",
                    "description": "Set by /api/login.",
                },
                "runToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The run's own token: it opens that run alone.",
                },
            },
        },
    }


def _bodies(operation: Operation) -> tuple[Any, ...]:
    """The types that the body may have."""
    if operation.body is None or operation.body is bytes:
        return ()
    return operation.body if isinstance(operation.body, tuple) else (operation.body,)


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _id(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas),
        "security": _security(operation),
    }
    if operation.about:
        described["description"] = operation.about
    if operation.body is not None:
        kinds = [schemas[repr(kind)] for kind in _bodies(operation)] or [{"type": "string", "format": "binary"}]
        schema = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        described["requestBody"] = {"content": {media: {"schema": schema} for media in operation.body_media}}
    return described


def _id(operation: Operation) -> str:
    words = re.findall(r"[a-z]+", operation.path.removeprefix("/api"))
    return "_".join([operation.method.lower(), *words])


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{([a-z_]+)\}", operation.path)
    ]
    return named + [
        {
            "name": parameter.name,
            "in": parameter.where,
            "required": parameter.required,
            "description": parameter.about,
            "schema": parameter.schema,
        }
        for parameter in operation.parameters
    ]


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    if operation.answer is not None:
        content = {operation.media: {"schema": schemas[repr(operation.answer)]}}
    elif operation.media.startswith("text/"):
        content = {operation.media: {"schema": {"type": "string"}}}
    else:
        content = {operation.media: {"schema": {"type": "string", "format": "binary"}}}
    if operation.pages is not None:
        content |= {media: {"schema": schemas[repr(operation.pages)]} for media in MEDIA_TYPES.values()}
    responses: dict[str, Any] = {
        str(operation.status): {"description": HTTPStatus(operation.status).phrase, "content": content}
    }
    codes = operation.errors if operation.secret == "none" else (*operation.errors, "unauthorized")
    for status in sorted({STATUS[code] for code in (*codes, "forbidden")}):
        meanings = [
            f"`{code}`: {_meaning(code)}" for code in dict.fromkeys((*codes, "forbidden")) if STATUS[code] == status
        ]
        problem = {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}}
        responses[str(status)] = {"description": " ".join(meanings), "content": problem}
    return responses


@functools.cache
def _meanings() -> dict[str, str]:
    """Error code → the sentence that its class has as its documentation."""
    found = (kind for kind in vars(known_errors).values() if isinstance(kind, type))
    kinds = (kind for kind in found if issubclass(kind, known_errors.PulsetrainError))
    return {kind.code: (kind.__doc__ or "").strip().partition("\n")[0] for kind in kinds}


def _meaning(code: str) -> str:
    return _meanings()[code]


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.secret == "none":
        return []
    if operation.secret == "run token":
        return [{"runToken": []}]
    # {}: a server on loopback asks for nothing unless it was started with a token.
    usual: list[dict[str, list[str]]] = [{}, {"token": []}, {"session": []}]
    return [*usual, {"runToken": []}] if operation.secret == "run token or token" else usual


async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return json_response(document())


async def docs(request: Request) -> Response:
    """The document as a page that needs no script and nothing from elsewhere."""
    return HTMLResponse(_page(), headers={"Cache-Control": "no-cache"})


@functools.cache
def _page() -> str:
    return render(document())


routes: list[BaseRoute] = [Route("/openapi.json", openapi), Route("/docs", docs)]
