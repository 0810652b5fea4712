"""Whatever is killed: nothing that was said is lost, doubled or out of order."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

from conftest import StartServer
from live import eventually
from training import Supervised, gone, sync

BURST = """
import mmap, os, struct
import pulsetrain
run = pulsetrain.init()
file = os.open("count", os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 8)
count = mmap.mmap(file, 8)
n = 0
while True:
    n += 1
    run.log({"loss": n / 2, "other": 1.0})
    count[:8] = struct.pack("<Q", n)
"""

STEADY = """
import time
import pulsetrain
run = pulsetrain.init()
for step in range(1, 1501):
    run.log({"loss": 1 / step}, step=step)
    if step % 10 == 0:
        print("line", step // 10)
    time.sleep(0.002)
"""


def returned(run: Supervised) -> int:
    """How many calls of `run.log()` have returned."""
    try:
        content = (run.folder / "count").read_bytes()
    except OSError:
        return 0
    return int(struct.unpack("<Q", content)[0]) if len(content) == 8 else 0


def child_of(run: Supervised) -> int:
    import psutil

    assert run.supervisor is not None
    supervisor = psutil.Process(run.supervisor.pid)
    return eventually(lambda: next((child.pid for child in supervisor.children()), None), "the run's process")


def test_what_log_returned_for_survives_a_kill_of_the_training_process(
    start_server: StartServer, tmp_path: Path
) -> None:
    run = Supervised(start_server(), tmp_path / "run", BURST).start()
    eventually(lambda: returned(run) > 30_000, "a burst")
    os.kill(child_of(run), signal.SIGKILL)

    ended = run.server.ended(run.id)
    assert run.wait() == 128 + signal.SIGKILL
    calls = returned(run)
    steps = run.steps("loss")
    assert steps == list(range(1, len(steps) + 1))
    # The last call may have written its row and not have come to count itself.
    assert len(steps) in (calls, calls + 1)
    assert (ended["state"], ended["signal"], ended["processes_left"]) == ("failed", "SIGKILL", 0)
    assert "SIGKILL" in ended["message"]


def test_a_server_that_is_killed_twice_in_the_middle_loses_nothing(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    run = Supervised(server, tmp_path / "run", STEADY).start()
    for line in ("line 20", "line 60"):
        run.said(line)
        server.kill()
        server.start()

    ended = server.ended(run.id)
    assert run.wait() == 0
    assert ended["state"] == "succeeded"
    assert run.steps("loss") == list(range(1, 1501))
    assert [line["text"] for line in run.lines()] == [f"line {number}" for number in range(1, 151)]


def test_a_server_that_comes_back_empty_gets_everything_again(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    environment = {**os.environ, "PULSETRAIN_URL": server.url, "PULSETRAIN_HOME": str(tmp_path / "own")}
    script = tmp_path / "script.py"
    script.write_text(STEADY)
    words = [sys.executable, "-m", "pulsetrain.cli.main", "run", "--name", "again", "--", sys.executable, str(script)]
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        id = eventually(lambda: next((run["id"] for run in server.get("/api/runs")["runs"]), None), "the run")
        server.events(id, lambda event: event["type"] == "run.metrics")
        server.kill()
        server.data = tmp_path / "empty"
        server.start()
        assert process.wait(60) == 0

    ended = server.run(id)
    series = server.get(f"/api/runs/{id}/series")["series"]["loss"]
    assert (ended["state"], ended["name"]) == ("succeeded", "again")
    assert series["step"] == list(range(1, 1501))
    assert not list((tmp_path / "own" / "spool").iterdir())


LONELY = """
import os, signal, subprocess, sys, time
import pulsetrain
run = pulsetrain.init()
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
print("pids", os.getpid(), other.pid, flush=True)
for step in range(1, 100001):
    run.log({"loss": 1.0}, step=step)
    time.sleep(0.001)
"""


def test_a_killed_supervisor_takes_the_run_with_it_and_sync_ships_the_rest(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server()
    run = Supervised(server, tmp_path / "run", LONELY).start()
    child, grandchild = (int(pid) for pid in run.said("pids ").split())
    server.events(run.id, lambda event: event["type"] == "run.metrics")
    assert run.supervisor is not None
    run.supervisor.kill()
    run.wait()
    gone(child)

    assert sync(server, run.spool) == 0
    gone(grandchild)
    ended = server.run(run.id)
    assert (ended["state"], ended["ended_by"], ended["processes_left"]) == ("failed", "supervisor lost", 0)
    steps = run.steps("loss")
    assert steps == list(range(1, len(steps) + 1))
    # Once more changes nothing.
    assert sync(server, run.spool) == 0
    assert server.run(run.id)["last_seq"] == ended["last_seq"]


def test_a_torn_spool_is_shipped_up_to_the_tear(start_server: StartServer, tmp_path: Path) -> None:
    from pulsetrain.sdk.folder import Note, SpoolFolder
    from pulsetrain.sdk.spool import SpoolWriter

    server = start_server()
    run = Supervised(server, tmp_path / "run", "")
    folder = SpoolFolder(run.spool)
    folder.create()
    folder.write_note(Note(id=run.id, token=run.token, url=server.url))
    writer = SpoolWriter(folder.producer("sdk-1"))
    for step in range(1, 101):
        writer.row(step, {"loss": float(step)})
    writer.close()
    whole = folder.producer("sdk-1").read_bytes()
    folder.producer("sdk-1").write_bytes(whole[:-7] + b"\xff" * 3)

    assert sync(server, run.spool) == 0
    assert run.steps("loss") == list(range(1, 100))
    assert server.run(run.id)["state"] == "failed"


def test_a_newer_attempt_ends_the_older_one(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    run = Supervised(server, tmp_path / "run", LONELY).start()
    pids = [int(pid) for pid in run.said("pids ").split()]
    record = {"n": 1, "type": "run.log", "data": {"lines": [{"stream": "stdout", "text": "attempt 2"}]}}
    server.post(
        f"/api/runs/{run.id}/records",
        json={"attempt": 2, "producer": "sdk-1", "records": [record]},
        headers={"Authorization": f"Bearer {run.token}"},
    )
    assert run.wait() == 75
    gone(*pids)
    assert server.run(run.id)["state"] == "running"
