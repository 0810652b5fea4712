"""What is measured. Each scenario takes a server's name and gives rows of raw numbers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import replay
import restart
from payload import Payload
from readers import Faulty, Programs, Use, check, memory_kib, readers
from servers import SERVERS, Server

Row = dict[str, Any]

AT_ONCE = 100
"""Events to a publication at saturation, as pulsetrain's supervisor ships them."""
SATURATED_SECONDS = 3.0
MOST_EVENTS = 120_000
EXPECTED = {"pulsetrain": 5e6, "C": 8e6, "nchan": 8e4, "Starlette": 1.2e5, "websockets": 1.5e5, "Redis": 4e5}
"""Deliveries per second that each is thought to reach: it only decides how many events it is given."""
PACED_SECONDS = 6.0
SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Choice:
    programs: Programs
    counts: list[int]
    idle_readers: int
    idle_seconds: float


def saturation(name: str, choice: Choice) -> Iterator[Row]:
    """Publish without a pause, 100 events at a time; every reader gets every event."""
    for count in choice.counts:
        wanted = EXPECTED[name.split()[0].split(".")[0]] * SATURATED_SECONDS / count
        events = max(AT_ONCE // 2, min(MOST_EVENTS, round(wanted / AT_ONCE) * AT_ONCE))
        yield {"readers": count, **_published(name, choice, count, events, AT_ONCE, None)}


def latency(name: str, choice: Choice) -> Iterator[Row]:
    """One event to a publication, 10 and 100 a second; from before the publication to the read() of every reader."""
    for count in choice.counts:
        for rate in (10, 100):
            if count * rate > 100_000:
                continue  # No server takes that on one core one by one; it is no low rate.
            events = round(rate * PACED_SECONDS)
            row = _published(name, choice, count, events, 1, rate, "--latency")
            yield {"readers": count, "rate": rate, **row}


def idle(name: str, choice: Choice) -> Iterator[Row]:
    """Connections that nothing is sent to, apart from what the server does to keep them alive."""
    with SERVERS[name](Payload()) as server:
        count = choice.idle_readers
        time.sleep(SETTLE_SECONDS / 2)
        empty = memory_kib(server)
        with readers(choice.programs.load, server, count, "--timeout", "600") as load:
            time.sleep(SETTLE_SECONDS)
            use = Use(server)
            time.sleep(choice.idle_seconds)
            row = use.take()
            after = memory_kib(server)
            seen = load.leave()
        check(seen)
        yield {
            "readers": count, "kib_empty": empty, "kib": after, "kib_per_connection": round((after - empty) / count, 2),
            "opening_seconds": round(load.opening_seconds, 2),
            "cpu_percent": round(100 * row["server_cpu_seconds"] / row["wall_seconds"], 2), **row,
        }  # fmt: skip


def deflate(name: str, choice: Choice) -> Iterator[Row]:
    """Events with numbers as a training logs them, as bursts of 100 and one by one."""
    for publication, events, at_once, pace in (("20 × 100/s", 8000, 100, 20), ("100 × 1/s", 400, 1, 100)):
        row = _published(name, choice, 1000, events, at_once, pace, payload=Payload(numbers=True))
        yield {"readers": 1000, "publication": publication, **row}


def _published(
    name: str, choice: Choice, count: int, events: int, at_once: int, pace: float | None, *options: str,
    payload: Payload | None = None,
) -> Row:  # fmt: skip
    """Give `events` events to a fresh server, `pace` publications a second; what became of them."""
    with SERVERS[name](payload or Payload()) as server:
        first = ["--first", str(server.offset + 1), "--timeout", "90"]
        with readers(choice.programs.load, server, count, *first, *options, until=events) as load:
            use = Use(server)
            _publish(server, events, at_once, pace)
            seen = load.result()
            row = use.take()
    check(seen)
    if seen["complete"] != count:
        raise Faulty(f"Not every reader got every event in time: {seen}")
    return {
        "events": events, "deliveries": seen["deliveries"], **row,
        "deliveries_per_second": round(seen["deliveries"] / row["wall_seconds"]),
        "deliveries_per_cpu_second": round(seen["deliveries"] / max(row["server_cpu_seconds"], 0.01)),
        "bytes_per_delivery": round(seen["bytes"] / seen["deliveries"], 1),
        "events_per_read": round(seen["deliveries"] / seen["reads"], 1),
        "client_cpu_seconds": seen["cpu_seconds"], "inflations": seen["inflations"],
        "latency_us": seen.get("latency_us"),
    }  # fmt: skip


def _publish(server: Server, events: int, at_once: int, pace: float | None) -> None:
    began = time.monotonic()
    for index, first in enumerate(range(1, events + 1, at_once)):
        if pace is not None:
            time.sleep(max(0.0, began + index / pace - time.monotonic()))
        server.publish(first, min(at_once, events + 1 - first))


def replayed(name: str, choice: Choice) -> Iterator[Row]:
    """A million events to one reader from the beginning, while 100 others read live."""
    with tempfile.TemporaryDirectory() as folder:
        yield replay.measure(name, choice.programs.load, Path(folder))


def restarted(name: str, choice: Choice) -> Iterator[Row]:
    """SIGTERM with 5,000 readers, and their coming back all at once to the server that follows."""
    with tempfile.TemporaryDirectory() as folder:
        yield restart.measure(name, choice.programs.load, Path(folder))


OURS = ["pulsetrain SSE", "pulsetrain WebSocket"]
EVERYBODY = [name for name in SERVERS if not name.endswith(("deflate", "sync"))]

SCENARIOS: dict[str, tuple[Callable[[str, Choice], Iterator[Row]], list[str]]] = {
    "saturation": (saturation, EVERYBODY),
    "latency": (latency, [name for name in SERVERS if not name.endswith("deflate")]),
    "idle": (idle, EVERYBODY),
    "deflate": (deflate, ["pulsetrain WebSocket", "pulsetrain WebSocket deflate"]),
    "replay": (replayed, OURS),
    "restart": (restarted, OURS),
}
