"""A paused run stands still with all its processes, and goes on as if nothing had been, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from conftest import StartServer
from faults.test_attached import ENDLESS, Script, entered
from live import eventually, is_end
from training import KnownRun, Supervised, gone

SAVING = """
import os, subprocess, sys, threading, time
import pulsetrain
run = pulsetrain.init()
run.on("checkpoint", lambda: print("saved", flush=True))
def spin():
    while True:
        sum(range(1000))
threading.Thread(target=spin, daemon=True).start()
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
print("pids", os.getpid(), child.pid, flush=True)
step = 0
while not run.should_stop:
    step += 1
    run.log({"loss": 1.0, "halted": time.monotonic() - run.clock()}, step=step)
    time.sleep(0.005)
child.kill()
"""

DEAF = """
import os, time
import pulsetrain
run = pulsetrain.init()
run.log({"loss": 1.0}, step=41)
print("pids", os.getpid(), flush=True)
while True:
    sum(range(1000))
"""

# A shell script that knows nothing of us, with a child, and a daemon that tried to get away.
SHELL = """
(while true; do :; done) &
child=$!
(setsid sh -c 'echo daemon $$; while true; do :; done' &)
echo pids $$ $child
n=0
while true; do
  n=$((n + 1))
  echo "step $n loss 0.5"
  sleep 0.05
done
"""

HASTY = (
    "-c",
    "import sys; from pulsetrain.supervisor import main, pause; pause.PATIENCE = 0.5; main.main(sys.argv[1:])",
)


def pids(run: KnownRun) -> list[int]:
    return [int(pid) for pid in run.said("pids ").split()]


def halted(*processes: int) -> bool:
    return all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in processes)


def at_rest(event: dict[str, Any]) -> bool:
    """Two seconds in which the processes of the run used no CPU at all."""
    return event["type"] == "run.system" and event["data"]["cpu_percent"] == 0


def pause(run: KnownRun) -> dict[str, Any]:
    """Pause it, and wait until that is so; the answer."""
    command = run.ask("pause")
    answer = run.answer(command)
    eventually(lambda: run.server.run(run.id)["state"] == "paused", "the pause")
    return answer


def resume(run: KnownRun) -> None:
    """Let it go on, and wait for metrics."""
    answer = run.answer(run.ask("resume"))
    assert (answer["type"], answer["data"]["how"]) == ("command.applied", "SIGCONT")
    eventually(lambda: run.server.run(run.id)["state"] == "running", "the run to go on")
    seq = answer["seq"]
    run.server.events(run.id, lambda event: event["type"] == "run.metrics" and event["seq"] > seq)


def test_a_script_is_paused_at_its_safe_point_with_a_checkpoint_and_all_of_it_stands_still(
    start_server: StartServer, tmp_path: Path
) -> None:
    run = Supervised(start_server(), tmp_path / "run", SAVING).start()
    own = pids(run)
    run.server.events(run.id, lambda event: event["type"] == "run.metrics")
    answer = pause(run)
    assert (answer["type"], answer["data"]["how"]) == ("command.applied", "safe point")
    assert answer["data"]["details"] == {"checkpoint": True}
    assert halted(*own)
    before = [psutil.Process(pid).cpu_times() for pid in own]
    run.server.events(run.id, at_rest)
    assert [psutil.Process(pid).cpu_times() for pid in own] == before
    # The step is the last one, and nothing was trained after it.
    assert run.steps("loss")[-1] == answer["data"]["step"]
    assert [line["text"] for line in run.lines()][-1] == "saved"
    resume(run)
    run.stop(grace=60)
    ended = run.server.ended(run.id)
    assert (ended["state"], ended["ended_by"]) == ("stopped", "safe point")
    # The clock by which it reckons its speed stood still: at least for the two seconds at rest.
    assert ended["metrics"]["halted"]["min"] < 0.1 and ended["metrics"]["halted"]["last"] > 2
    steps = run.steps("loss")
    assert steps == list(range(1, len(steps) + 1))


def test_a_script_that_knows_nothing_of_us_is_halted_where_it_is(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", SHELL, shell=True).start()
    own = [*pids(run), int(run.said("daemon "))]
    run.server.events(run.id, lambda event: event["type"] == "run.metrics")
    answer = pause(run)
    assert (answer["type"], answer["data"]["how"]) == ("command.applied", "SIGSTOP")
    assert answer["data"]["step"] == run.steps("loss")[-1]
    assert halted(*own)
    run.server.events(run.id, at_rest)
    resume(run)
    assert not any(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in own)
    run.stop(grace=0.5)
    assert run.server.ended(run.id)["processes_left"] == 0
    gone(*own)


def test_a_script_that_reaches_no_safe_point_is_halted_where_it_is(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", DEAF).start(program=HASTY)
    own = pids(run)
    answer = pause(run)
    assert (answer["data"]["how"], answer["data"]["step"]) == ("SIGSTOP", 41)
    assert halted(*own)
    run.stop(grace=0.2)
    assert run.server.ended(run.id)["ended_by"] == "SIGTERM"
    gone(*own)


def test_a_paused_run_can_be_stopped_and_saves_what_it_has(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", SAVING).start()
    own = pids(run)
    pause(run)
    run.stop(grace=60)
    ended = run.server.ended(run.id)
    assert (ended["state"], ended["ended_by"], ended["processes_left"]) == ("stopped", "safe point", 0)
    assert ended["commands"] == []
    gone(*own)


def test_sigterm_to_the_supervisor_of_a_paused_run_stops_it(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", SAVING).start()
    own = pids(run)
    pause(run)
    assert run.supervisor is not None
    run.supervisor.send_signal(signal.SIGTERM)
    ended = run.server.ended(run.id)
    assert (ended["state"], ended["ended_by"]) == ("stopped", "safe point")
    gone(*own)


def test_a_paused_process_that_is_killed_has_failed_and_nothing_is_left(
    start_server: StartServer, tmp_path: Path
) -> None:
    run = Supervised(start_server(), tmp_path / "run", SAVING).start()
    own = pids(run)
    pause(run)
    os.kill(own[0], signal.SIGKILL)
    ended = run.server.ended(run.id)
    assert (ended["state"], ended["signal"], ended["processes_left"]) == ("failed", "SIGKILL", 0)
    gone(*own)


def test_a_pause_may_be_taken_back_before_it_is_one(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", DEAF).start()
    own = pids(run)
    first = run.ask("pause")
    assert run.ask("pause") == first
    eventually(lambda: any((run.spool / "control").read_bytes()[:8]), "the request in the control page")
    second = run.ask("resume")
    assert run.answer(first)["type"] == "command.rejected"
    assert run.answer(second)["type"] == "command.applied"
    assert not halted(*own)
    run.stop(grace=0)
    run.server.ended(run.id)


def test_what_a_script_cannot_do_is_refused_at_once(start_server: StartServer, tmp_path: Path) -> None:
    run = Supervised(start_server(), tmp_path / "run", DEAF).start()
    pids(run)
    for command in ("checkpoint", "resume"):
        answer = httpx.post(f"{run.server.url}/api/runs/{run.id}/commands", json={"command": command})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_parameters")
    run.stop(grace=0)
    run.server.ended(run.id)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_pause_outlives_the_server(end: str, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    run = Supervised(server, tmp_path / "run", SAVING).start()
    own = pids(run)
    pause(run)
    server.stop() if end == "stop" else server.kill()
    assert halted(*own)
    server.start()
    assert server.run(run.id)["state"] == "paused"
    assert halted(*own)
    resume(run)
    run.stop(grace=60)
    events = run.server.events(run.id, is_end)
    assert not any(event["type"] == "run.lease" for event in events)
    states = [event["data"]["state"] for event in events if event["type"] == "run.status"]
    assert states == ["starting", "running", "paused", "running", "stopped"]
    steps = run.steps("loss")
    assert steps == list(range(1, len(steps) + 1))


def test_a_pause_that_is_asked_for_while_the_server_is_away_comes_with_it(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A resume and a pause that were logged just before the server died are obeyed once it is back."""
    server = start_server()
    run = Supervised(server, tmp_path / "run", SAVING).start()
    own = pids(run)
    pause(run)
    again = run.ask("resume"), run.ask("pause")
    server.kill()
    server.start()
    assert run.answer(again[1])["type"] == "command.applied"
    eventually(lambda: halted(*own), "the second pause")
    run.stop(grace=60)
    assert run.server.ended(run.id)["commands"] == []


def test_a_plain_script_is_paused_by_the_supervisor_beside_it(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    script = Script(tmp_path, server.url, ENDLESS)
    run = KnownRun(server, script.id())
    eventually(lambda: any(known["metrics"] for known in server.get("/api/runs")["runs"]), "metrics")
    answer = pause(run)
    assert answer["data"]["how"] == "safe point"
    assert halted(script.process.pid)
    resume(run)
    pause(run)
    run.stop(grace=60)
    assert script.wait()[0] == 0
    ended = entered(server, run.id)
    assert (ended["state"], ended["ended_by"]) == ("stopped", "safe point")


def test_a_plain_script_goes_on_if_its_supervisor_is_shown_the_door(start_server: StartServer, tmp_path: Path) -> None:
    """Somebody else's process must not be left standing still: the SIGTERM stops the run, it does not strand it."""
    server = start_server()
    script = Script(tmp_path, server.url, ENDLESS)
    run = KnownRun(server, script.id())
    eventually(lambda: any(known["metrics"] for known in server.get("/api/runs")["runs"]), "metrics")
    pause(run)
    (spool,) = script.spools()
    (supervisor,) = [
        process.pid for process in psutil.process_iter(["cmdline"]) if str(spool) in (process.info["cmdline"] or [])
    ]
    os.kill(supervisor, signal.SIGTERM)
    assert script.wait()[0] == 0
    assert entered(server, run.id)["state"] == "stopped"
