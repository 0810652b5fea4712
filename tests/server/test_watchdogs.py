"""Watchdogs on a real server: what they see becomes an alert, and a run that shall not go on is stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import StartServer
from live import LiveServer

TRAINER = """
import math, time
import pulsetrain

@pulsetrain.trainer("sick", title="Sick", stages=["Train"])
def sick(run, *, values: str = "", silent: bool = False):
    run.stage("Train")
    for step, value in enumerate(values.split(), 1):
        run.log({"loss": float(value)}, step=step)
    while not run.should_stop:
        if not silent:
            run.progress(50)
        time.sleep(0.02)
"""


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> LiveServer:
    module = tmp_path / "sick.py"
    module.write_text(TRAINER)
    return start_server("--trainers", str(module), "--cores", "2", "--slots", "4", "--stop-runs")


def start(server: LiveServer, parameters: dict[str, Any], watchdogs: Any) -> str:
    body = {"trainer": "sick", "parameters": parameters, "watchdogs": watchdogs}
    run: str = server.post("/api/runs", json=body)["run"]["id"]
    return run


def alert(server: LiveServer, run: str) -> dict[str, Any]:
    data: dict[str, Any] = server.events(run, lambda event: event["type"] == "alert")[-1]["data"]
    return data


def test_nan_stops_a_run_by_the_hand_of_its_watchdog(server: LiveServer) -> None:
    run = start(server, {"values": "1 0.5 nan nan 1 nan"}, [{"kind": "nan", "action": "stop"}])
    ended = server.ended(run)
    assert (ended["state"], ended["ended_by"]) == ("stopped", "safe point")
    assert ended["alerts"][0] | {"time": ""} == {
        "severity": "error", "message": "loss is NaN.", "time": "", "watchdog": "nan", "action": "stop", "step": 3,
    }  # fmt: skip
    assert len(ended["alerts"]) <= 2
    events = server.events(run, lambda event: event["type"] == "run.status" and event["data"]["state"] == "stopped")
    asked = [event["data"] for event in events if event["type"] == "command.requested"]
    assert [(one["command"], one["by"]) for one in asked] == [("stop", "watchdog")]


def test_without_a_word_every_run_is_warned_of_nan_and_goes_on(server: LiveServer) -> None:
    run = start(server, {"values": "1 nan"}, None)
    said = alert(server, run)
    assert (said["severity"], said["watchdog"], said["action"], said["step"]) == ("warning", "nan", "warn", 2)
    assert server.run(run)["state"] == "running"
    assert [one["kind"] for one in server.run(run)["watchdogs"]] == ["nan", "disk"]


def test_a_run_that_its_watchdog_has_paused_lets_others_go_on(start_server: StartServer, tmp_path: Path) -> None:
    module = tmp_path / "sick.py"
    module.write_text(TRAINER)
    server = start_server("--trainers", str(module), "--cores", "2", "--slots", "1", "--stop-runs")
    paused = start(server, {"values": "1 7"}, [{"kind": "bound", "metric": "loss", "above": 5, "action": "pause"}])
    waiting = start(server, {"values": "1"}, [])
    server.events(paused, lambda event: event["type"] == "run.status" and event["data"]["state"] == "paused")
    server.events(waiting, lambda event: event["type"] == "run.stage")
    holding = {one["run"] for one in server.get("/api/queue")["running"]}
    assert holding == {paused, waiting}
    assert server.run(paused)["state"] == "paused"
    server.post(f"/api/runs/{paused}/stop")
    assert server.ended(paused)["state"] == "stopped"


def test_a_silent_run_stalls_and_a_talking_one_does_not(server: LiveServer) -> None:
    stalled = [{"kind": "stalled", "minutes": 0.03, "action": "stop"}]
    talking = start(server, {}, stalled)
    server.events(talking, lambda event: event["type"] == "run.stage")
    began = time.monotonic()
    silent = start(server, {"silent": True}, stalled)
    assert server.ended(silent)["state"] == "stopped"
    assert "No metric, progress, stage or result for 1.8 seconds" in server.run(silent)["alerts"][0]["message"]
    assert time.monotonic() - began > 1.8
    assert server.run(talking)["alerts"] == []


def test_the_runs_of_others_are_watched_and_a_restart_tells_nothing_twice(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server()
    watchdogs = [{"kind": "bound", "metric": "loss", "above": 5}, {"kind": "diverges", "metric": "loss", "window": 3}]
    answer = server.post("/api/runs", json={"command": ["x"], "watchdogs": watchdogs})
    run, token, sent = answer["run"]["id"], answer["token"], 0

    def log(*values: float) -> None:
        nonlocal sent
        steps = list(range(sent + 1, sent + len(values) + 1))
        data = {"step": steps, "time": [time.time()] * len(values), "values": {"loss": list(values)}}
        record = {"n": sent + 1, "count": len(values), "type": "run.metrics", "data": data}
        records = {"attempt": 1, "producer": "sdk-1", "records": [record]}
        server.post(f"/api/runs/{run}/records", json=records, headers={"Authorization": f"Bearer {token}"})
        sent += len(values)

    log(1, 1, 1, 9)
    assert alert(server, run)["message"] == "loss is 9, above 5."
    server.kill()
    server.start()
    log(9, 9)
    events = server.events(run, lambda event: event["type"] == "alert" and event["data"]["watchdog"] == "diverges")
    alerts = [event["data"] for event in events if event["type"] == "alert"]
    assert [(one["watchdog"], one["step"]) for one in alerts] == [("bound", 4), ("diverges", 5)]


def test_a_script_declares_its_own(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    bad = httpx.post(f"{server.url}/api/runs", json={"command": ["x"], "watchdogs": [{"kind": "cat"}]}, timeout=60)
    assert (bad.status_code, bad.json()["error"]["code"]) == (422, "bad_parameters")
    script = tmp_path / "own.py"
    script.write_text(
        "import pulsetrain\n"
        "watchdogs = [{'kind': 'bound', 'metric': 'accuracy', 'below': 0.5}]\n"
        "with pulsetrain.init(watchdogs=watchdogs) as run:\n"
        "    run.log({'accuracy': 0.2})\n"
    )
    import os
    import subprocess
    import sys

    environment = {**os.environ, "PULSETRAIN_URL": server.url, "PULSETRAIN_HOME": str(tmp_path / "own")}
    environment.pop("PULSETRAIN_SPOOL", None)
    done = subprocess.run([sys.executable, str(script)], env=environment, check=False, timeout=60)
    assert done.returncode == 0
    words = [sys.executable, "-m", "pulsetrain.cli.main", "sync", "--url", server.url]
    subprocess.run(words, env=environment, check=False, timeout=60)
    [run] = server.get("/api/runs")["runs"]
    ended = server.ended(run["id"])
    assert [one["kind"] for one in ended["watchdogs"]] == ["bound"]
    command = ["run", "--watch", "diverges:metric=loss:factor=4:stop", "--url", server.url, "--", "true"]
    subprocess.run([sys.executable, "-m", "pulsetrain.cli.main", *command], env=environment, check=True, timeout=60)
    newest = server.get("/api/runs")["runs"][0]
    assert newest["watchdogs"] == [
        {"kind": "diverges", "action": "stop", "metric": "loss", "factor": 4.0, "window": 20}
    ]
