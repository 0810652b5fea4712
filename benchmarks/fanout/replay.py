"""A long log, and one reader who wants all of it while others read what is new."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

from payload import RUN, Payload
from readers import Use, check, readers
from servers import SSE, TOKEN, WEBSOCKET, Server, pulsetrain

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.model.events import NewEvent
from pulsetrain.ports import Transaction

EVENTS = 1_000_000
LIVE_READERS, RATE, QUIET_SECONDS = 100, 10, 8.0
_CHUNK = 5000


async def fill(path: Path, count: int) -> None:
    """A log of `count` small events, made straight through the store."""
    log = await SqliteLog.open(path, durability="normal")

    def register(transaction: Transaction) -> list[NewEvent]:
        transaction.set_run_token_digest(RUN, hashlib.sha256(TOKEN.encode()).hexdigest())
        return [NewEvent("run.created", {"name": "benchmark"}, RUN)]

    await log.append(register)
    for start in range(1, count, _CHUNK):
        size = min(_CHUNK, count - start)
        events = [NewEvent("run.system", {"cpu_percent": 99.0, "memory_bytes": start + n}, RUN) for n in range(size)]
        await log.append(lambda _, events=events: events)  # type: ignore[misc]
    await log.close()


def measure(name: str, load: Path, folder: Path) -> dict[str, Any]:
    """Events per second of the replay, and how the live readers fare without it and meanwhile."""
    protocol, ready = (WEBSOCKET, '"op":"live"') if "WebSocket" in name else (SSE, "event: live")
    asyncio.run(fill(folder / "pulsetrain.db", EVENTS))
    live = [*protocol, "--path", "/api/events?cursor=now", "--ready", ready]
    with pulsetrain(live, Payload(), folder) as server:
        server.publish(1, 1)
        time.sleep(1.0)
        quiet = (
            _live(server, load, 2, lambda: time.monotonic() > until)
            if (until := time.monotonic() + QUIET_SECONDS)
            else {}
        )
        again = Server(server.port, server.pids, server.publish, [*protocol, "--path", "/api/events?cursor=0"])
        use = Use(server)
        with readers(load, again, 1, "--first", "1", "--timeout", "120", until=EVENTS) as replaying:
            busy = _live(server, load, 2 + quiet["events"], lambda: replaying.done)
            seen = replaying.result()
            row = use.take()
    check(seen)
    return {
        "events": EVENTS, "replay_seconds": seen["seconds"], "events_per_second": round(EVENTS / seen["seconds"]),
        "bytes": seen["bytes"], "live_readers": LIVE_READERS, "live_rate": RATE,
        "live_quiet_us": quiet["latency_us"], "live_meanwhile_us": busy["latency_us"], **row,
    }  # fmt: skip


def _live(server: Server, load: Path, first: int, over: Any) -> dict[str, Any]:
    """Publish at RATE to LIVE_READERS until it is `over`."""
    with readers(load, server, LIVE_READERS, "--latency", "--timeout", "120") as live:
        began, number = time.monotonic(), first
        while not over():
            server.publish(number, 1)
            number += 1
            time.sleep(max(0.0, began + (number - first) / RATE - time.monotonic()))
        time.sleep(0.5)
        seen = live.leave()
    check(seen)
    return {**seen, "events": number - first}
