"""Runs once more: tried again from the last checkpoint, by hand or by themselves, after failures and reboots."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from conftest import StartServer
from live import LiveServer, eventually
from training import gone

COUNTING = """
import os, time
from pathlib import Path
import pulsetrain
from pulsetrain.model.errors import BadParameters

@pulsetrain.trainer("counting", title="Counting", stages=["Count"])
def counting(run, *, until: int = 5, crash_at: int = 0, wait_at: int = 0, once: str = "", nonsense: bool = False):
    if nonsense:
        raise BadParameters("This makes no sense.")
    begin = int(run.checkpoint.read_text()) if run.checkpoint else 0
    run.stage("Count")
    for step in range(begin + 1, until + 1):
        run.log({"step": step}, step=step)
        # Another name each time, so that the newest is not the first one of some name.
        made = Path(f"count-{step % 3}.state")
        made.write_text(str(step))
        run.save_artifact(made, kind="checkpoint")
        if step == crash_at and not (once and Path(once).exists()):
            if once:
                Path(once).touch()
            time.sleep(0.3)
            os._exit(3)
        while step == wait_at and not (once and Path(once).exists()) and not run.should_stop:
            time.sleep(0.02)
        if run.should_stop:
            return
"""


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> LiveServer:
    module = tmp_path / "counting.py"
    module.write_text(COUNTING)
    return start_server("--trainers", str(module), "--cores", "2")


def start(server: LiveServer, parameters: dict[str, Any], **more: Any) -> str:
    run: str = server.post("/api/runs", json={"trainer": "counting", "parameters": parameters, **more})["run"]["id"]
    return run


def steps(server: LiveServer, run: str) -> list[int]:
    found: list[int] = server.get(f"/api/runs/{run}/series")["series"].get("step", {"step": []})["step"]
    return found


def retry_of(server: LiveServer, run: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        return next((one for one in server.get("/api/runs")["runs"] if one["retry_of"] == run), None)

    return eventually(look, f"the run that tries {run} again")


def test_a_run_that_fails_is_tried_again_from_its_newest_checkpoint(server: LiveServer, tmp_path: Path) -> None:
    run = start(server, {"until": 7, "crash_at": 5, "once": str(tmp_path / "once")}, retries=2, priority=3, tags=["t"])
    failed = server.ended(run)
    assert (failed["state"], failed["return_code"]) == ("failed", 3)
    again = retry_of(server, run)
    assert (again["retries"], again["priority"], again["tags"], again["by"]) == (1, 3, ["t"], "retry")
    assert again["resume_from"] == run
    assert server.ended(again["id"])["state"] == "succeeded"
    assert steps(server, run) == [1, 2, 3, 4, 5]
    assert steps(server, again["id"]) == [6, 7]
    server.kill()
    server.start()
    assert server.get("/api/runs")["total"] == 2, "a restart tries nothing a second time"


def test_retries_come_to_an_end_and_each_goes_on_where_the_last_one_was(server: LiveServer) -> None:
    # The second attempt dies before it has a checkpoint of its own: the third one continues the first.
    first = start(server, {"until": 3, "crash_at": 3}, retries=2)
    server.ended(first)
    second = retry_of(server, first)["id"]
    assert server.ended(second)["state"] == "succeeded", "nothing was left to do after step 3"
    assert steps(server, second) == []
    by_hand = server.post(f"/api/runs/{second}/retry")["run"]
    assert (by_hand["resume_from"], by_hand["retries"]) == (first, 1)
    anew = server.post(f"/api/runs/{second}/retry", json={"from_checkpoint": False})["run"]
    assert anew["resume_from"] is None
    ended = server.ended(anew["id"])
    assert ended["state"] == "failed"
    last = retry_of(server, anew["id"])
    assert last["retries"] == 0


def test_what_a_person_stopped_and_what_makes_no_sense_is_not_tried_again(server: LiveServer, tmp_path: Path) -> None:
    nonsense = start(server, {"nonsense": True}, retries=3)
    assert server.ended(nonsense)["return_code"] == 64
    waits = start(server, {"wait_at": 2}, retries=3)
    server.events(waits, lambda event: event["type"] == "run.stage")
    active = httpx.post(f"{server.url}/api/runs/{waits}/retry", timeout=60)
    assert (active.status_code, active.json()["error"]["code"]) == (409, "run_active")
    server.post(f"/api/runs/{waits}/stop")
    assert server.ended(waits)["state"] == "stopped"
    # A run that comes later has gone the whole way, so a retry would be there.
    assert server.ended(start(server, {"until": 1}))["state"] == "succeeded"
    assert server.get("/api/runs")["total"] == 3


def test_a_clone_is_the_same_but_for_what_is_said(server: LiveServer) -> None:
    old = start(server, {"until": 2}, tags=["a"], resources={"cores": 0.5}, priority=1, name="old")
    server.ended(old)
    changes = {"parameters": {"until": 4}, "name": "new", "resources": {"memory_bytes": 1000}}
    new = server.post(f"/api/runs/{old}/clone", json=changes)["run"]
    assert (new["cloned_from"], new["retry_of"], new["name"], new["tags"], new["priority"]) == (
        old, None, "new", ["a"], 1,
    )  # fmt: skip
    assert new["parameters"]["until"] == 4
    assert new["resources"] == {"cores": 0.5, "memory_bytes": 1000, "gpus": 0, "gpu_indices": None}
    assert server.ended(new["id"])["state"] == "succeeded"
    assert steps(server, new["id"]) == [1, 2, 3, 4]
    refused = httpx.post(f"{server.url}/api/runs/{old}/clone", json={"parameters": {"until": "x"}}, timeout=60)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_parameters")


def test_after_a_reboot_a_run_ends_as_lost_and_goes_on_from_its_checkpoint(server: LiveServer, tmp_path: Path) -> None:
    once = tmp_path / "once"
    run = start(server, {"until": 9, "wait_at": 6, "once": str(once)}, retries=1)
    waiting = start(server, {"until": 1}, name="waiting")

    def saved() -> bool:
        return any(made["name"] == "count-0.state" for made in server.run(run)["artifacts"]) and steps(server, run)[
            -1:
        ] == [6]

    eventually(saved, "the sixth checkpoint")
    # What a power cut leaves: nobody of them can say a last word.
    assert server.process is not None
    supervisor = psutil.Process(int((server.data / "runs" / run / "supervisor.pid").read_text()))
    trainer = supervisor.children(recursive=True)
    for process in (server.process.pid, supervisor.pid, *(one.pid for one in trainer)):
        os.kill(process, signal.SIGKILL)
    gone(supervisor.pid, *(one.pid for one in trainer))
    server.kill()
    once.touch()
    server.start()
    ended = server.ended(run)
    assert (ended["state"], ended["ended_by"], ended["processes_left"]) == ("failed", "supervisor lost", 0)
    again = retry_of(server, run)
    assert server.ended(again["id"])["state"] == "succeeded"
    assert steps(server, run) == [1, 2, 3, 4, 5, 6]
    assert steps(server, again["id"]) == [7, 8, 9]
    assert server.ended(waiting)["state"] == "succeeded", "the queue was kept"
