"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from live import LiveServer

StartServer = Callable[..., LiveServer]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers that end with the test, and their runs with them."""
    servers: list[LiveServer] = []

    def start(*flags: str, data: Path | None = None) -> LiveServer:
        home = {"PULSETRAIN_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
        server = LiveServer(data or tmp_path / "data", *flags, environment=home)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.stop()
    _end_runs(tmp_path)


def _end_runs(folder: Path) -> None:
    """End the supervisors that this test's servers started: those whose spool lies in the test's folder."""
    for process in psutil.process_iter(["uids", "cmdline"]):
        words = process.info["cmdline"] or []
        if (
            process.info["uids"]
            and process.info["uids"].real == os.getuid()
            and any(str(folder) in word for word in words)
        ):
            process.kill()
