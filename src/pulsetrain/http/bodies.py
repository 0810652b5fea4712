"""Request bodies and query parameters, checked; answers, encoded once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, TooLarge

T = TypeVar("T")
MAX_JSON = 1024 * 1024


class Json(Response):
    """An answer in JSON; structs and cursors are encoded as the protocol writes them."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content, enc_hook=_plain)


def _plain(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def answer(cursor: Cursor, status_code: int = 200, **content: Any) -> Json:
    """A snapshot or an acknowledgement: `content` and the cursor at which it holds."""
    return Json({"cursor": str(cursor), **content}, status_code=status_code)


async def read_json(request: Request, kind: type[T], *, default: T | None = None, limit: int = MAX_JSON) -> T:
    """The body, of `limit` bytes at most, as `kind`. An empty body is `default` where there is one.

    Raises BadRequest or TooLarge.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.")
    if not body.strip() and default is not None:
        return default
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except msgspec.ValidationError as problem:
        raise BadRequest(f"The body is not as this route takes it: {problem}.") from None
    except msgspec.DecodeError as problem:
        raise BadRequest(f"The body is not JSON: {problem}.", hint="Send application/json.") from None


def known_parameters(request: HTTPConnection, known: Collection[str]) -> None:
    """Raise BadRequest if the query has a parameter that is not in `known`."""
    if not request.scope["query_string"]:
        return
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        takes = ", ".join(sorted(known)) or "none"
        raise BadRequest(f"Unknown parameter {unknown[0]!r}.", hint=f"This route takes: {takes}.")


def whole_number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query, `low` to `high`. Raises BadRequest."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise BadRequest(f"{name!r} is a whole number from {low} to {high}; it is {text!r}.")
    return number


def optional_number(request: Request, name: str) -> int | None:
    """A whole number of the query from 1 on; None where it is not there. Raises BadRequest."""
    return whole_number(request, name, 1, 1, 2**31) if name in request.query_params else None


def caller(request: Request) -> str:
    """Who asks, for the log: what the client says it is."""
    name = request.headers.get("pulsetrain-client", "api")
    return name if name.isascii() and name.replace("-", "").isalnum() and len(name) <= 32 else "api"
