"""The trainer fine-tune as a user has it: a run is stopped and gone on with, and its model answers."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest

import own_texts
from conftest import StartServer
from live import PATIENCE, LiveServer, eventually
from pulsetrain.model.report import Report


@pytest.mark.timeout(600)
def test_a_run_is_stopped_gone_on_with_and_asked(start_server: StartServer) -> None:
    server = start_server()
    dataset = _upload(server, own_texts.intents())
    parameters: dict[str, Any] = {"epochs": 200, "seed": 1}
    whole = {"trainer": "fine-tune", "dataset": dataset, "parameters": parameters}

    first = server.post("/api/runs", json=whole)["run"]["id"]
    server.events(first, lambda event: event["type"] == "run.metrics" and "loss" in event["data"]["values"])
    steered = {"command": "set", "arguments": {"name": "learning_rate", "value": 1e-4}}
    server.post(f"/api/runs/{first}/commands", json=steered)
    applied = server.events(first, lambda event: event["type"] == "command.applied")[-1]["data"]
    assert applied["details"] == {"name": "learning_rate", "value": 1e-4, "previous": 2e-3}, "it was left empty"
    server.post(f"/api/runs/{first}/stop", json={"grace_seconds": PATIENCE})
    stopped = server.ended(first)
    assert stopped["state"] == "stopped", stopped
    assert [artifact["kind"] for artifact in stopped["artifacts"]] == ["checkpoint"]
    done = _steps(server, first)

    epochs = done[-1] // 23 + 4
    again = {**whole, "parameters": {**parameters, "epochs": epochs}, "resume_from": first}
    second = server.post("/api/runs", json=again)["run"]["id"]
    run = server.ended(second)
    assert run["state"] == "succeeded", server.get(f"/api/runs/{second}/logs")
    assert _steps(server, second) == list(range(done[-1] + 1, 23 * epochs + 1)), "it went on with the step that was due"
    assert run["progress"]["percent"] == 100
    assert {artifact["kind"] for artifact in run["artifacts"]} == {"checkpoint", "report", "model"}

    answer = httpx.get(f"{server.url}/api/runs/{second}/artifacts/report.json", timeout=PATIENCE)
    report = msgspec.json.decode(answer.content, type=Report)
    accuracy = next(figure for figure in report.figures if figure.name == "Accuracy")
    assert isinstance(accuracy.value, float) and accuracy.baseline is not None
    assert accuracy.value > 0.9 > 0.5 > accuracy.baseline

    model = eventually(
        lambda: next((one for one in server.get("/api/models?native=1")["models"] if one["run"] == second), None),
        "the model of the run",
    )
    assert model["predicts"]
    rows = [{"text": "wake Ada up at noon"}, {"text": "do I need an umbrella on Monday"}]
    answers = server.post(f"/api/models/{model['id']}/predict", json={"rows": rows})["predictions"]
    assert [one["prediction"] for one in answers] == ["alarm", "weather"]


def test_a_file_that_is_wrong_fails_with_its_row(start_server: StartServer) -> None:
    server = start_server()
    rows = [{"text": "" if place < 9 else f"text {place}", "label": "ab"[place % 2]} for place in range(20)]
    run = {"trainer": "fine-tune", "dataset": _upload(server, rows), "parameters": {}}
    ended = server.ended(server.post("/api/runs", json=run)["run"]["id"])
    assert ended["state"] == "failed"
    lines = [line["text"] for line in server.get(f"/api/runs/{ended['id']}/logs")["lines"]]
    assert any("Too many rows lack something. Row 1: text is empty." in line for line in lines), lines


def _upload(server: LiveServer, rows: list[dict[str, Any]]) -> str:
    content = "".join(json.dumps(row) + "\n" for row in rows)
    dataset: str = server.post("/api/datasets", files={"file": ("texts.jsonl", content)})["dataset"]["id"]
    return dataset


def _steps(server: LiveServer, run: str) -> list[int]:
    steps: list[int] = server.get(f"/api/runs/{run}/series", params={"key": "loss"})["series"]["loss"]["step"]
    return steps
