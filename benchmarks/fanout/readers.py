"""The load client as an object: started, ready, and at the end what it saw."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import cpu_seconds
from servers import CLIENT_CORE, Server

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Programs:
    """What was compiled for this measurement."""

    load: Path
    yardstick: Path

    @classmethod
    def build(cls, folder: Path) -> Programs:
        made = cls(folder / "load", folder / "yardstick")
        for target, sources, libraries in (
            (made.load, sorted((HERE / "load").glob("*.c")), ["-lz"]),
            (made.yardstick, [HERE / "yardstick.c"], []),
        ):
            command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(target), *map(str, sources), *libraries]
            if subprocess.run(command, check=False).returncode:
                raise SystemExit(
                    "The load client cannot be built. It needs a C compiler and zlib (Debian: gcc zlib1g-dev)."
                )
        return made


class Readers:
    """Connections that read, in a process of their own on the client's core."""

    def __init__(self, load: Path, server: Server, count: int, *options: str, until: int | None = None) -> None:
        command = ["taskset", "-c", CLIENT_CORE, str(load), "--port", str(server.port), "--connections", str(count)]
        command += [*server.reader, *options]
        if until is not None:
            command += ["--until", str(server.offset + until)]
        self._began = time.monotonic()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self._process.kill()
            raise Faulty(f"The readers could not connect: {command}")
        self.opening_seconds = time.monotonic() - self._began

    def result(self) -> dict[str, Any]:
        """What they saw, once they have seen the end."""
        assert self._process.stdout is not None
        seen: dict[str, Any] = json.loads(self._process.stdout.readline())
        self._process.wait()
        return seen

    def leave(self) -> dict[str, Any]:
        """End them now."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self.result()

    @property
    def done(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()


@contextlib.contextmanager
def readers(load: Path, server: Server, count: int, *options: str, until: int | None = None) -> Iterator[Readers]:
    one = Readers(load, server, count, *options, until=until)
    try:
        yield one
    finally:
        one.kill()


class Use:
    """Time and server CPU from now on."""

    def __init__(self, server: Server) -> None:
        self._pids = server.pids
        self._cpu = sum(map(cpu_seconds, self._pids))
        self._began = time.monotonic()
        self._own = time.process_time()

    def take(self) -> dict[str, float]:
        return {
            "wall_seconds": round(time.monotonic() - self._began, 3),
            "server_cpu_seconds": round(sum(map(cpu_seconds, self._pids)) - self._cpu, 3),
            "publisher_cpu_seconds": round(time.process_time() - self._own, 3),
        }


def memory_kib(server: Server) -> int:
    """Resident memory, each shared page counted once (proportional set size)."""
    total = 0
    for pid in server.pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def check(seen: dict[str, Any]) -> None:
    """A figure of a stream that lost, doubled or reordered anything is worth nothing."""
    if seen["faults"] or seen["closed"] or seen["ready"] != seen["connections"]:
        raise Faulty(f"Deliveries are missing, doubled or out of order: {seen}")


class Faulty(Exception):
    """A server did not do what is measured."""
