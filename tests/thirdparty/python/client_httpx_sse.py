"""pip `httpx-sse`, which leaves coming back to its user."""

from __future__ import annotations

import time

import httpx
from httpx_sse import connect_sse
from printing import PAUSE, URL, tell

seen: dict[str, str] = {}
while True:
    try:
        with httpx.Client(timeout=60) as client, connect_sse(client, "GET", URL, headers=seen) as source:
            for event in source.iter_sse():
                if event.event == "message":
                    tell(event.id, event.data)
                if event.id:
                    seen = {"Last-Event-ID": event.id}
    except httpx.TransportError:
        pass
    time.sleep(PAUSE)
