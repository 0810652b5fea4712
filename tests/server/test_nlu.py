"""The trainer nlu-train on a real server: started over REST, steered, stopped, taken up again, asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from conftest import StartServer
from live import PATIENCE, LiveServer, is_end
from pulsetrain.model.report import Report
from pulsetrain.trainers.nlu.assistant import write_assistant
from pulsetrain.trainers.nlu.trainer import STAGES


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> LiveServer:
    server = start_server()
    path = tmp_path / write_assistant(tmp_path)["file"]
    dataset = server.post("/api/datasets", files={"file": (path.name, path.read_bytes())})["dataset"]
    assert (dataset["id"], dataset["task"], dataset["problems"]) == ("assistant.jsonl", "nlu", [])
    return server


def begun(server: LiveServer, **parameters: Any) -> str:
    asked = {"trainer": "nlu-train", "dataset": "assistant.jsonl", "parameters": parameters}
    run: str = server.post("/api/runs", json=asked)["run"]["id"]
    return run


def lines(events: list[dict[str, Any]]) -> list[str]:
    return [line["text"] for event in events if event["type"] == "run.log" for line in event["data"]["lines"]]


def test_a_run_tells_its_steps_and_leaves_a_model_that_answers(server: LiveServer) -> None:
    run = begun(server, epochs=6, entity_epochs=5)
    events = server.events(run, is_end)
    begins = [event["data"]["name"] for event in events if event["type"] == "run.stage"]
    assert list(dict.fromkeys(begins)) == STAGES
    assert [line for line in lines(events) if line.endswith("...")] == [f"{stage}..." for stage in STAGES]

    ended = server.run(run)
    assert ended["state"] == "succeeded", ended["message"]
    assert [stage["state"] for stage in ended["stages"]] == ["done"] * 5
    assert ended["progress"]["percent"] == 100
    assert ended["metrics"]["accuracy"]["last"] == ended["metrics"]["live_accuracy"]["last"] > 0.7
    assert ended["metrics"]["entity_f1"]["last"] > 0.6
    assert set(ended["tables"]) >= {"Intents", "Entities", "Confusion of intents", "Worst errors of intents"}
    report = httpx.get(f"{server.url}/api/runs/{run}/artifacts/report.json?inline=1", timeout=PATIENCE)
    assert "Intent accuracy" in {figure.name for figure in msgspec.json.decode(report.content, type=Report).figures}

    [model] = server.get("/api/models", params={"native": 1})["models"]
    assert (model["run"], model["predicts"], model["dataset"]) == (run, True, "assistant.jsonl")
    assert model["metrics"]["Intent accuracy"] > 0.7
    described = server.get(f"/api/models/{model['id']}/input")["input"]
    assert described["required"] == ["text"]
    answer = server.post(f"/api/models/{model['id']}/predict", json={"row": {"text": "turn on the light in the hall"}})
    assert answer["prediction"] == "control_lights"
    assert answer["entities"] == [{"start": 25, "end": 29, "label": "room", "text": "hall"}]
    bad = httpx.post(f"{server.url}/api/models/{model['id']}/predict", json={"row": {"text": ""}}, timeout=PATIENCE)
    assert (bad.status_code, bad.json()["error"]["code"]) == (422, "bad_parameters")


def test_a_run_is_steered_and_ends_sooner(server: LiveServer) -> None:
    run = begun(server, epochs=1000, entity_epochs=1)
    server.events(run, lambda event: event["type"] == "run.metrics")
    wanted = [
        ("set", {"name": "learning_rate", "value": 0.02}),
        ("evaluate", {}),
        ("sample", {}),
        ("checkpoint", {}),
        ("set", {"name": "epochs", "value": 2}),
    ]
    for command, arguments in wanted:
        server.post(f"/api/runs/{run}/commands", json={"command": command, "arguments": arguments})
    refused = {"command": "set", "arguments": {"name": "learning_rate", "value": 100}}
    answer = httpx.post(f"{server.url}/api/runs/{run}/commands", json=refused, timeout=PATIENCE)
    events = server.events(run, is_end)
    applied = [event["data"] for event in events if event["type"] == "command.applied"]
    assert [one["command"] for one in applied] == [command for command, _ in wanted]
    assert applied[0]["details"] == {"name": "learning_rate", "value": 0.02, "previous": 0.01}
    assert answer.status_code in (409, 422), "out of its bounds, or the run has ended meanwhile"
    ended = server.run(run)
    assert ended["state"] == "succeeded", ended["message"]
    assert ended["metrics"]["loss"]["count"] < 1000
    assert len(ended["tables"]["Samples"]["rows"]) == 20


def test_a_stopped_run_is_taken_up_from_its_checkpoint(server: LiveServer) -> None:
    def learns_entities(event: dict[str, Any]) -> bool:
        return event["type"] == "run.metrics" and "entity_loss" in event["data"]["values"]

    run = begun(server, epochs=3, entity_epochs=200)
    server.events(run, learns_entities)
    server.post(f"/api/runs/{run}/stop", json={"grace_seconds": PATIENCE})
    stopped = server.ended(run)
    assert stopped["state"] == "stopped"
    assert [one["name"] for one in stopped["artifacts"]] == ["checkpoint.npz"]

    done = stopped["metrics"]["entity_loss"]["count"]
    parameters = {"epochs": 3, "entity_epochs": done + 2}
    asked = {"trainer": "nlu-train", "dataset": "assistant.jsonl", "parameters": parameters, "resume_from": run}
    events = server.events(server.post("/api/runs", json=asked)["run"]["id"], is_end)
    assert f"Going on after 3 epochs of intents and {done} epochs of entities." in lines(events)
    resumed = server.run(events[-1]["run"])
    assert resumed["state"] == "succeeded", resumed["message"]
    assert resumed["metrics"]["entity_loss"]["count"] == 2
    assert "loss" not in resumed["metrics"]


def test_wrong_examples_fail_with_their_rows(server: LiveServer) -> None:
    content = b'{"text": "yes", "intent": "yes"}\n{"text": "no", "intent": "no"}\n{"text": "maybe"}\n'
    dataset = server.post("/api/datasets", files={"file": ("wrong.jsonl", content)})["dataset"]
    assert [problem["row"] for problem in dataset["problems"]] == [3]
    asked = {"trainer": "nlu-train", "dataset": "wrong.jsonl", "parameters": {}}
    ended = server.ended(server.post("/api/runs", json=asked)["run"]["id"])
    assert ended["state"] == "failed"
    assert "Row 3: The intent is missing." in ended["last_error"]
    assert ended["tables"]["Wrong examples"]["rows"] == [[3, "The intent is missing."]]
