"""The clients that others wrote, each behind the same two words: what it was told, and stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Page

from thirdparty.packages import node

HERE = Path(__file__).parent
SCRIPTS = [
    *(f"node/{name}.mjs" for name in ("eventsource", "reconnecting-eventsource", "fetch-event-source", "ws")),
    *(f"python/client_{name}.py" for name in ("httpx_sse", "sseclient", "websockets", "aiohttp", "curl")),
]

Told = tuple[str, dict[str, Any]]
"""The id that the client was given with an event, and the event."""


class Client(Protocol):
    def told(self) -> list[Told]:
        """What it was told so far, in order."""
        ...

    def stop(self) -> None: ...


class Script:
    """A client in a process of its own, that prints what it is told."""

    def __init__(self, file: str, url: str) -> None:
        program = node() if file.endswith(".mjs") else sys.executable
        self._process = subprocess.Popen(
            [program, str(HERE / file), url], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._lines.extend(self._process.stdout)

    def told(self) -> list[Told]:
        assert self._process.poll() is None, "the client ended"
        read = [json.loads(line) for line in self._lines]
        return [(one["id"], json.loads(one["data"])) for one in read]

    def stop(self) -> None:
        # curl is a child of its script.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()


NATIVE = {
    "EventSource": """url => {
        globalThis.told = [];
        new EventSource(url).onmessage = (event) => told.push([event.lastEventId, JSON.parse(event.data)]);
    }""",
    "WebSocket": """url => {
        globalThis.told = [];
        const address = new URL(url);
        address.protocol = "ws:";
        function open() {
            const socket = new WebSocket(address, "pulsetrain.v1.json");
            socket.onmessage = ({ data }) => {
                const message = JSON.parse(data);
                if (message.cursor) address.searchParams.set("cursor", message.cursor);
                for (const event of message.events ?? [])
                    told.push([`${message.cursor.split("-")[0]}-${event.seq}`, event]);
            };
            socket.onclose = () => setTimeout(open, 200);
        }
        open();
    }""",
}
"""In a page of the server's own origin: what comes with every browser."""


class Native:
    """A client that is built into Chromium."""

    def __init__(self, page: Page, kind: str, url: str) -> None:
        self._page = page
        page.evaluate(NATIVE[kind], url)

    def told(self) -> list[Told]:
        return [(id, event) for id, event in self._page.evaluate("told")]

    def stop(self) -> None:
        self._page.close()
