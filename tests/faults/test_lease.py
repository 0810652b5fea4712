"""A supervisor that falls silent makes its run unresponsive, not failed; when it wakes, nothing is missing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from conftest import StartServer
from training import Supervised

UNTIL_TOLD = """
import time, pathlib
import pulsetrain
run = pulsetrain.init()
step = 0
print("ready")
while not pathlib.Path("enough").exists():
    step += 1
    run.log({"loss": 1 / step}, step=step)
    time.sleep(0.01)
"""


def lease(held: bool) -> Any:
    return lambda event: event["type"] == "run.lease" and event["data"]["held"] is held


def test_a_lapsed_lease_is_told_and_heals(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    run = Supervised(server, tmp_path / "run", UNTIL_TOLD).start()
    run.said("ready")
    assert run.supervisor is not None
    os.kill(run.supervisor.pid, signal.SIGSTOP)
    try:
        server.events(run.id, lease(held=False))
        silent = server.run(run.id)
        assert (silent["state"], silent["responsive"]) == ("running", False)
    finally:
        os.kill(run.supervisor.pid, signal.SIGCONT)
    server.events(run.id, lease(held=True))
    assert server.run(run.id)["responsive"]
    (run.folder / "enough").touch()
    assert run.wait() == 0
    steps = run.steps("loss")
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) > 100
