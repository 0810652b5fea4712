"""What watching a run costs: CPU and memory of its supervisor, and what a paused run uses.

    python benchmarks/supervisor/run.py [--seconds 60] [--pause 30] [--out FOLDER]

running    a script logs ten rows of three scalars a second and prints two lines a second, under `pulsetrain exec` and a
           real server; the supervisor's CPU time over `--seconds`, after it has started, and its memory then.
unaware    the same, by a shell script that knows nothing of us and prints its numbers.
paused     a script with a busy thread and a busy child of its own; the CPU time of all its processes over `--pause`
           seconds of a pause, by the kernel's own account in nanoseconds; and the supervisor's meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from machine import machine  # noqa: E402

GOAL_PERCENT, GOAL_MB = 1.0, 40.0

AWARE = """
import time
import pulsetrain
run = pulsetrain.init()
step = 0
while not run.should_stop:
    step += 1
    time.sleep(0.1)
    run.log({"generator_loss": 0.7 / step, "discriminator_loss": 0.6, "accuracy": 0.5}, step=step)
    if step % 5 == 0:
        print("epoch", step, "is done", flush=True)
"""

UNAWARE = """
n=0
while true; do
  n=$((n + 1))
  echo "step $n loss 0.$n"
  sleep 0.1
done
"""

BUSY = """
import os, subprocess, sys, threading
import pulsetrain
run = pulsetrain.init()
def spin():
    while True:
        sum(range(1000))
threading.Thread(target=spin, daemon=True).start()
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
step = 0
while not run.should_stop:
    step += 1
    run.log({"loss": 1.0}, step=step)
    sum(range(1_000_000))
child.kill()
"""


class Server:
    """`pulsetrain up` on a free port."""

    def __init__(self, folder: str) -> None:
        words = [sys.executable, "-m", "pulsetrain.cli.main", "up", "--no-browser", "--no-samples", "--port", "0"]
        self.process = subprocess.Popen([*words, "--data", folder], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = next(found[0] for line in self.process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, path, json.dumps(body or {}), {"Content-Type": "application/json"})
            return json.load(connection.getresponse())
        finally:
            connection.close()

    def until(self, run: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until `holds` is true of the run."""
        while not holds(known := self.ask("GET", f"/api/runs/{run}")["run"]):
            time.sleep(0.1)
        return known


@contextlib.contextmanager
def supervised(server: Server, words: list[str]) -> Iterator[tuple[str, psutil.Process]]:
    """A run of `words`: its id, and its supervisor, once there are metrics."""
    entered = server.ask("POST", "/api/runs", {"command": ["benchmark"]})
    run = entered["run"]["id"]
    with tempfile.TemporaryDirectory() as spool:
        command = [sys.executable, "-m", "pulsetrain.cli.main", "exec", "--run", run, "--spool", spool]
        environment = {**os.environ, "PULSETRAIN_RUN_TOKEN": entered["token"], "PULSETRAIN_URL": server.url}
        with subprocess.Popen([*command, "--", *words], env=environment, stderr=subprocess.DEVNULL) as process:
            server.until(run, lambda known: bool(known["metrics"]))
            yield run, psutil.Process(process.pid)
            server.ask("POST", f"/api/runs/{run}/stop", {"grace_seconds": 1})
            process.wait(60)


def cost(supervisor: psutil.Process, seconds: float) -> dict[str, float]:
    """What the supervisor uses over `seconds`."""
    before, began = nanoseconds(supervisor), time.monotonic()
    time.sleep(seconds)
    used = nanoseconds(supervisor) - before
    memory = supervisor.memory_full_info()
    return {
        "seconds": seconds,
        "cpu_percent": round(used / 1e7 / (time.monotonic() - began), 3),
        "rss_mb": round(memory.rss / 1e6, 1),
        "uss_mb": round(memory.uss / 1e6, 1),
    }


def nanoseconds(process: psutil.Process) -> int:
    """CPU time of a process and all its threads so far, as the scheduler counts it."""
    tasks = Path(f"/proc/{process.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())


def running(server: Server, words: list[str], seconds: float) -> dict[str, Any]:
    with supervised(server, words) as (_, supervisor):
        time.sleep(3)  # what it takes to start is not what it takes to watch
        return cost(supervisor, seconds)


def paused(server: Server, seconds: float) -> dict[str, Any]:
    with supervised(server, [sys.executable, "-c", BUSY]) as (run, supervisor):
        server.ask("POST", f"/api/runs/{run}/commands", {"command": "pause"})
        server.until(run, lambda known: known["state"] == "paused")
        tree = supervisor.children(recursive=True)
        before = [nanoseconds(process) for process in tree]
        found = cost(supervisor, seconds)
        used = sum(nanoseconds(process) for process in tree) - sum(before)
        threads = sum(process.num_threads() for process in tree)
        return {"processes": len(tree), "threads": threads, "tree_cpu_ns": used, **found}


def markdown(report: dict[str, Any]) -> str:
    where = report["machine"]
    lines = [
        "# What a supervisor costs",
        "",
        f"{where['date']}, {where['cpu']}, {where['cores']} cores, {where['system']}, Python {where['python']}, "
        f"load before {where['load_before']:.1f}, commit {where['commit']}.",
        "",
        f"Goal: less than {GOAL_PERCENT:g} % of a core and {GOAL_MB:g} MB for each run; a paused run uses no CPU.",
        "",
        "| | supervisor's CPU, % of a core | resident | of that its own |",
        "|---|--:|--:|--:|",
    ]
    for name, about in (
        ("running", "a script with the SDK: 10 rows/s, 2 lines/s"),
        ("unaware", "a shell script: 10 lines/s with numbers"),
        ("paused", "a paused run"),
    ):
        found = report[name]
        lines.append(f"| {about} | {found['cpu_percent']:.2f} | {found['rss_mb']} MB | {found['uss_mb']} MB |")
    rest = report["paused"]
    lines += [
        "",
        f"The paused run had {rest['processes']} processes with {rest['threads']} threads, two of them busy before; in "
        f"{rest['seconds']:g} s they used {rest['tree_cpu_ns']} ns of CPU.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=30)
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    choice = parser.parse_args()
    report: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            report["running"] = running(server, [sys.executable, "-c", AWARE], choice.seconds)
            report["unaware"] = running(server, ["/bin/sh", "-c", UNAWARE], choice.seconds)
            report["paused"] = paused(server, choice.pause)
        finally:
            server.process.terminate()
            server.process.wait()
    choice.out.mkdir(parents=True, exist_ok=True)
    (choice.out / "supervisor.json").write_text(json.dumps(report, indent=1) + "\n")
    (choice.out / "supervisor.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()
