"""What readers cost the server: nothing when they have left, and little while they are slow."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from conftest import StartServer
from faults.gauges import held, let_go, resident
from faults.proxy import Proxy
from faults.readers import Reader
from faults.trial import EACH, MIXED, Trial, run_trial, trial
from live import LiveServer
from pulsetrain.http import ws
from server.sse_site import Site, line, on_site

MIB = 1024 * 1024


@pytest.fixture
def server(start_server: StartServer) -> LiveServer:
    return start_server("--durability", "normal")


async def fill(one: Trial) -> None:
    """Fill the server's memory of recent events, so that what comes does not make it grow."""
    await one.append("filler", 30_000, size=1600, batch=1500)


def test_nothing_is_left_of_readers_that_left(server: LiveServer) -> None:
    async def come_and_go() -> None:
        async with trial(server) as one:
            start = await one.cursor()
            await one.publish(f"alpha {start}")
            for _ in range(5):
                await one.read(*EACH, MIXED, start=start)
            await one.seen(10)
            one.proxy.down.reset_between = (600, 6000)
            await one.proxy.cut()
            await asyncio.gather(*(reader.broken(2) for reader in one.readers if reader.transports != ("poll",)))
            one.proxy.heal()
            await one.seen(10)
            one.proxy.up.swallow = True
            await one.leave(one.readers[:10])
            await one.more(20)

    async def warm_up() -> None:
        async with trial(server) as one:
            await fill(one)

    before = held(server)
    run_trial(warm_up(), seconds=60)
    run_trial(come_and_go(), seconds=60)
    let_go(server, before)
    memory = resident(server)
    for _ in range(3):
        run_trial(come_and_go(), seconds=60)
        let_go(server, before)
    assert resident(server) - memory < 12 * MIB


async def read_slowly(one: Trial, *, megabytes: int, seconds: float) -> None:
    """Let readers take 1 kB/s while events come as fast as they can; then let them go on at full speed."""
    await fill(one)
    one.proxy.down.rate = 1000
    start = await one.cursor()
    readers = await one.read(*EACH, start=start, silence=600, deflate=False)
    await asyncio.gather(*(reader.heard() for reader in readers))
    memory, until = resident(one.server), time.monotonic() + seconds
    publisher = await one.append("fast", 0, size=20_000, batch=100)
    rows = megabytes * 200
    while publisher.known.acknowledged < rows or time.monotonic() < until:
        await publisher.upto(publisher.known.acknowledged + 50)
        await asyncio.sleep(0 if publisher.known.acknowledged < rows else 1)
    tail = (await one.health())["tail"]
    assert all(reader.seq < tail for reader in readers)
    assert resident(one.server) - memory < 16 * MIB, f"{megabytes} MB went by"
    one.proxy.heal()
    await asyncio.gather(*(reader.reach(tail, patience=200) for reader in readers))
    # What lay in the kernel would have come even if the server had left: one more event tells.
    await publisher.upto(publisher.known.acknowledged + 1)
    await one.caught_up()
    assert {reader.read.name: reader.breaks for reader in readers} == {reader.read.name: [] for reader in readers}


def test_who_reads_slowly_costs_no_memory_and_loses_nothing(server: LiveServer) -> None:
    async def body() -> None:
        async with trial(server, receive_buffer=4096) as one:
            await read_slowly(one, megabytes=20, seconds=0)
            await one.prove(replays=[])

    run_trial(body(), seconds=120)


@pytest.mark.parametrize("transport", ["json", "msgpack"])
def test_a_ping_waits_for_its_answer_while_what_came_before_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.setattr(ws, "PING_SECONDS", 0.5)

    async def body(site: Site) -> None:
        for _ in range(10):
            await site.append(line(os.urandom(50_000).hex()))  # deflate makes half of it
        async with Proxy(site.port, receive_buffer=4096) as proxy:
            slow = Reader("slow", proxy.port, f"{site.log.view().generation}-0", [transport], silence=60)
            reading = asyncio.create_task(slow.run())
            await slow.heard()
            proxy.down.rate = 100_000
            await slow.reach(10)
            await site.append(line("one more over the same connection"))
            await slow.reach(11)
            assert slow.breaks == []
            reading.cancel()

    on_site(tmp_path, body)


@pytest.mark.soak
def test_who_takes_nothing_is_given_up(server: LiveServer) -> None:
    """After 30 s, in which a write waits. What finds room in the kernel does not wait, and costs the server nothing."""

    async def body() -> None:
        before = held(server)
        async with trial(server, receive_buffer=4096) as one:
            readers = await one.read(("sse",), ("json",), ("msgpack",), silence=200, deflate=False)
            await asyncio.gather(*(reader.heard() for reader in readers))
            one.proxy.down.stop = True
            await one.append("fast", 1500, size=20_000, batch=100)
            assert held(server).readers == before.readers + 3
            await asyncio.to_thread(let_go, server, before)
            one.proxy.heal()
            await one.prove(replays=[])

    run_trial(body(), seconds=240)


@pytest.mark.soak
@pytest.mark.parametrize("receive_buffer", [4096, None], ids=["little room", "usual room"])
def test_who_reads_slowly_for_long_is_waited_for(server: LiveServer, receive_buffer: int | None) -> None:
    async def body() -> None:
        async with trial(server, receive_buffer=receive_buffer) as one:
            await read_slowly(one, megabytes=20, seconds=100)
            await one.prove(replays=[])

    run_trial(body(), seconds=400)
