"""One event to many SSE readers: pulsetrain against nginx + nchan, in deliveries per second of server CPU.

    python benchmarks/fanout/run.py [--readers 1000] [--out FOLDER]

Both servers take the same 250-byte event, have one core to themselves (taskset) and serve the same readers: a C
program on another core that checks that each reader gets each event once and in order. Publishing, parsing, storing
(pulsetrain commits to the disk with fsync, nchan keeps messages in memory) and sending all count as server CPU.

Loads: `as it comes` publishes without a pause, the way each one takes it best (pulsetrain: 100 records to a request,
as its supervisor ships them; nchan: one message to a request, requests pipelined); `N/s` publishes one event to a
request at that pace, which shows how much of the difference is coalescing.

Needs: cc, taskset, and Debian's nginx with libnginx-mod-nchan (without them, pulsetrain alone is measured).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from machine import cpu_seconds, machine  # noqa: E402
from publisher import Http  # noqa: E402

EVENT_BYTES = 250
SERVER_CORE, CLIENT_CORE = "0", "1"
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
PIPELINE = 32

Server = tuple[int, str, list[int], Callable[[int, int], None]]
"""Port, path of the stream, the server's processes, and `publish(first number, count)` in one request or several."""


@contextlib.contextmanager
def pulsetrain() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        command = ["taskset", "-c", SERVER_CORE, sys.executable, str(HERE.parent / "server.py"), folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port, run, token = server.stdout.readline().split()
            http = Http(int(port))
            filling = "x" * (EVENT_BYTES - len(_envelope(run, "")))

            def publish(first: int, count: int) -> None:
                records = [
                    {"n": n, "type": "run.system", "time": "2026-11-20T10:05:05.123456Z", "data": {"text": filling}}
                    for n in range(first, first + count)
                ]
                body = json.dumps({"attempt": 1, "producer": "bench", "records": records}).encode()
                http.send(f"/api/runs/{run}/records", body, f"Authorization: Bearer {token}\r\n")
                http.answer()

            try:
                # The first event of the log is the run's creation, so record n is event n + 1.
                yield int(port), "/api/events", [server.pid], publish
            finally:
                server.kill()


def _envelope(run: str, text: str) -> str:
    return (
        f'{{"seq":10000,"run":"{run}","type":"run.system","time":"2026-11-20T10:05:05.123456Z",'
        f'"data":{{"text":"{text}"}}}}'
    )


@contextlib.contextmanager
def nchan() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        configuration = Path(folder) / "nginx.conf"
        text = (HERE / "nginx.conf").read_text()
        for name, value in {"@FOLDER@": folder, "@PORT@": str(port), "@MODULE@": str(NCHAN)}.items():
            text = text.replace(name, value)
        configuration.write_text(text)
        command = ["taskset", "-c", SERVER_CORE, "nginx", "-p", folder, "-c", str(configuration)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
            _wait_for(port)
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
            while not children.read_text():
                time.sleep(0.02)
            http = Http(port)
            filling = "x" * (EVENT_BYTES - len(_envelope("r_benchmarks", "")))

            def publish(first: int, count: int) -> None:
                for number in range(first, first + count):
                    body = _envelope("r_benchmarks", filling).replace('"seq":10000', f'"seq":{number + 1}')
                    http.send("/publish", body.encode(), "Content-Type: application/json\r\n")
                for _ in range(count):
                    http.answer()

            try:
                yield port, "/stream", [server.pid, *map(int, children.read_text().split())], publish
            finally:
                server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def measure(
    server: Server, client: Path, readers: int, events: int, at_once: int, pace: float | None
) -> dict[str, Any]:
    """Publish `events` events, `at_once` to a publication, `pace` per second or without a pause."""
    port, path, pids, publish = server
    command = ["taskset", "-c", CLIENT_CORE, str(client), str(port), path, str(readers), str(events + 1), "120"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdout is not None
        if load.stdout.readline() != "ready\n":
            raise SystemExit("The readers could not connect.")
        before = sum(map(cpu_seconds, pids))
        began = time.monotonic()
        for index, first in enumerate(range(1, events + 1, at_once)):
            if pace is not None:
                time.sleep(max(0.0, began + index / pace - time.monotonic()))
            publish(first, min(at_once, events + 1 - first))
        seen = json.loads(load.stdout.readline())
        wall = time.monotonic() - began
        cpu = sum(map(cpu_seconds, pids)) - before
    if seen["faults"] or seen["complete"] != readers:
        raise SystemExit(f"Deliveries are missing or out of order: {seen}")
    return {
        "events": events, "deliveries": seen["deliveries"], "events_per_read": seen["deliveries"] / seen["reads"],
        "wall_seconds": round(wall, 3), "server_cpu_seconds": round(cpu, 3),
        "deliveries_per_second": round(seen["deliveries"] / wall),
        "deliveries_per_cpu_second": round(seen["deliveries"] / cpu),
    }  # fmt: skip


LOADS: list[tuple[str, float | None, dict[str, tuple[int, int]]]] = [
    ("as it comes", None, {"pulsetrain": (20_000, 100), "nchan": (800, PIPELINE)}),
    ("1000/s", 1000, {"pulsetrain": (3_000, 1), "nchan": (600, 1)}),
    ("100/s", 100, {"pulsetrain": (300, 1), "nchan": (300, 1)}),
    ("10/s", 10, {"pulsetrain": (40, 1), "nchan": (40, 1)}),
]
SERVERS = {"pulsetrain": pulsetrain, "nchan": nchan}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    choice = parser.parse_args()
    names = [name for name in SERVERS if name != "nchan" or (shutil.which("nginx") and NCHAN.exists())]
    report: dict[str, Any] = {"machine": machine(), "readers": choice.readers, "event_bytes": EVENT_BYTES, "loads": {}}
    with tempfile.TemporaryDirectory() as folder:
        client = Path(folder) / "client"
        subprocess.run(["cc", "-O2", "-Wall", "-o", str(client), str(HERE / "client.c")], check=True)
        for load, pace, sizes in LOADS:
            for name in names:
                with SERVERS[name]() as server:
                    result = measure(server, client, choice.readers, *sizes[name], pace)
                report["loads"].setdefault(load, {})[name] = result
                print(f"{load:12} {name:11} {result}", flush=True)
    choice.out.mkdir(parents=True, exist_ok=True)
    (choice.out / "fanout.json").write_text(json.dumps(report, indent=2) + "\n")
    (choice.out / "fanout.md").write_text(markdown(report))
    print("\n" + markdown(report))


MEANING = (
    "The goal of 10 × nchan is one for saturation, the rows `as it comes`: events come faster than sockets drain, and "
    "one write takes many events to a reader. For lone events it is not reached, and not claimed: at 10 events/s each "
    "one is a write of its own here as there, and nchan needs somewhat less CPU for it."
)


def markdown(report: dict[str, Any]) -> str:
    where = report["machine"]
    lines = [
        "# Fan-out: one event to many SSE readers",
        "",
        f"{report['readers']} readers, events of {report['event_bytes']} bytes; {where['date']}, {where['cpu']}, "
        f"{where['cores']} cores, {where['system']}, load before {where['load_before']:.1f}, commit {where['commit']}.",
        "",
        "| load | server | events | deliveries/s | deliveries / s of server CPU | events per read | against nchan |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for load, results in report["loads"].items():
        for name, result in results.items():
            base = results.get("nchan", {}).get("deliveries_per_cpu_second")
            ratio = f"{result['deliveries_per_cpu_second'] / base:.1f} ×" if base else ""
            lines.append(
                f"| {load} | {name} | {result['events']} | {result['deliveries_per_second']:,} "
                f"| {result['deliveries_per_cpu_second']:,} | {result['events_per_read']:.1f} | {ratio} |"
            )
    return "\n".join([*lines, "", MEANING]) + "\n"


if __name__ == "__main__":
    main()
