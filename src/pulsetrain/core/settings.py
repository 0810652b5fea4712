"""How this server was asked to run."""

from __future__ import annotations

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
    cores: float | None = None
    """Cores that runs may take together; those of the machine where None."""
    memory_bytes: int | None = None
    """Memory that runs may ask for together; that of the machine where None."""
    gpus: tuple[int, ...] | None = None
    """GPUs that runs may be given, by the driver's index; all where None."""
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
