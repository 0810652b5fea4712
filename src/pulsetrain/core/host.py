"""The machine that the server runs on: one sampler for all who want to know, and whether it is well."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import psutil

Health = Literal["healthy", "warning", "critical"]
Sample = dict[str, Any]
Listener = Callable[[Sample, Health], Awaitable[None]]
"""Hears each sample, and how well the machine was before it."""

SAMPLE_SECONDS = 5.0
LIMITS: dict[str, tuple[float, float]] = {
    "cpu_percent": (80, 90),
    "memory_percent": (80, 90),
    "disk_percent": (90, 95),
}
"""Above the first a warning, above the second critical."""
RELIEF = 2.0
"""Percentage points below a limit at which it is left again, so that a value on the edge does not flutter."""
_RANK: dict[Health, int] = {"healthy": 0, "warning": 1, "critical": 2}


def judge(sample: dict[str, float], before: Health) -> Health:
    """How well the machine is, given how well it was."""
    worst: Health = "healthy"
    for name, (warning, critical) in LIMITS.items():
        levels: tuple[tuple[Health, float], ...] = (("warning", warning), ("critical", critical))
        for level, limit in levels:
            held = _RANK[before] >= _RANK[level]
            if sample[name] > (limit - RELIEF if held else limit) and _RANK[level] > _RANK[worst]:
                worst = level
    return worst


class Host:
    """Samples every five seconds while somebody listens; otherwise only when asked."""

    def __init__(self, folder: Path) -> None:
        """`folder` is on the disk that is looked at."""
        self._folder = folder
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._health: Health = "healthy"
        psutil.cpu_percent()

    @contextlib.contextmanager
    def listened(self, listener: Listener) -> Iterator[None]:
        """Tell `listener` each sample, and each change of health, until the block ends."""
        self._listeners.add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._sample_forever(), name="host")
        try:
            yield
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    async def sample(self) -> Sample:
        """What the machine does now."""
        measured = await asyncio.to_thread(measure, self._folder)
        self._health = judge(measured, self._health)
        return {**measured, "system_health": self._health}

    async def _sample_forever(self) -> None:
        told = self._health
        while True:
            sample = await self.sample()
            # Whoever asks in between may be the first to see a change; all others shall hear of it too. One that takes
            # nothing, or is gone, holds up nobody: its own conversation ends it.
            hearing = [asyncio.wait_for(listener(sample, told), SAMPLE_SECONDS) for listener in self._listeners]
            await asyncio.gather(*hearing, return_exceptions=True)
            told = sample["system_health"]
            await asyncio.sleep(SAMPLE_SECONDS)


def measure(folder: Path) -> Sample:
    """CPU, memory, disk and network of this machine; sizes in GiB as the dialect wants them."""
    memory, disk, network = psutil.virtual_memory(), psutil.disk_usage(str(folder)), psutil.net_io_counters()
    gib = 1024**3
    return {
        "cpu_percent": psutil.cpu_percent(),
        "memory_percent": memory.percent,
        "disk_percent": disk.percent,
        "memory_total_gb": round(memory.total / gib, 2),
        "memory_used_gb": round(memory.used / gib, 2),
        "disk_total_gb": round(disk.total / gib, 2),
        "disk_used_gb": round(disk.used / gib, 2),
        "disk_free_gb": round(disk.free / gib, 2),
        "process_count": len(psutil.pids()),
        "network_bytes_sent": network.bytes_sent if network else None,
        "network_bytes_recv": network.bytes_recv if network else None,
        "cpu_cores": psutil.cpu_count(),
        "load_average_1m": round(os.getloadavg()[0], 2),
    }
