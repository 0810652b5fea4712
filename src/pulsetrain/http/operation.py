"""The form in which a route is described."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Secret = Literal["none", "token", "run token", "run token or token"]

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
MSGPACK = "application/msgpack"
CSV = "text/csv"
HTML = "text/html"
TEXT = "text/plain"
BYTES = "application/octet-stream"
FORM = "multipart/form-data"


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of the query, of the path or a header."""

    name: str
    about: str
    schema: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "string"})
    where: Literal["query", "header"] = "query"
    required: bool = False


class Operation(msgspec.Struct, frozen=True):
    """One method of one route."""

    method: str
    path: str
    tag: str
    summary: str
    answer: Any = None
    """Type of the body; None where it is not JSON."""
    status: int = 200
    media: str = JSON
    pages: Any = None
    """Type of the answer where the client accepts JSON or MessagePack instead of `media`."""
    about: str = ""
    body: Any = None
    """Type of the body, `bytes` for any, a tuple for one of several."""
    body_media: tuple[str, ...] = (JSON,)
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[str, ...] = ()
    secret: Secret = "token"
