"""A server that ends and comes back, and all its readers at once."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from payload import Payload
from readers import Faulty, Use, check, readers
from servers import SSE, WEBSOCKET, Server, health, pulsetrain

READERS, MISSED = 5000, 500
_AT_ONCE = 100


def measure(name: str, load: Path, folder: Path) -> dict[str, Any]:
    """SIGTERM beside READERS streams, then a new server to which all come back for the MISSED events."""
    protocol, ready, bye = (
        (WEBSOCKET, '"op":"live"', '"op":"bye"') if "WebSocket" in name else (SSE, "event: live", "event: bye")
    )
    with pulsetrain([*protocol, "--path", "/api/events?cursor=now", "--ready", ready], Payload(), folder) as server:
        drained = _drain(server, load, bye)
        at = drained.pop("at")
    # What they come back for is older than the new server: its memory is filled from the store at its start, or not.
    seen_last = at["tail"] - MISSED
    path = f"/api/events?cursor={at['generation']}-{seen_last}"
    with pulsetrain([*protocol, "--path", path], Payload(), folder) as server:
        use = Use(server)
        began = time.monotonic()
        first = ["--first", str(seen_last + 1), "--timeout", "60"]
        with readers(load, server, READERS, *first, until=0) as back:
            seen = back.result()
            caught_up = time.monotonic() - began
        row = use.take()
        counts = _metrics(server.port)
    check(seen)
    if seen["complete"] != READERS:
        raise Faulty(f"Not every reader caught up: {seen}")
    return {
        "readers": READERS,
        **drained,
        "missed": MISSED,
        "caught_up_seconds": round(caught_up, 2),
        "store_reads": counts["pulsetrain_store_reads_total"],
        **row,
    }


def _drain(server: Server, load: Path, bye: str) -> dict[str, Any]:
    with readers(load, server, READERS, "--farewell", bye, "--timeout", "60") as streams:
        _publish(server, MISSED + _AT_ONCE)
        at = health(server.port)
        time.sleep(1.0)
        began = time.monotonic()
        os.kill(server.pids[0], signal.SIGTERM)
        seen = streams.result()
        seconds = time.monotonic() - began
    if seen["faults"] or seen["closed"] != READERS or seen["deliveries"] % READERS:
        raise Faulty(f"The server ended and lost something: {seen}")
    return {"at": at, "drain_seconds": round(seconds, 2), "farewells": seen["farewells"]}


def _publish(server: Server, count: int) -> None:
    """Publish and wait until all of it is in the log."""
    for first in range(1, count + 1, _AT_ONCE):
        server.publish(first, _AT_ONCE)
    while health(server.port)["tail"] < server.offset + count:
        time.sleep(0.02)


def _metrics(port: int) -> dict[str, float]:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE)}
