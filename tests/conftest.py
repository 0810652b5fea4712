"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from live import LiveServer, end_runs

# Before anything imports a library with threads: tests go side by side, and threads that wait for each other spin.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

StartServer = Callable[..., LiveServer]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers that end with the test, and their runs with them."""
    servers: list[LiveServer] = []

    def start(*flags: str, data: Path | None = None, samples: bool = False) -> LiveServer:
        home = {"PULSETRAIN_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
        server = LiveServer(data or tmp_path / "data", *flags, environment=home, samples=samples)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.stop()
    end_runs(tmp_path)
