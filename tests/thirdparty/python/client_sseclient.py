"""pip `sseclient-py` over httpx; it parses, and leaves all else to its user."""

from __future__ import annotations

import time

import httpx
import sseclient
from printing import PAUSE, URL, tell


class Body:
    """What the package asks of a response: its bytes, and that it can be closed."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    def __iter__(self):  # type: ignore[no-untyped-def]
        return self._answer.iter_bytes()

    def close(self) -> None:
        self._answer.close()


seen: dict[str, str] = {}
while True:
    headers = {"Accept": "text/event-stream", **seen}
    try:
        with httpx.stream("GET", URL, headers=headers, timeout=60) as answer:
            for event in sseclient.SSEClient(Body(answer)).events():
                if event.event == "message":
                    tell(event.id, event.data)
                if event.id:
                    seen = {"Last-Event-ID": event.id}
    except httpx.TransportError:
        pass
    time.sleep(PAUSE)
