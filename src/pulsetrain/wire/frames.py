"""Frames of Server-Sent Events (PROTOCOL §3): pure functions to bytes."""

from __future__ import annotations

from collections.abc import Iterable

from pulsetrain.model.log import Stored

from .codec import encode_json
from .subscription import Bye, Signal

MEDIA_TYPE = "text/event-stream"


def frame(
    data: bytes, *, event: str | None = None, id: str | None = None, retry_milliseconds: int | None = None
) -> bytes:
    """One SSE frame. No content of `data` can end the frame or add a field to it.

    CR, LF and CRLF in `data` become line breaks of the same frame, as the standard has them. `event` and `id` are
    names that we make; one with a line break, or an id with a NUL (which browsers ignore), raises ValueError.
    """
    lines = []
    if event is not None:
        lines.append(b"event: " + _name(event))
    if id is not None:
        lines.append(b"id: " + _name(id))
    if retry_milliseconds is not None:
        lines.append(b"retry: %d" % retry_milliseconds)
    if b"\n" in data or b"\r" in data:
        text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines += [b"data: " + line for line in text.split(b"\n")]
    else:
        lines.append(b"data: " + data)
    return b"\n".join(lines) + b"\n\n"


def event_frames(generation: str, events: Iterable[Stored]) -> bytes:
    """The frames of events, unnamed so that `onmessage` of a browser gets them. Bodies are JSON and have no breaks."""
    life = generation.encode()
    return b"".join([b"id: %b-%d\ndata: %b\n\n" % (life, event.seq, event.body) for event in events])


def signal_frame(signal: Signal, *, retry_milliseconds: int | None = None) -> bytes:
    """The named frame of a signal: `hello`, `live`, `heartbeat`, `reset` or `bye`."""
    id = None if isinstance(signal, Bye) else signal.cursor
    name = type(signal).__name__.lower()
    return frame(encode_json(signal), event=name, id=id, retry_milliseconds=retry_milliseconds)


def comment(text: str = "") -> bytes:
    """A line that readers ignore; it keeps proxies from closing an idle stream."""
    return b": " + _name(text) + b"\n\n"


def _name(text: str) -> bytes:
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError(f"{text!r} cannot stand on one line of a frame.")
    return text.encode()
