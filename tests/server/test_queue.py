"""The queue of a real server: routes, order, restart with a full queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import StartServer
from live import LiveServer, eventually

GATED = """
import os, time
from pathlib import Path
import pulsetrain
from pulsetrain.model.runs import Resources

@pulsetrain.trainer("gated", title="Gated", stages=["Wait"], resources=Resources(cores=1))
def gated(run, *, gate: str = "", name: str = ""):
    print("threads", os.environ["OMP_NUM_THREADS"], "gpus", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    run.stage("Wait")
    while gate and not Path(gate).exists() and not run.should_stop:
        time.sleep(0.02)
"""


@pytest.fixture
def trainers(tmp_path: Path) -> str:
    module = tmp_path / "gated.py"
    module.write_text(GATED)
    return str(module)


def start(server: LiveServer, gate: Path | str = "", **more: Any) -> dict[str, Any]:
    body = {"trainer": "gated", "parameters": {"gate": str(gate)}, **more}
    run: dict[str, Any] = server.post("/api/runs", json=body)["run"]
    return run


def order(server: LiveServer) -> list[str]:
    return [one["name"] for one in server.get("/api/queue")["waiting"]]


def holding(server: LiveServer) -> list[str]:
    return [one["name"] for one in server.get("/api/queue")["running"]]


def test_a_full_queue_survives_a_restart_in_its_order(start_server: StartServer, tmp_path: Path, trainers: str) -> None:
    server = start_server("--trainers", trainers, "--cores", "2", "--memory", "1G")
    gate = tmp_path / "gate"
    first = start(server, gate, name="first")
    server.events(first["id"], lambda event: event["type"] == "run.stage")
    waiting = {name: start(server, name=name)["id"] for name in "abcdef"}
    server.post(f"/api/runs/{waiting['f']}/queue", json={"priority": 10})
    server.post(f"/api/runs/{waiting['e']}/queue", json={"before": waiting["b"]})
    moved = server.post(f"/api/runs/{waiting['a']}/queue", json={"after": waiting["c"]})["run"]
    server.post(f"/api/runs/{waiting['d']}/stop")
    assert order(server) == ["f", "e", "b", "c", "a"]
    assert moved["order"] is not None
    server.kill()
    server.start()
    assert order(server) == ["f", "e", "b", "c", "a"]
    assert holding(server) == ["first"], "it went on meanwhile, and its slot is taken"
    eventually(lambda: (server.run(waiting["f"])["progress"] or {}).get("queue_position") == 1, "its place")
    gate.touch()
    ended = [server.ended(waiting[name]) for name in "febca"]
    assert [run["state"] for run in ended] == ["succeeded"] * 5
    began = [run["started_at"] for run in ended]
    assert began == sorted(began)
    page = server.get("/api/queue")
    assert (page["waiting"], page["running"]) == ([], [])
    assert page["machine"] == {"cores": 2.0, "memory_bytes": 2**30, "gpus": [], "slots": 1}


def test_a_run_waits_for_cores_and_gets_them_as_threads(
    start_server: StartServer, tmp_path: Path, trainers: str
) -> None:
    server = start_server("--trainers", trainers, "--cores", "3", "--slots", "5", "--gpus", "0,1")
    gate = tmp_path / "gate"
    wide = start(server, gate, name="wide", resources={"cores": 2, "gpu_indices": [1]})
    wider = start(server, name="wider", resources={"cores": 3})
    late = start(server, name="late")
    server.events(wide["id"], lambda event: event["type"] == "run.stage")
    eventually(lambda: (server.run(late["id"])["progress"] or {}).get("queue_position") == 2, "its place")
    page = server.get("/api/queue")
    assert [(one["name"], one["position"]) for one in page["waiting"]] == [("wider", 1), ("late", 2)]
    assert page["waiting"][0]["reason"] == "Waits for 3 cores (1 free)."
    assert page["waiting"][1]["reason"] == "Waits for the runs before it."
    assert page["running"][0]["resources"] == {"cores": 2.0, "memory_bytes": None, "gpus": 1, "gpu_indices": [1]}
    assert page["machine"]["gpus"] == [{"index": 0, "name": None}, {"index": 1, "name": None}]
    gate.touch()
    assert server.ended(wider["id"])["state"] == server.ended(late["id"])["state"] == "succeeded"
    said = [line["text"] for line in server.get(f"/api/runs/{wide['id']}/logs")["lines"]]
    # The test's own environment allows one thread, and no run gets more than that.
    assert said == ["threads 1 gpus 1"]


def test_earlier_runs_tell_how_long_one_takes_and_when_the_next_one_starts(
    start_server: StartServer, tmp_path: Path, trainers: str
) -> None:
    server = start_server("--trainers", trainers)
    assert server.ended(start(server)["id"])["state"] == "succeeded"
    took = server.get("/api/queue")
    assert (took["waiting"], took["running"]) == ([], [])
    server.kill()
    server.start()
    gate = tmp_path / "gate"
    running = start(server, gate)
    waiting = start(server)
    server.events(running["id"], lambda event: event["type"] == "run.stage")
    # Before it has said a word of its own progress, its stages tell how long they took before.
    events = server.events(running["id"], lambda event: event["type"] == "run.progress" and _eta(event) is not None)
    assert 0 <= _eta(events[-1]) < 60
    page = server.get("/api/queue")
    assert page["running"][0]["eta_seconds"] is not None
    assert 0 <= page["waiting"][0]["start_seconds"] < 60
    told = eventually(lambda: server.run(waiting["id"])["progress"], "its place")
    assert told["start_seconds"] is not None
    gate.touch()
    assert server.ended(waiting["id"])["progress"]["queue_position"] is None


def _eta(event: dict[str, Any]) -> Any:
    return event["data"].get("eta_seconds")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"resources": {"cores": 99}}, 422, "does_not_fit"),
        ({"resources": {"memory_bytes": 2**40}}, 422, "does_not_fit"),
        ({"resources": {"gpus": 1}}, 422, "does_not_fit"),
        ({"resources": {"cores": -1}}, 422, "bad_parameters"),
        ({"resources": {"gpu_indices": [0, 0]}}, 422, "bad_parameters"),
        ({"resources": {"horses": 1}}, 400, "bad_request"),
        ({"priority": 101}, 400, "bad_request"),
        ({"retries": -1}, 400, "bad_request"),
    ],
)
def test_what_cannot_wait_is_refused(
    start_server: StartServer, trainers: str, body: dict[str, Any], status: int, code: str
) -> None:
    server = start_server("--trainers", trainers, "--cores", "2", "--memory", "1G", "--gpus", "none")
    answer = httpx.post(f"{server.url}/api/runs", json={"trainer": "gated", **body}, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert server.get("/api/runs")["total"] == 0


def test_who_does_not_wait_cannot_be_moved(start_server: StartServer, tmp_path: Path, trainers: str) -> None:
    server = start_server("--trainers", trainers)
    gate = tmp_path / "gate"
    run = start(server, gate)
    waiting = start(server)
    server.events(run["id"], lambda event: event["type"] == "run.stage")

    def move(id: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = httpx.post(f"{server.url}/api/runs/{id}/queue", json=body, timeout=60)
        return answer.status_code, answer.json()["error"]["code"]

    assert move(run["id"], {"priority": 1}) == (409, "run_not_queued")
    assert move("r_aaaaaaaaaa", {"priority": 1}) == (404, "run_not_found")
    assert move(waiting["id"], {"priority": 101}) == (400, "bad_request")
    assert move(waiting["id"], {}) == (400, "bad_request")
    assert move(waiting["id"], {"before": run["id"]}) == (409, "run_not_queued")
    assert move(waiting["id"], {"before": waiting["id"]}) == (400, "bad_request")
    gate.touch()
    server.ended(waiting["id"])
