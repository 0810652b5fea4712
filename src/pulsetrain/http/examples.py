"""The routes of examples for language understanding (PROTOCOL §10)."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .bodies import answer, known_parameters, read_json, whole_number
from .services import services

MAX_BODY = 16 * 1024 * 1024


class ExamplesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Examples to add. Each is checked for itself, so that every wrong one is named."""

    examples: list[Any]


def if_match(request: Request) -> str | None:
    """The digest that the change is made for, with or without the quotation marks of an ETag."""
    value = request.headers.get("if-match")
    return value.strip().removeprefix("W/").strip('"') if value else None


async def list_examples(request: Request) -> Response:
    known_parameters(request, {"offset", "limit", "q"})
    cursor, page = await services(request).examples.page(
        request.path_params["id"],
        offset=whole_number(request, "offset", 0, 0, 2**31),
        limit=whole_number(request, "limit", 100, 1, 1000),
        query=request.query_params.get("q", "")[:500],
    )
    found = answer(cursor, **{name: getattr(page, name) for name in page.__struct_fields__})
    found.headers["ETag"] = f'"{page.digest}"'
    return found


async def add_examples(request: Request) -> Response:
    known_parameters(request, ())
    body = await read_json(request, ExamplesRequest, limit=MAX_BODY)
    cursor, dataset = await services(request).examples.add(
        request.path_params["id"], body.examples, if_match=if_match(request)
    )
    return answer(cursor, 201, dataset=dataset)


async def put_example(request: Request) -> Response:
    known_parameters(request, ())
    example = await read_json(request, dict[str, Any])
    cursor, dataset = await services(request).examples.put(
        request.path_params["id"], request.path_params["index"], example, if_match=if_match(request)
    )
    return answer(cursor, dataset=dataset)


async def delete_example(request: Request) -> Response:
    known_parameters(request, ())
    cursor, dataset = await services(request).examples.remove(
        request.path_params["id"], request.path_params["index"], if_match=if_match(request)
    )
    return answer(cursor, dataset=dataset)


routes: list[BaseRoute] = [
    Route("/api/datasets/{id}/examples", list_examples, methods=["GET"]),
    Route("/api/datasets/{id}/examples", add_examples, methods=["POST"]),
    Route("/api/datasets/{id}/examples/{index:int}", put_example, methods=["PUT"]),
    Route("/api/datasets/{id}/examples/{index:int}", delete_example, methods=["DELETE"]),
]
