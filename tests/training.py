"""Real runs for tests: a script, its supervisor, and the server that they talk to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from live import PATIENCE, LiveServer, eventually

SUPERVISOR = ("-m", "pulsetrain.supervisor.main")


class KnownRun:
    """A run of `server`, whoever started it."""

    def __init__(self, server: LiveServer, id: str) -> None:
        self.server = server
        self.id = id

    def said(self, text: str) -> str:
        """Wait for a line of output that begins with `text`; what follows it."""
        events = self.server.events(self.id, lambda event: bool(_lines(event, text)))
        return _lines(events[-1], text)[0]

    def stop(self, grace: float) -> str:
        answer = self.server.post(f"/api/runs/{self.id}/stop", json={"grace_seconds": grace})
        command: str = answer["command_id"]
        return command

    def ask(self, command: str, **arguments: Any) -> str:
        body = {"command": command, "arguments": arguments}
        id: str = self.server.post(f"/api/runs/{self.id}/commands", json=body)["command_id"]
        return id

    def answer(self, command: str) -> dict[str, Any]:
        """Wait for the answer to a command: the event."""
        return self.server.events(self.id, lambda event: is_answer(event, command))[-1]

    def comes_to(self, state: str) -> list[dict[str, Any]]:
        """Wait until the run is in `state` as its newest status; its events until then."""
        return self.server.events(
            self.id, lambda event: event["type"] == "run.status" and event["data"]["state"] == state
        )

    def steps(self, key: str) -> list[int]:
        series = self.server.get(f"/api/runs/{self.id}/series", params={"key": key})["series"]
        steps: list[int] = series.get(key, {"step": []})["step"]
        return steps

    def lines(self) -> list[dict[str, Any]]:
        """All lines of the run's log, oldest first."""
        found: list[dict[str, Any]] = []
        before: dict[str, int] = {}
        while True:
            page = self.server.get(f"/api/runs/{self.id}/logs", params={"limit": 1000, **before})
            found = page["lines"] + found
            if page["before"] is None:
                return found
            before = {"before": page["before"]}


class Supervised(KnownRun):
    """A run of `script`, entered at `server`; `start()` starts its supervisor."""

    def __init__(self, server: LiveServer, folder: Path, script: str, shell: bool = False) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.script = folder / "script.py"
        folder.mkdir(exist_ok=True)
        self.script.write_text(script)
        self.command = ["/bin/sh" if shell else sys.executable, str(self.script)]
        answer = server.post("/api/runs", json={"command": ["python", "script.py"], "name": "test"})
        super().__init__(server, answer["run"]["id"])
        self.token: str = answer["token"]
        self.supervisor: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str, attempt: int = 1, program: tuple[str, ...] = SUPERVISOR) -> Supervised:
        words = ["--run", self.id, "--spool", str(self.spool), "--url", self.server.url, "--attempt", str(attempt)]
        environment = {**os.environ, "PULSETRAIN_RUN_TOKEN": self.token, "OMP_NUM_THREADS": "1"}
        environment.pop("PULSETRAIN_SPOOL", None)
        with (self.folder / "supervisor.log").open("ab") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, *program, *words, *flags, "--", *self.command],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def wait(self) -> int:
        """Until the supervisor has ended; its exit code."""
        assert self.supervisor is not None
        return self.supervisor.wait(PATIENCE)


def is_answer(event: dict[str, Any], command: str) -> bool:
    return event["type"] in ("command.applied", "command.rejected") and event["data"]["id"] == command


def _lines(event: dict[str, Any], text: str) -> list[str]:
    """What follows `text` in the lines that begin with it."""
    if event["type"] != "run.log":
        return []
    texts = [line["text"] for line in event["data"]["lines"]]
    return [line[len(text) :].strip() for line in texts if line.startswith(text)]


def gone(*pids: int) -> None:
    """Wait until none of the processes lives."""

    def look() -> bool:
        return not any(_lives(pid) for pid in pids)

    eventually(look, f"the end of {pids}")


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def sync(server: LiveServer, spool: Path) -> int:
    """`pulsetrain sync`; its exit code."""
    words = [sys.executable, "-m", "pulsetrain.cli.main", "sync", str(spool), "--url", server.url]
    return subprocess.run(words, check=False, timeout=60, capture_output=True).returncode
