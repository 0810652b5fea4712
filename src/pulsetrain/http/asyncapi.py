"""The streams described: `/asyncapi.json`, an AsyncAPI 3 document beside the OpenAPI one. Made once, from the types."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pulsetrain import __version__
from pulsetrain.model.events import Event
from pulsetrain.wire.event_data import EVENT_DATA
from pulsetrain.wire.subscription import Bye, Heartbeat, Hello, Live, Reset, Skipped

from .errors import json_response
from .ws import SUBPROTOCOLS

_REF = "#/components/schemas/{name}"
_SIGNALS = (Hello, Live, Heartbeat, Reset, Skipped)

_text: dict[str, Any] = {"type": "string"}
_texts: dict[str, Any] = {"type": "array", "items": _text}
_sub: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 65535}
_error: dict[str, Any] = {
    "type": "object",
    "properties": {"code": _text, "message": _text, "hint": _text},
    "required": ["code", "message", "hint"],
}

SAID: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "ready": ("The connection is admitted.", {"version": _text, "heartbeat_seconds": {"type": "number"}}, ()),
    "events": (
        "A batch, in order. `cursor` is that of the last event.",
        {"sub": _sub, "cursor": _text, "events": {"type": "array", "items": {"$ref": _REF.format(name="Event")}}},
        (),
    ),
    "unsubscribed": ("No events of this subscription come any more.", {"sub": _sub, "cursor": _text}, ()),
    "pong": ("The answer to a ping, with its id.", {"id": {}}, ()),
    "error": ("A message that cannot be followed; the connection goes on.", {"sub": {}, "error": _error}, ("sub",)),
}
"""What the server says beside the signals: op → about, fields, and which of these may be missing."""

ASKED: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "subscribe": (
        "Open subscription `sub`, from `cursor` on.",
        {
            "sub": _sub,
            "cursor": _text,
            "run": _texts,
            "type": _texts,
            "latest": {"type": "number", "minimum": 0.1, "maximum": 60},
        },
        ("cursor", "run", "type", "latest"),
    ),
    "unsubscribe": ("End it.", {"sub": _sub}, ()),
    "ping": ("Ask for a pong.", {"id": {}}, ("id",)),
    "auth": ("Show the token, as the first message.", {"token": _text}, ()),
}
"""What a client says."""


@functools.cache
def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document."""
    kinds = [Event, Bye, *_SIGNALS, *EVENT_DATA.values()]
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    said = {op: _message(op, *about) for op, about in SAID.items()}
    said |= {kind.__name__.lower(): _signal(kind, sub=True) for kind in _SIGNALS} | {"bye": _signal(Bye, sub=False)}
    asked = {op: _message(op, *about) for op, about in ASKED.items()}
    messages = {**said, **asked}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "pulsetrain events",
            "version": __version__,
            "description": "Every event of the log, in order, over a WebSocket. PROTOCOL.md says what the words mean; "
            "`GET /api/events` without an upgrade is described in /openapi.json.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": "/api/events",
                "description": f"Subprotocols: {', '.join(SUBPROTOCOLS)}.",
                "messages": {op: {"$ref": f"#/components/messages/{op}"} for op in messages},
                "bindings": {"ws": {"method": "GET", "query": _query(), "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "tell": {"action": "send", **_operation(said)},
            "ask": {"action": "receive", **_operation(asked)},
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _operation(messages: dict[str, Any]) -> dict[str, Any]:
    references = [{"$ref": f"#/channels/events/messages/{op}"} for op in messages]
    return {"channel": {"$ref": "#/channels/events"}, "messages": references}


def _query() -> dict[str, Any]:
    """What the address may say; with any of it, subscription 0 opens at once."""
    fields = {"cursor": _text, "run": _texts, "type": _texts, "latest": _text, "until": {"const": "end"}}
    return {"type": "object", "properties": fields}


def _message(op: str, about: str, fields: dict[str, Any], optional: tuple[str, ...]) -> dict[str, Any]:
    needed = ["op", *(name for name in fields if name not in optional)]
    payload = {"type": "object", "properties": {"op": {"const": op}, **fields}, "required": needed}
    return {"name": op, "summary": about, "payload": payload}


def _signal(kind: type, *, sub: bool) -> dict[str, Any]:
    op = kind.__name__.lower()
    fields = {"op": {"const": op}, **({"sub": _sub} if sub else {})}
    head = {"type": "object", "properties": fields, "required": list(fields)}
    payload = {"allOf": [head, {"$ref": _REF.format(name=kind.__name__)}]}
    return {"name": op, "summary": (kind.__doc__ or "").strip().partition("\n")[0], "payload": payload}


async def asyncapi(request: Request) -> Response:
    """The AsyncAPI document."""
    return json_response(document())


routes: list[BaseRoute] = [Route("/asyncapi.json", asyncapi)]
