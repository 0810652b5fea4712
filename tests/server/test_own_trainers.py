"""Trainers in a user's own module: started over REST and from the command line, and what is seen of their errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from conftest import StartServer
from live import PATIENCE, LiveServer

MODULE = '''
from typing import Annotated

import pulsetrain
from pulsetrain.trainers.registry import Help, Range


@pulsetrain.trainer("halves", title="Halves", stages=["Work"])
def halves(run, *, start: Annotated[float, Range(0, 100), Help("Where to begin")] = 1.0, steps: int = 3) -> None:
    """Halve a number again and again."""
    run.stage("Work")
    for step in range(1, steps + 1):
        start /= 2
        run.log({"value": start}, step=step)


@pulsetrain.trainer("breaks")
def breaks(run) -> None:
    def inner():
        raise ZeroDivisionError("nothing to divide\\nby anything")

    run.log({"value": 1.0})
    inner()
'''
BROKEN = "import pulsetrain\n\n\ndef helper():\n    return missing_name\n\n\nhelper()\n"


def own(folder: Path, text: str = MODULE, name: str = "my_trainers.py") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_it_is_described_by_its_signature(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("--trainers", str(own(tmp_path)))
    described = {trainer["name"]: trainer for trainer in server.get("/api/trainers")["trainers"]}
    trainer = described["halves"]
    assert (trainer["title"], trainer["summary"], trainer["stages"]) == (
        "Halves",
        "Halve a number again and again.",
        ["Work"],
    )
    start = trainer["parameters"]["properties"]["start"]
    assert (start["type"], start["default"], start["minimum"], start["maximum"]) == ("number", 1.0, 0, 100)
    assert (start["description"], trainer["available"]) == ("Where to begin", True)
    assert {"command", "tabular-gan", "halves", "breaks"} <= described.keys()


def test_over_rest(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("--trainers", str(own(tmp_path)))
    started = server.post("/api/runs", json={"trainer": "halves", "parameters": {"start": 8, "steps": 2}})["run"]
    run = server.ended(started["id"])
    assert (run["state"], run["parameters"]) == ("succeeded", {"start": 8.0, "steps": 2})
    series = server.get(f"/api/runs/{run['id']}/series")["series"]
    assert series["value"]["value"] == [4.0, 2.0]
    refused = httpx.post(f"{server.url}/api/runs", json={"trainer": "halves", "parameters": {"start": -1}})
    assert refused.status_code == 422
    assert "start must be from 0 to 100" in refused.json()["error"]["message"]


def cli(server: LiveServer, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pulsetrain.cli.main", *words, "--url", server.url],
        env={**os.environ, "PULSETRAIN_HOME": str(folder / "home"), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_from_the_command_line(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("--trainers", str(own(tmp_path)))
    shown = cli(server, tmp_path, "start", "halves", "--help")
    assert "--start" in shown.stdout
    assert "Where to begin" in shown.stdout
    done = cli(server, tmp_path, "start", "halves", "--start", "4", "--follow")
    assert done.returncode == 0, done.stderr
    [run] = server.get("/api/runs")["runs"]
    assert (run["state"], run["metrics"]["value"]["last"]) == ("succeeded", 0.5)


def test_an_error_during_the_run_shows_its_traceback(start_server: StartServer, tmp_path: Path) -> None:
    module = own(tmp_path)
    server = start_server("--trainers", str(module))
    run = server.ended(server.post("/api/runs", json={"trainer": "breaks"})["run"]["id"])
    assert (run["state"], run["return_code"]) == ("failed", 1)
    assert run["message"] == "ZeroDivisionError: nothing to divide"
    lines = server.get(f"/api/runs/{run['id']}/logs")["lines"]
    trace = [line for line in lines if line["level"] == "error"]
    assert trace[0]["text"] == "Traceback (most recent call last):"
    assert trace[-1]["text"] == "ZeroDivisionError: nothing to divide"
    assert lines[-1]["text"] == "by anything"
    assert any(str(module) in line["text"] and "in inner" in line["text"] for line in trace)
    done = cli(server, tmp_path, "start", "breaks", "--follow")
    assert done.returncode == 1
    assert "ZeroDivisionError: nothing to divide" in done.stdout + done.stderr


def test_an_error_at_import_is_shown_and_the_others_work(start_server: StartServer, tmp_path: Path) -> None:
    broken, good = own(tmp_path, BROKEN, "broken.py"), own(tmp_path)
    server = start_server("--trainers", str(broken), "--trainers", str(good), "--trainers", str(tmp_path / "gone.py"))
    described: dict[str, dict[str, Any]] = {one["name"]: one for one in server.get("/api/trainers")["trainers"]}
    problem = described[str(broken)]["problem"]
    assert not described[str(broken)]["available"]
    assert f'File "{broken}", line 5, in helper' in problem
    assert problem.rstrip().endswith("NameError: name 'missing_name' is not defined")
    # It begins in the user's own code.
    assert "loading.py" not in problem
    gone = described[str(tmp_path / "gone.py")]["problem"]
    assert gone == f"It cannot be loaded.\nFileNotFoundError: There is no file {tmp_path / 'gone.py'}.\n"
    run = server.ended(server.post("/api/runs", json={"trainer": "halves"})["run"]["id"])
    assert run["state"] == "succeeded"
    # What others' modules have to complain of is no concern of this run.
    assert server.get(f"/api/runs/{run['id']}/logs")["lines"] == []
    refused = httpx.post(f"{server.url}/api/runs", json={"trainer": str(broken)})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "trainer_unavailable")
    assert "NameError" in refused.json()["error"]["hint"]
