"""What this machine has, and what of it runs may take."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

import msgspec
import psutil

from pulsetrain.model.queue import Gpu, Machine

from .settings import Settings

logger = logging.getLogger(__name__)

_GPU_SECONDS = 30.0
_DRIVER = (Path("/proc/driver/nvidia"), Path("/dev/nvidiactl"))
_CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")


async def machine_of(settings: Settings) -> Machine:
    """The machine that `settings` leave to runs: what they say, and what there is where they say nothing."""
    return Machine(
        cores=settings.cores if settings.cores is not None else cores(),
        memory_bytes=settings.memory_bytes if settings.memory_bytes is not None else memory_bytes(),
        gpus=await _gpus(settings.gpus),
        slots=settings.slots,
    )


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """The memory of this machine, or of the container that this process lives in."""
    total = int(psutil.virtual_memory().total)
    try:
        return min(total, int(_CGROUP_MEMORY.read_text()))
    except (OSError, ValueError):  # no limit, or no such file
        return total


async def _gpus(wanted: tuple[int, ...] | None) -> tuple[Gpu, ...]:
    found = await _found() if wanted != () else []
    if wanted is None:
        return tuple(found)
    names = {gpu.index: gpu.name for gpu in found}
    return tuple(Gpu(index, names.get(index)) for index in wanted)


async def _found() -> list[Gpu]:
    """The GPUs that the driver knows, asked in a process of its own; none where there is no driver."""
    if not any(path.exists() for path in _DRIVER):
        return []
    command = [sys.executable, "-m", "pulsetrain.supervisor.gpus"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _GPU_SECONDS)
        return msgspec.json.decode(output, type=list[Gpu])
    except (TimeoutError, msgspec.DecodeError):
        logger.error("The driver did not say which GPUs there are; runs can be given none. Name them with --gpus.")
        return []
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
