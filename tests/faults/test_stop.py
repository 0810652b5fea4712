"""A stop, from polite to forced: how it ended is said, and nothing of the run is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import StartServer
from live import eventually, is_end
from training import Supervised, gone

POLITE = """
import time
import pulsetrain
run = pulsetrain.init()
while not run.should_stop:
    run.log({"loss": 1.0})
    time.sleep(0.005)
assert run.should_stop
run.log({"saved": 1.0})
print("saved")
"""

DEAF = """
import time
import pulsetrain
run = pulsetrain.init()
print("ready", flush=True)
time.sleep(300)
"""

PLAIN = """
import time
print("ready", flush=True)
time.sleep(300)
"""

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(300)"
near = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
far = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, start_new_session=True)
# A daemon: its parent ends at once, so it belongs to nobody but a subreaper.
middle = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True,"
middle += " stdout=subprocess.PIPE); p.stdout.readline(); print(p.pid, flush=True)"
daemon = subprocess.run([sys.executable, "-c", middle, child], stdout=subprocess.PIPE, text=True).stdout
near.stdout.readline(); far.stdout.readline()
print("pids", os.getpid(), near.pid, far.pid, daemon.strip(), flush=True)
time.sleep(300)
"""

QUICK = """
import os, time
import pulsetrain
run = pulsetrain.init()
print("ready", flush=True)
while not os.path.exists("go"):
    time.sleep(0.01)
"""


def answers(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] in ("command.applied", "command.rejected")]


def test_a_script_with_the_sdk_stops_at_its_safe_point(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", POLITE).start()
    run.server.events(run.id, lambda event: event["type"] == "run.metrics")
    command = run.stop(grace=60)

    events = run.server.events(run.id, is_end)
    assert run.wait() == 0
    ended = run.server.run(run.id)
    assert (ended["state"], ended["ended_by"], ended["return_code"]) == ("stopped", "safe point", 0)
    assert (ended["processes_left"], ended["commands"]) == (0, [])
    (answer,) = answers(events)
    assert answer["type"] == "command.applied"
    assert answer["data"]["id"] == command
    assert answer["data"]["how"] == "safe point"
    # What came after the stop is there as well, and the step is that of the safe point.
    assert run.steps("saved") == [answer["data"]["step"] + 1]
    assert [line["text"] for line in run.lines()] == ["saved"]


def test_a_plain_script_gets_sigterm_at_once(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", PLAIN).start()
    run.said("ready")
    run.stop(grace=60)
    events = run.server.events(run.id, is_end)
    ended = run.server.run(run.id)
    assert (ended["state"], ended["ended_by"], ended["signal"]) == ("stopped", "SIGTERM", "SIGTERM")
    assert [answer["data"]["how"] for answer in answers(events)] == ["SIGTERM"]
    assert run.wait() == 128 + signal.SIGTERM


def test_a_script_that_never_asks_gets_sigterm_after_the_grace(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", DEAF).start()
    run.said("ready")
    run.stop(grace=0.3)
    ended = run.server.ended(run.id)
    assert (ended["state"], ended["ended_by"], ended["processes_left"]) == ("stopped", "SIGTERM", 0)


def test_nothing_survives_a_kill_not_even_daemons_that_ignore_sigterm(
    start_server: StartServer, tmp_path: Path
) -> None:
    run = Supervised(start_server(), tmp_path / "run", STUBBORN).start()
    pids = [int(pid) for pid in run.said("pids ").split()]
    assert len(pids) == 4
    run.stop(grace=0.5)
    ended = run.server.ended(run.id)
    assert (ended["state"], ended["ended_by"], ended["signal"]) == ("stopped", "SIGKILL", "SIGKILL")
    assert ended["processes_left"] == 0
    gone(*pids)


def test_a_stop_that_came_before_the_supervisor_is_obeyed(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", PLAIN)
    run.stop(grace=60)
    run.start()
    ended = run.server.ended(run.id)
    assert (ended["state"], ended["ended_by"], ended["commands"]) == ("stopped", "SIGTERM", [])


def test_a_run_that_ends_before_it_notices_the_stop_has_succeeded(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", QUICK).start()
    run.said("ready")
    command = run.stop(grace=60)
    # The request has reached the control page, and the script does not look there.
    eventually(lambda: any((run.spool / "control").read_bytes()[:8]), "the request in the control page")
    (run.folder / "go").touch()
    events = run.server.events(run.id, is_end)
    ended = run.server.run(run.id)
    assert (ended["state"], ended["ended_by"]) == ("succeeded", "itself")
    (answer,) = answers(events)
    assert (answer["type"], answer["data"]["id"]) == ("command.rejected", command)


def test_what_a_finished_script_leaves_behind_is_ended(start_server: StartServer, tmp_path: Path) -> None:
    script = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
print("pids", left.pid, flush=True)
"""
    run = Supervised(start_server(), tmp_path / "run", script).start()
    left = int(run.said("pids "))
    ended = run.server.ended(run.id)
    assert (ended["state"], ended["processes_left"]) == ("succeeded", 0)
    gone(left)
    assert any("left a process behind" in line["text"] for line in run.lines())


def test_ctrl_c_stops_the_run_at_its_safe_point(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    script = tmp_path / "script.py"
    script.write_text(POLITE)
    environment = {**os.environ, "PULSETRAIN_URL": server.url, "PULSETRAIN_HOME": str(tmp_path / "own")}
    words = [sys.executable, "-m", "pulsetrain.cli.main", "run", "--", sys.executable, str(script)]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        id = eventually(lambda: next((run["id"] for run in server.get("/api/runs")["runs"]), None), "the run")
        server.events(id, lambda event: event["type"] == "run.metrics")
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.read() == b"saved\n"
        assert process.wait(60) == 0
    ended = server.run(id)
    assert (ended["state"], ended["ended_by"]) == ("stopped", "safe point")
