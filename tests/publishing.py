"""Puts lines into the log of a real server, one event each, as a supervisor would."""

from __future__ import annotations

from types import TracebackType

import httpx

from live import PATIENCE, LiveServer


class Publisher:
    """A run that somebody else's supervisor runs: this one."""

    def __init__(self, server: LiveServer, token: str | None = None) -> None:
        self._server = server
        person = {"Authorization": f"Bearer {token}"} if token else {}
        made = server.post("/api/runs", json={"command": ["x"], "name": "published"}, headers=person)
        self.run: str = made["run"]["id"]
        self._client = httpx.Client(timeout=PATIENCE, headers={"Authorization": f"Bearer {made['token']}"})
        self._n = 0

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def log(self, *texts: str) -> str:
        """Append a line each, as events of their own; the cursor of the last."""
        records = []
        for text in texts:
            self._n += 1
            line = {"stream": "stdout", "text": text, "time": 1.5, "level": None}
            records.append({"n": self._n, "type": "run.log", "data": {"lines": [line]}})
        batch = {"attempt": 1, "producer": "sdk-1", "records": records}
        answer = self._client.post(f"{self._server.url}/api/runs/{self.run}/records", json=batch)
        answer.raise_for_status()
        cursor: str = answer.json()["cursor"]
        return cursor
