"""All readers at once: after a restart, and when the server takes its leave."""

from __future__ import annotations

import asyncio
import random
import resource
import time

import pytest

from conftest import StartServer
from faults.gauges import metrics
from faults.readers import Farewell, Reader
from faults.trial import EACH, run_trial, trial
from live import LiveServer

BEHIND = 200
"""Events that the reader furthest behind has to catch up with."""


def stampede(server: LiveServer, readers: int, *, seconds: float) -> tuple[float, float]:
    """Let so many readers that are slightly behind come at once after a restart, and check what each applied.

    Returns the seconds from the restart until all were live, and how many pages the store had to read.
    """
    measured = []

    async def body() -> None:
        async with trial(server) as one:
            await one.append("alpha", 2000, batch=100)
            health = await one.health()
            await asyncio.to_thread(server.kill)
            chance = random.Random(1)
            for at in range(readers):
                start = f"{health['generation']}-{health['tail'] - chance.choice((0, 0, 1, 2, 5, 20, BEHIND))}"
                # Straight to the server, each time in the same transport; patience is for this side's own slowness.
                reader = Reader(f"reader {at}", server.port, start, EACH[at % len(EACH)], silence=120, wait=1)
                reader.pause = chance.uniform(0.1, 0.3)
                one.set_to_work(reader)
            await asyncio.gather(*(reader.broken(1) for reader in one.readers))
            await asyncio.to_thread(server.start)
            began = time.monotonic()
            await asyncio.gather(*(reader.live(patience=seconds) for reader in one.readers))
            counted = await asyncio.to_thread(metrics, server)
            measured[:] = time.monotonic() - began, counted["pulsetrain_store_reads_total"]
            await one.append("beta", 20)
            await one.prove(replays=[])

    run_trial(body(), seconds=2 * seconds + 60)
    return measured[0], measured[1]


def test_a_stampede_after_a_restart(start_server: StartServer) -> None:
    _, reads = stampede(start_server("--durability", "normal"), 300, seconds=60)
    # A server that comes back has the newest events in memory before it takes readers.
    assert reads <= 5


@pytest.mark.soak
def test_a_stampede_of_thousands(start_server: StartServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # The server inherits it.
    try:
        seconds, reads = stampede(start_server("--durability", "normal"), 5000, seconds=240)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(f"5,000 readers were caught up {seconds:.1f} s after the restart; the store read {reads:.0f} pages.")
    assert reads <= 5


def test_a_server_that_ends_takes_its_leave(start_server: StartServer) -> None:
    server = start_server("--durability", "normal")

    async def body() -> None:
        async with trial(server) as one:
            await one.publish("alpha", "beta")
            readers = await one.read(*EACH * 8)
            await one.more(50)
            await one.end_and_restart()
            await one.more(50)
            await one.prove()
            _check_farewells([reader for reader in readers if reader.transports != ("poll",)])

    run_trial(body(), seconds=120)


def _check_farewells(readers: list[Reader]) -> None:
    """Each was told once that the server restarts, and when to come back; not all at the same time."""
    farewells = []
    for reader in readers:
        # A late comer may hear the same word again while the server is on its way out.
        assert reader.farewells, f"{reader} heard no bye"
        farewells += reader.farewells[:1]
    codes = {"sse": None, "json": 1012, "msgpack": 1012}
    for one in farewells:
        assert one == Farewell(one.transport, "restart", one.retry_seconds, codes[one.transport])
    times = {one.retry_seconds for one in farewells}
    assert all(1 <= one <= 5 for one in times) and len(times) > len(farewells) * 0.8
