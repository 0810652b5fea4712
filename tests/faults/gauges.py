"""What the server's process holds, seen from outside, and what it counts itself."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import msgspec
import psutil

from live import PATIENCE, LiveServer, eventually

_LOOKS = 20


class Held(msgspec.Struct, frozen=True):
    """What readers must not leave behind. Threads and files of the store, made at first use, are not of it."""

    sockets: int
    tasks: int
    readers: int


def metrics(server: LiveServer) -> dict[str, float]:
    """The samples of `/metrics` by name and labels."""
    answer = httpx.get(f"{server.url}/metrics", timeout=30)
    answer.raise_for_status()
    lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def held(server: LiveServer) -> Held:
    counted = metrics(server)
    # The connection that has just asked goes a moment later; on a busy machine it would be counted by chance.
    sockets = min(_sockets(server) for _ in range(_LOOKS) if not time.sleep(0.01))
    return Held(sockets, int(counted["pulsetrain_tasks"]), int(counted["pulsetrain_readers"]))


def let_go(server: LiveServer, before: Held, *, patience: float = PATIENCE) -> None:
    """Wait until the server holds what it held before: it hears of who left a little later."""
    eventually(lambda: held(server) == before, lambda: f"{held(server)} to become {before}", patience=patience)


def resident(server: LiveServer) -> int:
    """Bytes of memory that the server's process has."""
    assert server.process is not None
    size: int = psutil.Process(server.process.pid).memory_info().rss
    return size


def _sockets(server: LiveServer) -> int:
    assert server.process is not None
    found = 0
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            found += str(link.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue  # Closed since it was listed.
    return found
