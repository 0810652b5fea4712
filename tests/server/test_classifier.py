"""The trainer classifier as a user has it: a run is steered, stopped and gone on with, and its model answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec

from conftest import StartServer
from live import PATIENCE, LiveServer, eventually
from pulsetrain.model.report import Report
from pulsetrain.trainers.classifier.trainer import STAGES
from pulsetrain.trainers.sample_sets import write_sample_sets


def test_a_run_is_steered_stopped_and_gone_on_with(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    dataset = _upload(server, tmp_path, "breast-cancer.csv")
    parameters: dict[str, Any] = {"families": "network", "folds": 2, "epochs": 5000, "patience": 0}
    asked = {"trainer": "classifier", "dataset": dataset, "parameters": parameters}

    first = server.post("/api/runs", json=asked)["run"]["id"]
    server.events(first, lambda event: "live_accuracy" in event["data"].get("values", {}))
    controls = {one["name"]: one for one in server.run(first)["controls"]}
    assert controls["epochs"]["maximum"] == 5000
    _set(server, first, "learning_rate", 0.002)
    _set(server, first, "epochs", 4000)
    assert set(server.run(first)["actions"]) == {"checkpoint", "evaluate", "sample"}
    server.post(f"/api/runs/{first}/commands", json={"command": "evaluate", "arguments": {}})
    server.events(first, lambda event: event["type"] == "run.table" and event["data"]["name"] == "Evaluation")
    server.post(f"/api/runs/{first}/stop", json={"grace_seconds": PATIENCE})
    stopped = server.ended(first)
    assert stopped["state"] == "stopped", stopped
    assert [one["kind"] for one in stopped["artifacts"]] == ["checkpoint"]
    done = stopped["progress"]["epoch"]
    assert 0 < done < 5000

    second = server.post("/api/runs", json={**asked, "resume_from": first})["run"]["id"]
    event = server.events(second, lambda event: "live_accuracy" in event["data"].get("values", {}))[-1]
    assert min(event["data"]["step"]) > stopped["metrics"]["live_accuracy"]["step"]
    _set(server, second, "epochs", 1)
    run = server.ended(second)
    assert run["state"] == "succeeded", server.get(f"/api/runs/{second}/logs")
    _check_end(server, run)


def _set(server: LiveServer, run: str, name: str, value: float) -> None:
    """Steer the run, and wait until it says that it obeyed."""
    command = {"command": "set", "arguments": {"name": name, "value": value}}
    id = server.post(f"/api/runs/{run}/commands", json=command)["command_id"]
    answer = server.events(run, lambda event: event["data"].get("id") == id and event["type"] != "command.requested")
    assert answer[-1]["type"] == "command.applied", answer[-1]


def _check_end(server: LiveServer, run: dict[str, Any]) -> None:
    assert [(stage["name"], stage["state"]) for stage in run["stages"]] == [(name, "done") for name in STAGES]
    assert run["progress"]["percent"] == 100
    assert {one["name"]: one["kind"] for one in run["artifacts"]} == {
        "checkpoint.zip": "checkpoint",
        "predictions.csv": "data",
        "report.json": "report",
        "model.zip": "model",
    }
    assert run["tables"]["Leaderboard"]["columns"][0] == "Place"
    assert run["controls"] == [] and run["actions"] == []
    metrics = run["metrics"]
    assert metrics["predictions_processed"]["last"] > 569
    answer = httpx.get(f"{server.url}/api/runs/{run['id']}/artifacts/report.json", timeout=PATIENCE)
    report = msgspec.json.decode(answer.content, type=Report)
    accuracy = report.figures[0]
    assert accuracy.name == "Accuracy" and isinstance(accuracy.value, float)
    assert accuracy.baseline is not None
    assert accuracy.value == metrics["accuracy"]["last"] > 0.85 > 0.7 > accuracy.baseline

    model = eventually(
        lambda: next((one for one in server.get("/api/models?native=1")["models"] if one["run"] == run["id"]), None),
        "the model of the run",
    )
    assert model["predicts"]
    (row,) = server.get(f"/api/models/{model['id']}/input")["input"]["examples"]
    answer = server.post(f"/api/models/{model['id']}/predict", json={"row": row})
    assert answer["prediction"] in ("malignant", "benign")
    assert 0.5 <= answer["confidence"] <= 1
    wrong = httpx.post(
        f"{server.url}/api/models/{model['id']}/predict", json={"row": {"mean_radius": "large"}}, timeout=PATIENCE
    )
    assert wrong.status_code == 422
    assert "Row 1: 'mean_radius' must be a number" in wrong.json()["error"]["message"]


def test_a_table_that_is_wrong_fails_with_its_reason(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    text = "a,b\n" + "".join(f"{row},same\n" for row in range(30))
    dataset = server.post("/api/datasets", files={"file": ("x.csv", text)})["dataset"]["id"]
    run = {"trainer": "classifier", "dataset": dataset, "parameters": {"target": "b"}}
    ended = server.ended(server.post("/api/runs", json=run)["run"]["id"])
    assert ended["state"] == "failed"
    lines = [line["text"] for line in server.get(f"/api/runs/{ended['id']}/logs")["lines"]]
    assert any("ERROR: The target 'b' has one value alone" in line for line in lines), lines
    assert not any("Traceback" in line for line in lines)


def _upload(server: LiveServer, folder: Path, name: str) -> str:
    write_sample_sets(folder)
    answer = server.post("/api/datasets", files={"file": (f"my-{name}", (folder / name).read_bytes())})
    dataset: str = answer["dataset"]["id"]
    return dataset
