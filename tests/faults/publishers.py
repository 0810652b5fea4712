"""Publishers: they append known rows through the public API, and try again until each is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import httpx

from faults.bell import Bell
from faults.checker import Published, line_of, metrics_of

_PAUSE = 0.02
"""Seconds between a failed try and the next one."""


class Publisher:
    """One run's producer. Like a supervisor it sends what is not acknowledged again, in batches cut anew each time."""

    def __init__(self, name: str, url: str, *, size: int = 40, batch: int = 8, pause: float = 0.0) -> None:
        """`size` is the most characters of a row, `batch` the most rows of a request, `pause` the seconds after one."""
        self.url = url
        self.known = Published(name, "", size)
        self.bell = Bell()
        self.failures = 0
        """How many requests were not answered."""
        self.problems: list[str] = []
        """What the server answered that it must not."""
        self._batch, self._pause = batch, pause
        self._chance = random.Random(name)
        self._token = ""

    async def register(self) -> None:
        """Get a run to write to."""
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            answer = await client.post("/api/runs", json={"command": ["x"], "name": self.known.name})
            answer.raise_for_status()
            self.known.run, self._token = answer.json()["run"]["id"], answer.json()["token"]

    async def publish(self, *, patience: float = 5.0) -> None:
        """Append row after row until cancelled. `patience` is how long it waits for an answer."""
        while True:
            # A connection whose answer did not come may still hold it: start over with a new one.
            with contextlib.suppress(httpx.TransportError):
                async with httpx.AsyncClient(base_url=self.url, timeout=patience) as client:
                    while True:
                        await self._send(client)
                        await asyncio.sleep(self._pause)
            self.failures += 1
            await asyncio.sleep(_PAUSE)

    async def more(self, rows: int, *, patience: float = 60.0) -> None:
        """Wait until so many more rows are acknowledged."""
        goal = self.known.acknowledged + rows
        await self.bell.until(
            lambda: self.known.acknowledged >= goal, f"{rows} more rows of {self.known.name}", patience=patience
        )

    async def upto(self, rows: int) -> None:
        """Append until `rows` rows are acknowledged."""
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
            while self.known.acknowledged < rows:
                await self._send(client)

    async def _send(self, client: httpx.AsyncClient) -> None:
        known = self.known
        records, after = self._records(known.acknowledged + 1)
        known.attempted = max(known.attempted, after)
        answer = await client.post(
            f"/api/runs/{known.run}/records",
            json={"attempt": 1, "producer": "checker", "records": records},
            headers={"Authorization": f"Bearer {self._token}"},
        )
        if answer.status_code == 200:
            if not after <= answer.json()["last_n"] <= known.attempted:
                self.problems.append(f"rows up to {after} sent, up to {answer.json()['last_n']} acknowledged")
            known.acknowledged = max(known.acknowledged, answer.json()["last_n"])
            self.bell.ring()
        elif answer.status_code != 503:
            self.problems.append(f"rows from {known.acknowledged + 1} on: {answer.status_code} {answer.text}")
            await asyncio.sleep(_PAUSE)

    def _records(self, n: int) -> tuple[list[dict[str, Any]], int]:
        """A few records from row `n` on, and their last row."""
        end = n + self._chance.randint(1, self._batch)
        records: list[dict[str, Any]] = []
        while n < end:
            count = min(self._chance.randint(1, 4), end - n)
            numbers = range(n, n + count)
            if self._chance.random() < 0.5:
                record = {"type": "run.log", "data": {"lines": [line_of(self.known, one) for one in numbers]}}
            else:
                record = {"type": "run.metrics", "data": metrics_of(self.known, numbers)}
            records.append({"n": n, "count": count, **record})
            n += count
        return records, end - 1
