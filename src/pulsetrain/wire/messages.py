"""Messages of the WebSocket (PROTOCOL §3.4) and pages of the long poll (§3.3): pure functions to bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from pulsetrain.model.log import Stored

from .codec import decode_json, encode_json, encode_msgpack
from .subscription import Signal

Format = Literal["json", "msgpack"]

MEDIA_TYPES: dict[Format, str] = {"json": "application/json", "msgpack": "application/msgpack"}
_ENCODE = {"json": encode_json, "msgpack": encode_msgpack}


class MalformedMessage(ValueError):
    """What a client sent is not one object of the format that was agreed."""


def encode(format: Format, content: Any) -> bytes:
    """`content` (structs included) in `format`."""
    return _ENCODE[format](content)


def decode(format: Format, message: bytes) -> dict[str, Any]:
    """A client's message. Raises MalformedMessage."""
    try:
        found = msgspec.json.decode(message) if format == "json" else msgspec.msgpack.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MalformedMessage(f"This is not {format}: {problem}") from None
    if not isinstance(found, dict):
        raise MalformedMessage("A message is one object with 'op'.")
    return found


def envelopes(format: Format, events: Iterable[Stored]) -> list[msgspec.Raw]:
    """The events' envelopes, ready to stand in a message of this format."""
    if format == "json":
        return [msgspec.Raw(event.body) for event in events]
    return [msgspec.Raw(encode_msgpack(decode_json(event.body))) for event in events]


def signal_message(format: Format, sub: int, signal: Signal) -> bytes:
    """`hello`, `live`, `heartbeat`, `reset` or `skipped` of subscription `sub`."""
    fields = {"op": type(signal).__name__.lower(), "sub": sub, **msgspec.structs.asdict(signal)}
    return encode(format, fields)


def events_message(format: Format, sub: int, cursor: str, events: Iterable[Stored]) -> bytes:
    """A batch of subscription `sub`; `cursor` is the place after its last event."""
    if format == "json":
        # The envelopes are JSON as they are.
        bodies = b",".join(event.body for event in events)
        return f'{{"op":"events","sub":{sub},"cursor":"{cursor}","events":['.encode() + bodies + b"]}"
    return encode(format, {"op": "events", "sub": sub, "cursor": cursor, "events": envelopes(format, events)})
