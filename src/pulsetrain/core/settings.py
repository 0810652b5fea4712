"""How this server was asked to run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

MIB = 1024 * 1024
DEFAULT_PORT = 8787


class Settings(msgspec.Struct, frozen=True):
    """The choices of whoever started the server. Sizes are bytes, durations seconds."""

    data: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    slots: int = 1
    """How many runs the server starts at the same time."""
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    """Further host names under which the server may be reached."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of pages of others that may read and steer here, such as `https://lab.example`."""
    upload_limit: int = 512 * MIB
    data_paths: tuple[Path, ...] = ()
    """Folders whose files can be data sets where they are."""
    artifact_limit: int = 16 * 1024 * MIB
    durability: Literal["full", "normal"] = "full"
    lease_seconds: float = 15.0
    lost_after_seconds: float = 3600.0
    stop_runs_on_exit: bool = False
    trainer_modules: tuple[str, ...] = ()
    samples: bool = True
    """Whether a new data folder gets sample data sets."""

    @property
    def cores_per_run(self) -> int:
        """A run's share of the cores that this server may use."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // self.slots)
