"""Runs that a test reports itself, and what the server counts meanwhile."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import httpx

from live import PATIENCE, LiveServer


class Producer:
    """A run that the test itself reports."""

    def __init__(self, server: LiveServer, name: str) -> None:
        made = server.post("/api/runs", json={"command": ["train"], "name": name})
        self.id: str = made["run"]["id"]
        self._server = server
        self._headers = {"Authorization": f"Bearer {made['token']}"}
        self._n = 0
        self.write("run.status", state="running")

    def write(self, type: str, **data: Any) -> None:
        self._n += 1
        record = {"n": self._n, "type": type, "time": "2026-11-24T10:00:00.000000Z", "data": data}
        body = {"attempt": 1, "producer": "test", "records": [record]}
        self._server.post(f"/api/runs/{self.id}/records", json=body, headers=self._headers)


def connections(server: LiveServer) -> dict[str, int]:
    """Open connections of readers, by transport."""
    text = httpx.get(f"{server.url}/metrics", timeout=PATIENCE).text
    found = re.findall(r'pulsetrain_connections\{transport="(\w+)"\} ([\d.]+)', text)
    return {transport: int(float(count)) for transport, count in found if float(count) > 0}


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)
