"""`pulsetrain up`: what it refuses, how it ends, and that it owns its folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from live import LiveServer, eventually

StartServer = Callable[..., LiveServer]


def up(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pulsetrain.cli.main", "up", "--no-browser", *flags]
    environment = {key: value for key, value in os.environ.items() if key != "PULSETRAIN_TOKEN"}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """All that it said, on one line, since terminals wrap."""
    return " ".join((done.stdout + done.stderr).split())


def test_it_says_that_it_is_well(start_server: StartServer) -> None:
    health = start_server().get("/health")
    assert health["status"] == "ok"
    assert health["runs_active"] == 0
    assert health["tail"] >= 0


def test_a_port_in_use_is_told_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = up("--port", str(port), "--data", str(tmp_path / "data"))
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in said(done)
    assert f"--port {port + 1}" in said(done)
    assert "Traceback" not in said(done)


def test_a_folder_that_belongs_to_a_running_server_is_refused(start_server: StartServer) -> None:
    server = start_server()
    done = up("--port", "0", "--data", str(server.data))
    assert done.returncode == 1
    assert "belongs to a running server" in said(done)
    assert "Traceback" not in said(done)
    assert server.get("/health")["status"] == "ok"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = up("--port", "0", "--data", str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert "cannot be written" in said(done)
    assert "Traceback" not in said(done)


def test_a_wider_bind_without_a_token_is_refused(tmp_path: Path) -> None:
    done = up("--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path / "data"))
    assert done.returncode != 0
    assert "token" in said(done)
    assert "Traceback" not in said(done)


def test_it_ends_cleanly_while_somebody_watches(start_server: StartServer) -> None:
    server = start_server()
    with httpx.stream("GET", f"{server.url}/api/events", timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line) is not None
        assert server.stop() == 0
        rest = list(lines)
    assert "event: bye" in rest


BROWSER = """\
#!/bin/sh
touch {folder}/called
exec {python} {folder}/window.py "$1"
"""

WINDOW = """\
import os, sys, time, urllib.request
from pathlib import Path
health = urllib.request.urlopen(sys.argv[1] + "/health", timeout=20).read()
Path("{folder}/part").write_text(sys.argv[1] + " " + str(os.getpid()) + (" well" if b"ok" in health else ""))
Path("{folder}/part").rename("{folder}/opened")
while not Path("{folder}/closed").exists():
    time.sleep(0.01)
"""


def with_browser(folder: Path, *flags: str, browser: bool = True, **screen: str) -> LiveServer:
    """A server whose person's browser says in `folder` what it was told to open, and stays open."""
    (folder / "window.py").write_text(WINDOW.format(folder=folder))
    script = folder / "browser"
    script.write_text(BROWSER.format(python=sys.executable, folder=folder))
    script.chmod(0o755)
    server = LiveServer(folder / "data", *flags, browser=browser, environment={"BROWSER": str(script)})
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        server.environment.pop(name, None)
    server.environment.update(screen)
    return server


@pytest.mark.parametrize("screen", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_it_opens_the_page_and_serves_it_while_it_is_open(tmp_path: Path, screen: str) -> None:
    server = with_browser(tmp_path, **{screen: "none:99"}).start()
    try:
        eventually((tmp_path / "opened").exists, "the browser")
        url, browser, health = (tmp_path / "opened").read_text().split()
        assert (url, health) == (server.url, "well")
        # This browser is closed by a person, or never.
        assert psutil.Process(int(browser)).is_running()
        assert server.get("/health")["status"] == "ok"
        assert server.stop() == 0
    finally:
        (tmp_path / "closed").touch()
        server.stop()


def test_without_a_screen_or_when_told_so_it_opens_nothing(tmp_path: Path) -> None:
    for number, server in enumerate((with_browser(tmp_path), with_browser(tmp_path, browser=False, DISPLAY="none:99"))):
        assert server.start().get("/health")["status"] == "ok", number
        assert server.stop() == 0
    assert not (tmp_path / "called").exists()


def test_a_screen_without_a_browser_is_no_trouble(tmp_path: Path) -> None:
    server = with_browser(tmp_path, DISPLAY="none:99")
    server.environment.update(BROWSER="/nowhere/browser", PATH="/nowhere")
    assert server.start().get("/health")["status"] == "ok"
    assert server.stop() == 0


PATIENT = """
import time
import pulsetrain

@pulsetrain.trainer("patient", title="Patient", stages=["Wait"])
def wait(run):
    run.stage("Wait")
    while not run.should_stop:
        time.sleep(0.01)
"""


def test_with_stop_runs_it_leaves_nothing_running(start_server: StartServer, tmp_path: Path) -> None:
    module = tmp_path / "patient.py"
    module.write_text(PATIENT)
    server = start_server("--stop-runs", "--slots", "2", "--trainers", str(module))
    runs = [server.post("/api/runs", json={"trainer": "patient"})["run"]["id"] for _ in range(3)]
    for run in runs[:2]:
        server.events(run, lambda event: event["type"] == "run.stage")
    assert server.stop() == 0
    eventually(lambda: not supervisors(tmp_path), "the end of the supervisors")
    server.start()
    assert [server.run(run)["state"] for run in runs] == ["stopped"] * 3
    assert [server.run(run)["ended_by"] for run in runs[:2]] == ["safe point"] * 2


def supervisors(folder: Path) -> list[int]:
    """Processes that name `folder`, but for servers."""
    found = psutil.process_iter(["pid", "cmdline"])
    return [one.pid for one in found if "--spool" in (words := one.info["cmdline"] or []) and str(folder) in str(words)]


def test_the_log_keeps_its_generation_over_a_restart(start_server: StartServer) -> None:
    server = start_server()
    run = server.post("/api/runs", json={"command": ["x"]})["run"]
    before = server.get("/health")
    server.kill()
    server.start()
    after = server.get("/health")
    assert after["generation"] == before["generation"]
    assert after["tail"] >= before["tail"]
    assert server.run(run["id"])["state"] == "starting"
