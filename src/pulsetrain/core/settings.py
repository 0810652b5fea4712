"""How this server was asked to run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from .tokens import is_loopback

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
    artifact_limit: int = 16 * 1024 * MIB
    durability: Literal["full", "normal"] = "full"
    lease_seconds: float = 15.0
    lost_after_seconds: float = 3600.0
    stop_runs_on_exit: bool = False
    trainer_modules: tuple[str, ...] = ()
    allow_commands: bool = False
    """Whether runs may be any command where others than this machine reach the server. On loopback they may."""
    samples: bool = True
    """Whether a new data folder gets sample data sets."""

    @property
    def may_run_commands(self) -> bool:
        """Whether a run may be any command: where nobody but this machine's users reaches the server, or if allowed.

        A server behind a proxy listens on loopback, and has a further name.
        """
        return self.allow_commands or (is_loopback(self.host) and not self.allowed_hosts)

    @property
    def cores_per_run(self) -> int:
        """A run's share of the cores that this server may use."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // self.slots)
