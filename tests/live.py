"""A real server in a process of its own, for tests that kill, restart and talk to one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds after which a test gives up waiting for what must come."""


class LiveServer:
    """`pulsetrain up` on a free port of loopback, over the data folder `data`."""

    def __init__(
        self,
        data: Path,
        *flags: str,
        environment: Mapping[str, str] | None = None,
        samples: bool = False,
        browser: bool = False,
    ) -> None:
        self.data = data
        self.flags = (*flags, *(() if samples else ("--no-samples",)), *(() if browser else ("--no-browser",)))
        self.environment = {**os.environ, **(environment or {})}
        self.environment.pop("PULSETRAIN_TOKEN", None)
        self.url = ""
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> LiveServer:
        """Start it and wait until it says that it is ready. A restart takes the same port again."""
        command = [sys.executable, "-m", "pulsetrain.cli.main", "up", "--data", str(self.data)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *self.flags],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if found := re.search(r"http://[\w.\[\]:]+:(\d+)", line):
                self.url, self.port = found[0], int(found[1])
                return self
        raise AssertionError(f"The server ended before it was ready:\n{said}")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end and wait for it."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def get(self, path: str, **keywords: Any) -> Any:
        answer = httpx.get(self.url + path, timeout=PATIENCE, **keywords)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, **keywords: Any) -> Any:
        answer = httpx.post(self.url + path, timeout=PATIENCE, **keywords)
        answer.raise_for_status()
        return answer.json()

    def run(self, id: str) -> dict[str, Any]:
        run: dict[str, Any] = self.get(f"/api/runs/{id}")["run"]
        return run

    def events(self, id: str, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """The run's events from the first on, up to the one for which `until` holds."""
        import msgspec

        events: list[dict[str, Any]] = []
        parameters = {"run": id, "cursor": "0"}
        with httpx.stream("GET", f"{self.url}/api/events", params=parameters, timeout=PATIENCE) as answer:
            answer.raise_for_status()
            named = False
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    named = True
                elif not line:
                    named = False
                elif line.startswith("data:") and not named:
                    events.append(msgspec.json.decode(line[5:].strip()))
                    if until(events[-1]):
                        return events
        raise AssertionError("The stream ended before the event came.")

    def ended(self, id: str) -> dict[str, Any]:
        """Wait for the event that ends the run; the answer is the run."""
        self.events(id, lambda event: is_end(event))
        return self.run(id)


FINAL = {"succeeded", "failed", "stopped"}


def is_end(event: dict[str, Any]) -> bool:
    return event["type"] == "run.status" and event["data"]["state"] in FINAL


def eventually(look: Callable[[], T | None], what: str) -> T:
    """Look again and again until `look` finds something, where nothing announces it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"Waited {PATIENCE:.0f} s in vain for {what}.")


def end_runs(folder: Path) -> None:
    """End the supervisors whose spool lies in `folder`, and their trees: a killed server leaves them running."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "exec" in words and any(word.startswith(str(folder)) for word in words):
            with contextlib.suppress(psutil.Error):
                tree = [process, *process.children(recursive=True)]
                for member in tree:
                    member.kill()
                psutil.wait_procs(tree, PATIENCE)
