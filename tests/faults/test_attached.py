"""A plain `python train.py`: its supervisor comes by itself, outlives it, and keeps the run where no server is."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import StartServer
from live import LiveServer, eventually
from training import gone, sync

WHOLE = """
import sys, pulsetrain
run = pulsetrain.init(project="p", name="attached", config={"lr": 0.1}, tags=["a"])
print("hello")
for step in range(500):
    run.log({"loss": 1.0}, step=step)
open("out.txt", "w").write("made")
run.save_artifact("out.txt", kind="report")
"""

ENDLESS = """
import os, time, pulsetrain
run = pulsetrain.init()
print("pid", os.getpid(), flush=True)
n = 0
while not run.should_stop:
    n += 1
    run.log({"loss": 1.0}, step=n)
    time.sleep(0.001)
"""


class Script:
    """A training script in a process of its own, without a supervisor's environment."""

    def __init__(self, folder: Path, url: str, script: str) -> None:
        self.home = folder / "own"
        file = folder / "train.py"
        file.write_text(script)
        unset = ("PULSETRAIN_SPOOL", "PULSETRAIN_RUN", "PULSETRAIN_DIR")
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        environment |= {"PULSETRAIN_URL": url, "PULSETRAIN_HOME": str(self.home)}
        self.process = subprocess.Popen(
            [sys.executable, str(file)],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def id(self) -> str:
        """From the line that init() says."""
        assert self.process.stderr is not None
        said = self.process.stderr.readline()
        found = re.search(r"r_[a-z2-7]{10}", said)
        assert found, said
        return found[0]

    def wait(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def spools(self) -> list[Path]:
        return list((self.home / "spool").iterdir())


def entered(server: LiveServer, id: str) -> dict[str, Any]:
    """Wait until the supervisor has entered the run and the run has ended."""
    eventually(lambda: any(run["id"] == id for run in server.get("/api/runs")["runs"]), "the run at the server")
    return server.ended(id)


def test_a_plain_script_is_a_run(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    script = Script(tmp_path, server.url, WHOLE)
    id = script.id()
    code, out, _ = script.wait()
    assert (code, out) == (0, "hello\n")
    ended = entered(server, id)
    assert (ended["state"], ended["name"], ended["project"], ended["tags"]) == ("succeeded", "attached", "p", ["a"])
    assert (ended["parameters"], ended["return_code"]) == ({"lr": 0.1}, None)
    assert ended["metrics"]["loss"]["count"] == 500
    assert ended["log_lines"] == 1
    assert ended["artifacts"][0]["name"] == "out.txt"
    # Nothing is left on disk of what the server has.
    eventually(lambda: not script.spools(), "the spool's removal")


def test_an_exception_is_how_it_failed(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    script = Script(tmp_path, server.url, WHOLE + "raise ValueError('too good to be true')")
    id = script.id()
    assert script.wait()[0] == 1
    ended = entered(server, id)
    assert (ended["state"], ended["message"]) == ("failed", "ValueError: too good to be true")
    assert (ended["return_code"], ended["last_error"]) == (1, "ValueError: too good to be true")


def test_an_exit_code_is_how_it_failed(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    script = Script(tmp_path, server.url, WHOLE + "sys.exit(7)")
    id = script.id()
    assert script.wait()[0] == 7
    ended = entered(server, id)
    assert (ended["state"], ended["return_code"]) == ("failed", 7)


def test_a_killed_script_has_failed_and_nothing_is_lost(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    script = Script(tmp_path, server.url, ENDLESS)
    id = script.id()
    eventually(lambda: any(run["metrics"] for run in server.get("/api/runs")["runs"]), "metrics")
    script.process.send_signal(signal.SIGKILL)
    script.wait()
    ended = entered(server, id)
    assert ended["state"] == "failed"
    assert "killed" in ended["message"]
    steps = server.get(f"/api/runs/{id}/series")["series"]["loss"]["step"]
    assert steps == list(range(1, len(steps) + 1))


def test_a_stop_reaches_a_plain_script(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    script = Script(tmp_path, server.url, ENDLESS)
    id = script.id()
    eventually(lambda: any(run["metrics"] for run in server.get("/api/runs")["runs"]), "metrics")
    server.post(f"/api/runs/{id}/stop", json={"grace_seconds": 60})
    assert script.wait()[0] == 0
    ended = entered(server, id)
    assert (ended["state"], ended["ended_by"]) == ("stopped", "safe point")
    gone(script.process.pid)


def test_without_a_server_it_waits_on_disk_until_sync(start_server: StartServer, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        script = Script(tmp_path, f"http://127.0.0.1:{nobody.getsockname()[1]}", WHOLE)
        id = script.id()
        assert script.wait()[0] == 0
        (spool,) = script.spools()
        # The process is over, and its supervisor holds the spool a little longer, in case that a server comes.
        log = spool / "supervisor.log"
        eventually(lambda: "No server" in log.read_text(), "the complaint")
        for process in supervisors_of(spool):
            os.kill(process, signal.SIGTERM)
            gone(process)

    server = start_server()
    assert sync(server, spool) == 0
    ended = server.run(id)
    assert (ended["state"], ended["name"]) == ("succeeded", "attached")
    assert ended["metrics"]["loss"]["count"] == 500
    assert ended["artifacts"][0]["size"] == 4


def supervisors_of(spool: Path) -> list[int]:
    import psutil

    found = psutil.process_iter(["cmdline"])
    return [process.pid for process in found if str(spool) in (process.info["cmdline"] or [])]
