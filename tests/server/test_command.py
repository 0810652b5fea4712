"""Any command line as a run that the server starts: from the command line and over REST."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import StartServer
from live import PATIENCE, LiveServer

TOKEN = "a-token-for-the-test-of-commands"


def start(server: LiveServer, **parameters: Any) -> dict[str, Any]:
    """Start it, and wait for its end."""
    answer = server.post("/api/runs", json={"trainer": "command", "parameters": parameters})
    return server.ended(answer["run"]["id"])


def output(server: LiveServer, run: dict[str, Any]) -> list[str]:
    return [line["text"] for line in server.get(f"/api/runs/{run['id']}/logs")["lines"]]


def test_a_program_of_another_language_is_captured(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    (tmp_path / "work").mkdir()
    program = 'BEGIN { for (i = 1; i <= 3; i++) print "Epoch " i "/3 loss: " 1 / i; print ENVIRON["COLOUR"], ARGV[1] }'
    run = start(
        server,
        command=f"awk '{program}'",
        arguments="an argument",
        environment="COLOUR=blue",
        folder=str(tmp_path / "work"),
    )
    assert (run["state"], run["return_code"], run["ended_by"]) == ("succeeded", 0, "itself")
    series = server.get(f"/api/runs/{run['id']}/series")["series"]
    assert (series["loss"]["step"], series["loss"]["value"]) == ([1, 2, 3], [1.0, 0.5, 0.333333])
    assert run["progress"]["epochs"] == 3
    assert output(server, run)[-1] == "blue an argument"


def test_the_process_is_the_command(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    run = start(server, command="pwd; echo $$; ps -o ppid= -p $$; exit 7", shell=True, folder=str(tmp_path))
    assert (run["state"], run["return_code"]) == ("failed", 7)
    folder, pid, parent = output(server, run)
    assert folder == str(tmp_path)
    supervisor = int((server.data / "runs" / run["id"] / "supervisor.pid").read_text())
    assert int(parent) == supervisor != int(pid)


def test_a_broken_pipe_ends_a_program_as_in_a_shell(start_server: StartServer) -> None:
    server = start_server()
    run = start(server, command="yes | head -n 1", shell=True)
    assert (run["state"], output(server, run)) == ("succeeded", ["y"])


def test_a_script_among_it_reports_to_its_run(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    script = tmp_path / "train.py"
    script.write_text("import pulsetrain\nwith pulsetrain.init() as run:\n    run.log({'loss': 0.5}, step=7)\n")
    run = start(server, command=f"{sys.executable} {script}")
    assert run["state"] == "succeeded"
    assert (run["metrics"]["loss"]["step"], run["metrics"]["loss"]["last"]) == (7, 0.5)


def test_a_stop_ends_it(start_server: StartServer) -> None:
    server = start_server()
    id = server.post("/api/runs", json={"trainer": "command", "parameters": {"command": "sleep 600"}})["run"]["id"]
    server.events(id, lambda event: event["type"] == "run.status" and event["data"]["state"] == "running")
    server.post(f"/api/runs/{id}/stop", json={"grace_seconds": 10})
    run = server.ended(id)
    assert (run["state"], run["signal"], run["processes_left"]) == ("stopped", "SIGTERM", 0)


@pytest.mark.parametrize(
    ("parameters", "code", "said"),
    [
        ({"command": "no-such-program --x"}, 127, "'no-such-program' cannot be started: No such file or directory."),
        ({"command": "/etc/passwd"}, 126, "'/etc/passwd' cannot be started: Permission denied."),
        ({"command": "true", "folder": "/no/such/folder"}, 64, "The folder /no/such/folder cannot be entered"),
        ({"command": "true", "folder": "here"}, 64, "folder must be an absolute path, not 'here'."),
        ({"command": "true", "environment": "what"}, 64, "environment, line 1: 'what' is not NAME=VALUE."),
    ],
)
def test_what_cannot_be_started_says_why(
    start_server: StartServer, parameters: dict[str, Any], code: int, said: str
) -> None:
    server = start_server()
    run = start(server, **parameters)
    assert (run["state"], run["return_code"]) == ("failed", code)
    assert said in run["message"]


def test_from_the_command_line(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    words = ["start", "command", "--command", "echo loss=0.25 $WHO", "--shell", "--environment", "WHO=me", "--follow"]
    done = subprocess.run(
        [sys.executable, "-m", "pulsetrain.cli.main", *words, "--url", server.url],
        env={**os.environ, "PULSETRAIN_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [run] = server.get("/api/runs")["runs"]
    assert (run["state"], run["metrics"]["loss"]["last"]) == ("succeeded", 0.25)
    assert output(server, run) == ["loss=0.25 me"]


def described(server: LiveServer) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    trainers = server.get("/api/trainers", headers=headers)["trainers"]
    found: dict[str, Any] = next(trainer for trainer in trainers if trainer["name"] == "command")
    return found


def tried(server: LiveServer) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", "Pulsetrain-Client": "test"}
    asked = {"trainer": "command", "parameters": {"command": "true"}}
    return httpx.post(f"{server.url}/api/runs", headers=headers, json=asked, timeout=PATIENCE)


@pytest.mark.parametrize("wide", [("--host", "0.0.0.0"), ("--allow-host", "lab.example")], ids=["bound", "proxy"])
def test_where_others_reach_the_server_it_is_off_until_allowed(
    start_server: StartServer, tmp_path: Path, wide: tuple[str, ...]
) -> None:
    wide = (*wide, "--token", TOKEN)
    server = start_server(*wide)
    trainer = described(server)
    assert not trainer["available"]
    assert "--allow-commands" in trainer["problem"]
    refused = tried(server)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "trainer_unavailable")
    assert "--allow-commands" in refused.json()["error"]["hint"]
    allowed = start_server(*wide, "--allow-commands", data=tmp_path / "other")
    assert described(allowed)["available"]
    assert tried(allowed).status_code == 201
