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


def test_a_trainer_of_ones_own_learns(start_server: StartServer) -> None:
    server = start_server("--trainers", str(EXAMPLES / "my_trainers.py"), samples=True)
    [example] = [one for one in server.get("/api/trainers")["trainers"] if one["name"] == "boosting"]
    assert (example["available"], example["parameters"]["required"]) == (True, ["target"])
    asked = {"trainer": "boosting", "dataset": "diabetes.csv", "parameters": {"target": "progression", "trees": 60}}
    run = server.ended(server.post("/api/runs", json=asked)["run"]["id"])
    assert run["state"] == "succeeded", run["message"]
    series = server.get(f"/api/runs/{run['id']}/series")["series"]["val_r2"]
    assert series["step"] == list(range(1, 61))
    # Guessing the average of the held-out rows is an R² of 0.
    assert series["value"][-1] > 0.3
    assert [artifact["name"] for artifact in run["artifacts"]] == ["model.joblib"]


def test_the_page_on_own_trainers_shows_the_example() -> None:
    page = (EXAMPLES.parent / "docs/how-to/own-trainers.md").read_text(encoding="utf-8")
    code = (EXAMPLES / "my_trainers.py").read_text(encoding="utf-8").partition("\n\n")[2]
    assert code.strip() in page
