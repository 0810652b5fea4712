"""The examples run as they stand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import StartServer

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_digits_are_learnt_and_seen(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    environment = {**os.environ, "PULSETRAIN_URL": server.url, "PULSETRAIN_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, EXAMPLES / "train_digits.py"], env=environment, timeout=120, check=True)
    assert done.returncode == 0
    [listed] = server.get("/api/runs")["runs"]
    run = server.ended(listed["id"])
    assert (run["state"], run["project"]) == ("succeeded", "digits")
    series = server.get(f"/api/runs/{run['id']}/series")["series"]
    assert series["val_accuracy"]["step"] == list(range(1, 61))
    assert series["val_accuracy"]["value"][-1] > 0.9
