"""What logging costs the training process, and how long a row takes to the page.

    python benchmarks/log_call/run.py [--calls 300000] [--steps 3000] [--seconds 20] [--out FOLDER]

call       run.log() of three scalars in a process of its own, each call timed; the clock's own cost is taken off.
write      the same with one write() for each record instead of the mapped file, which is why the spool is mapped.
loop       a training loop of 1 ms steps (busy, not sleeping) with and without run.log() in each step, in turns.
import     `import pulsetrain` and `pulsetrain.init`, each in fresh processes.
latency    from run.log() in a supervised script to the event at an SSE client of a real server, at several paces; the
           row's own time is taken inside run.log(), and both ends read one clock. With the supervisor's CPU and memory.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from machine import cpu_seconds, machine  # noqa: E402

CALL = """
import json, sys, time
from pathlib import Path
import pulsetrain
from pulsetrain.sdk import spool
run = pulsetrain.init()
if sys.argv[2] == "write":
    run._writer._mappable = False
    run._writer._unmap()
log, clock, calls = run.log, time.perf_counter_ns, int(sys.argv[1])
taken, empty = [0] * calls, [0] * 10_000
for number in range(calls):
    row = {"generator_loss": 0.5 + number, "discriminator_loss": 0.25 * number, "real_scores": 0.1 * number}
    began = clock()
    log(row)
    taken[number] = clock() - began
for number in range(10_000):
    began = clock()
    empty[number] = clock() - began
taken.sort(), empty.sort()
own = empty[5_000]
at = lambda share: taken[int(calls * share)] - own
print(json.dumps({"median_ns": at(0.5), "p90_ns": at(0.9), "p99_ns": at(0.99), "p999_ns": at(0.999),
                  "max_ns": taken[-1] - own, "clock_ns": own}))
"""

LOOP = """
import json, sys, time
import pulsetrain
run = pulsetrain.init()
clock, steps, log = time.perf_counter, int(sys.argv[1]), run.log
def step():
    end = clock() + 0.001
    while clock() < end:
        pass
def block(logging):
    began = clock()
    for number in range(100):
        step()
        if logging:
            log({"loss": 0.1 * number, "accuracy": 0.5, "rate": 1.0 * number}, step=number)
            run.should_stop
    return clock() - began
block(True)
without, with_ = [], []
for _ in range(steps // 100):
    without.append(block(False))
    with_.append(block(True))
print(json.dumps({"without_s": without, "with_s": with_}))
"""

IMPORT = """
import sys, time
began = time.perf_counter()
import pulsetrain
first = time.perf_counter()
pulsetrain.init
second = time.perf_counter()
heavy = [name for name in ("numpy", "torch", "starlette", "httpx", "polars") if name in sys.modules]
print(first - began, second - began, ",".join(heavy) or "-")
"""

PACED = """
import sys, time
import pulsetrain
run = pulsetrain.init()
pace, seconds = float(sys.argv[1]), float(sys.argv[2])
began, number = time.perf_counter(), 0
while time.perf_counter() - began < seconds:
    number += 1
    time.sleep(max(0.0, began + number / pace - time.perf_counter()))
    run.log({"generator_loss": 0.7, "discriminator_loss": 0.6, "accuracy": 0.5}, step=number)
"""


def scripted(code: str, *arguments: str) -> Any:
    """Run `code` with a spool of its own; what it prints, read as JSON."""
    with tempfile.TemporaryDirectory() as spool:
        environment = {**os.environ, "PULSETRAIN_SPOOL": spool, "PULSETRAIN_RUN": "r_benchmarks"}
        words = [sys.executable, "-c", code, *arguments]
        return json.loads(subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def imports(times: int) -> dict[str, Any]:
    found = [
        subprocess.run([sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        for _ in range(times)
    ]
    return {
        "import_ms": round(1000 * statistics.median(float(one[0]) for one in found), 2),
        "import_and_init_ms": round(1000 * statistics.median(float(one[1]) for one in found), 2),
        "heavy_modules": found[0][2],
    }


def loop(steps: int) -> dict[str, Any]:
    found = scripted(LOOP, str(steps))
    without, with_ = statistics.median(found["without_s"]), statistics.median(found["with_s"])
    return {"slower_percent": round(100 * (with_ / without - 1), 3), **found}


class Server:
    """`pulsetrain up` on a free port."""

    def __init__(self, folder: str) -> None:
        words = [sys.executable, "-m", "pulsetrain.cli.main", "up", "--no-browser", "--port", "0", "--data", folder]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = next(found[0] for line in self.process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))
        time.sleep(5)  # it makes its sample data sets now, and this is to measure something else

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)


def latency(server: Server, pace: float, seconds: float) -> dict[str, Any]:
    """Run a script that logs at `pace` rows per second, and follow it as a page does."""
    connection = server.connect()
    connection.request(
        "POST", "/api/runs", json.dumps({"command": ["benchmark"]}), {"Content-Type": "application/json"}
    )
    entered = json.load(connection.getresponse())
    run, token = entered["run"]["id"], entered["token"]
    connection.close()
    stream = server.connect()
    stream.request("GET", f"/api/events?run={run}&cursor=0", headers={"Accept": "text/event-stream"})
    answer = stream.getresponse()
    with tempfile.TemporaryDirectory() as spool:
        words = [
            sys.executable,
            "-m",
            "pulsetrain.supervisor.main",
            "--run",
            run,
            "--url",
            server.url,
            "--spool",
            spool,
        ]
        script = [sys.executable, "-c", PACED, str(pace), str(seconds)]
        environment = {**os.environ, "PULSETRAIN_RUN_TOKEN": token}
        with subprocess.Popen([*words, "--", *script], env=environment) as supervisor:
            delays, footprint = follow(answer, supervisor.pid)
    stream.close()
    cuts = statistics.quantiles(delays, n=1000)
    return {
        "pace": pace,
        "rows": len(delays),
        "median_ms": round(1000 * cuts[499], 2),
        "p90_ms": round(1000 * cuts[899], 2),
        "p99_ms": round(1000 * cuts[989], 2),
        "max_ms": round(1000 * max(delays), 2),
        **footprint,
        "raw_ms": [round(1000 * delay, 2) for delay in delays],
    }


def follow(answer: http.client.HTTPResponse, supervisor: int) -> tuple[list[float], dict[str, float]]:
    """Delays of all rows after the first second, and what the supervisor used from then on."""
    delays: list[float] = []
    began: float | None = None
    used = memory = 0.0
    while True:
        line = answer.readline()
        now = time.time()
        if not line.startswith(b"data: {") or b'"type"' not in line:
            continue
        event = json.loads(line[6:])
        if event["type"] == "run.metrics":
            if began is None:
                began, used = now, cpu_seconds(supervisor)
            elif now - began > 1:
                delays += [now - at for at in event["data"]["time"]]
        elif event["type"] == "run.system" and began is not None:
            memory = max(memory, resident_mib(supervisor))
            percent = 100 * (cpu_seconds(supervisor) - used) / max(0.001, now - began)
        elif event["type"] == "run.status" and event["data"]["state"] == "succeeded":
            return delays, {"supervisor_cpu_percent": round(percent, 2), "supervisor_mib": round(memory, 1)}


def resident_mib(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def markdown(report: dict[str, Any]) -> str:
    where, call, write = report["machine"], report["call"], report["write"]
    lines = [
        "# The cost of run.log()",
        "",
        f"{where['date']}, {where['cpu']}, {where['cores']} cores, {where['system']}, Python {where['python']}, "
        f"load before {where['load_before']:.1f}, commit {where['commit']}.",
        "",
        "| run.log() of 3 scalars | median | p90 | p99 | p99.9 | max |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, found in (("mapped (what is used)", call), ("one write() each", write)):
        cells = " | ".join(
            f"{found[key] / 1000:.2f} µs" for key in ("median_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")
        )
        lines.append(f"| {name} | {cells} |")
    imported = report["import"]
    lines += [
        "",
        f"A loop of 1 ms steps with a call and a look at `should_stop` in each is {report['loop']['slower_percent']} % "
        "slower.",
        f"`import pulsetrain`: {imported['import_ms']} ms; with `init`: {imported['import_and_init_ms']} ms; "
        f"heavy modules: {imported['heavy_modules']}.",
        "",
        "| run.log() → SSE client | rows | median | p90 | p99 | max | supervisor CPU | supervisor RSS |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for found in report["latency"]:
        times = " | ".join(f"{found[key]} ms" for key in ("median_ms", "p90_ms", "p99_ms", "max_ms"))
        used = f"{found['supervisor_cpu_percent']} % | {found['supervisor_mib']} MiB"
        lines.append(f"| {found['pace']:g} rows/s | {found['rows']} | {times} | {used} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300_000)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--paces", type=float, nargs="*", default=[2, 20, 200, 1000])
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    choice = parser.parse_args()
    report: dict[str, Any] = {"machine": machine()}
    report["call"] = scripted(CALL, str(choice.calls), "mapped")
    report["write"] = scripted(CALL, str(choice.calls), "write")
    report["loop"] = loop(choice.steps)
    report["import"] = imports(15)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            report["latency"] = [latency(server, pace, choice.seconds) for pace in choice.paces]
        finally:
            server.process.kill()
            server.process.wait()
    choice.out.mkdir(parents=True, exist_ok=True)
    (choice.out / "log_call.json").write_text(json.dumps(report) + "\n")
    (choice.out / "log_call.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()
