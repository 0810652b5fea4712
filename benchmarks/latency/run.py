"""From a producer's POST of records to the event at an SSE client, on loopback.

    python benchmarks/latency/run.py [--events 1000] [--pace 100] [--others 0] [--out FOLDER]

One producer posts one record of three scalars at a time, at `--pace` per second, to the measured server (its own
process, SQLite with a disk sync for each commit); one SSE client takes the time when the frame with the record's
number arrives. Both sides are this process and read one clock. `--others` opens that many further SSE readers.
The way before the POST (spool, supervisor) is not in this number.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from machine import machine  # noqa: E402
from publisher import Http  # noqa: E402


def stream(port: int) -> socket.socket:
    """A connection that has asked for the stream."""
    reader = socket.create_connection(("127.0.0.1", port))
    reader.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
    return reader


def listen(reader: socket.socket, count: int, arrived: dict[int, float], live: threading.Event) -> None:
    rest = b""
    while len(arrived) < count:
        rest += reader.recv(1 << 16)
        now = time.perf_counter()
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if line.startswith(b"event: live"):
                live.set()
            if line.startswith(b'data: {"seq":') and b'"step":[' in line:
                arrived[int(line.partition(b'"step":[')[2].partition(b"]")[0])] = now


def record(number: int) -> bytes:
    values = {"generator_loss": [0.71], "discriminator_loss": [0.69], "accuracy": [0.5]}
    data = {"step": [number], "time": [time.time()], "values": values}
    records = [{"n": number, "type": "run.metrics", "data": data}]
    return json.dumps({"attempt": 1, "producer": "bench", "records": records}).encode()


def measure(port: int, run: str, token: str, events: int, pace: float) -> tuple[list[float], list[float]]:
    """Seconds from before each POST to its event at the reader, and to its answer at the producer."""
    arrived: dict[int, float] = {}
    live = threading.Event()
    listener = threading.Thread(target=listen, args=(stream(port), events, arrived, live), daemon=True)
    listener.start()
    live.wait(10)
    producer = Http(port)
    sent: dict[int, float] = {}
    answered: list[float] = []
    began = time.perf_counter()
    for number in range(1, events + 1):
        time.sleep(max(0.0, began + number / pace - time.perf_counter()))
        body = record(number)
        sent[number] = time.perf_counter()
        producer.send(f"/api/runs/{run}/records", body, f"Authorization: Bearer {token}\r\n")
        producer.answer()
        answered.append(time.perf_counter() - sent[number])
    listener.join()
    return [arrived[number] - sent[number] for number in sorted(sent)], answered


def summary(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=1000)
    milliseconds = {"median": cuts[499], "p90": cuts[899], "p99": cuts[989], "max": max(seconds)}
    return {f"{name}_ms": round(value * 1000, 2) for name, value in milliseconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--pace", type=float, default=100)
    parser.add_argument("--others", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    choice = parser.parse_args()
    report: dict[str, Any] = {"machine": machine()} | {
        name: getattr(choice, name) for name in ("events", "pace", "others")
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE.parent / "server.py"), folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                port, run, token = server.stdout.readline().split()
                for _ in range(choice.others):
                    threading.Thread(target=_swallow, args=(stream(int(port)),), daemon=True).start()
                arrivals, answers = measure(int(port), run, token, choice.events, choice.pace)
            finally:
                server.kill()
    report |= {"post_to_event": summary(arrivals), "post_to_answer": summary(answers)}
    report["raw_post_to_event_ms"] = [round(seconds * 1000, 3) for seconds in arrivals]
    choice.out.mkdir(parents=True, exist_ok=True)
    (choice.out / "latency.json").write_text(json.dumps(report) + "\n")
    (choice.out / "latency.md").write_text(markdown(report))
    print(markdown(report))


def _swallow(reader: socket.socket) -> None:
    while reader.recv(1 << 20):
        pass


def markdown(report: dict[str, Any]) -> str:
    where = report["machine"]
    lines = [
        "# Latency: POST of a record → the event at an SSE client",
        "",
        f"{report['events']} events at {report['pace']:g} per second, {report['others']} other readers; "
        f"{where['date']}, {where['cpu']}, {where['cores']} cores, {where['system']}, "
        f"load before {where['load_before']:.1f}, commit {where['commit']}.",
        "",
        "| | median | p90 | p99 | max |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in ("post_to_event", "post_to_answer"):
        cells = " | ".join(f"{value} ms" for value in report[name].values())
        lines.append(f"| {name.replace('_', ' ')} | {cells} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
