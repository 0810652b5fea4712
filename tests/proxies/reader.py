"""A reader of the stream through a proxy, one message at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

from publishing import Publisher
from pulsetrain.sdk.sse import Message, SseReader

SOONER_THAN_A_HEARTBEAT = 11.0
"""Seconds. The next heartbeat would push through what a proxy holds back; it comes 12 s after the last, or later."""


class Reader:
    """What has arrived, and no more: it waits for the next message for less than the time between two heartbeats."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._messages = self._read()

    def _read(self) -> Iterator[Message]:
        reader = SseReader()
        for piece in self.answer.iter_bytes():
            yield from reader.feed(piece)

    def next(self) -> Message:
        return next(self._messages)

    def until(self, name: str) -> list[Message]:
        """The messages up to and including the first called `name`."""
        messages = [self.next()]
        while messages[-1].name != name:
            messages.append(self.next())
        return messages

    def line(self) -> tuple[str, str]:
        """The cursor and the text of the next event, which is a line."""
        message = self.next()
        assert message.name == "message", message
        return message.id, json.loads(message.data)["data"]["lines"][0]["text"]

    def to_the_end(self) -> list[Message]:
        """What comes until the connection ends, whichever way it ends."""
        messages: list[Message] = []
        with suppress(httpx.RemoteProtocolError):
            messages.extend(self._messages)
        return messages


@contextmanager
def reading(
    client: httpx.Client, run: str, cursor: str = "now", *, seconds: float = SOONER_THAN_A_HEARTBEAT, **headers: str
) -> Iterator[Reader]:
    """A reader of the run's events after `cursor`, who waits for so many seconds for anything."""
    patience = httpx.Timeout(60, read=seconds)
    address = f"/api/events?run={run}&cursor={cursor}"
    with client.stream("GET", address, headers=headers, timeout=patience) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Reader(answer)


def arrives_at_once(publisher: Publisher, reader: Reader) -> None:
    """Each event is read before the next is sent, so nothing else can have pushed it through."""
    for text in ("first", "second", "third"):
        cursor = publisher.log(text)
        assert reader.line() == (cursor, text)
