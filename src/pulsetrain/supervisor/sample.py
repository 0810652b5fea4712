"""What a run's process tree uses: CPU, memory, threads, GPUs."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import psutil

from .tree import Tree

SECONDS = 2.0
"""Between samples."""


class Sampler:
    """Takes samples of `tree`. The CPU is measured between two of them, so the first one has none."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._gpus = Gpus()
        self._cpu_seconds: dict[tuple[int, float], float] = {}
        self._taken: float | None = None

    def sample(self) -> dict[str, Any] | None:
        """The data of a `run.system`; None if no process of the run lives."""
        seconds: dict[tuple[int, float], float] = {}
        memory = threads = 0
        pids: set[int] = set()
        for process in self._tree.members(quick=True):
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                seconds[process.pid, process.create_time()] = times.user + times.system
                memory += process.memory_info().rss
                threads += process.num_threads()
                pids.add(process.pid)
        now = time.monotonic()
        spent = sum(used - self._cpu_seconds.get(key, 0.0) for key, used in seconds.items())
        cpu = None if self._taken is None or now <= self._taken else round(100 * spent / (now - self._taken), 1)
        self._cpu_seconds, self._taken = seconds, now
        if not pids:
            return None
        found = {"cpu_percent": cpu, "memory_bytes": memory, "processes": len(pids), "threads": threads}
        return {**found, "gpu": self._gpus.sample(pids)}


class Gpus:
    """NVIDIA GPUs, where there is a driver. None of its troubles may end a run."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._handles: list[Any] = []
        # Loading the library costs memory that machines without a GPU can spare themselves.
        if not (Path("/proc/driver/nvidia").exists() or Path("/dev/nvidiactl").exists()):
            return
        try:
            import pynvml

            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
            self._nvml = pynvml
        except Exception:  # noqa: BLE001  # no driver, another version, no permission: then no figures
            self._handles = []

    def known(self) -> list[dict[str, Any]]:
        """Index and name of those that this process may use."""
        found = [self._read(index, handle) for index, handle in enumerate(self._handles) if _visible(index)]
        return [{"index": gpu["index"], "name": gpu["name"]} for gpu in found]

    def sample(self, pids: Collection[int]) -> list[dict[str, Any]]:
        """Those that the processes `pids` use; all of them where the driver does not say who uses which."""
        users = [self._users(handle) for handle in self._handles]
        # In a container the driver may speak of processes that are not known here.
        told = any(psutil.pid_exists(pid) for found in users for pid in found)
        return [
            self._read(index, handle)
            for index, handle in enumerate(self._handles)
            if (users[index] & set(pids) if told else _visible(index))
        ]

    def _users(self, handle: Any) -> set[int]:
        found = self._ask("nvmlDeviceGetComputeRunningProcesses", handle)
        return {process.pid for process in found or ()}

    def _read(self, index: int, handle: Any) -> dict[str, Any]:
        name = self._ask("nvmlDeviceGetName", handle)
        rates = self._ask("nvmlDeviceGetUtilizationRates", handle)
        memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
        return {
            "index": index,
            "name": name.decode() if isinstance(name, bytes) else name or "GPU",
            "utilization_percent": None if rates is None else float(rates.gpu),
            "memory_bytes": None if memory is None else int(memory.used),
            "memory_total_bytes": None if memory is None else int(memory.total),
            "temperature_celsius": self._ask("nvmlDeviceGetTemperature", handle, 0),
        }

    def _ask(self, question: str, *arguments: Any) -> Any:
        try:
            return getattr(self._nvml, question)(*arguments)
        except Exception:  # noqa: BLE001  # each figure by itself: what a device does not know is null
            return None


def _visible(index: int) -> bool:
    """Whether the run may use this GPU. Names other than numbers are not understood, and hide nothing."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None or not all(part.strip().isdigit() for part in named.split(",") if part.strip()):
        return True
    return str(index) in [part.strip() for part in named.split(",")]
