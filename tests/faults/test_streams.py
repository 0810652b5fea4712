"""Whatever the network and the server's process go through: readers apply the log, all of it, once and in order.

Each scenario has two publishers and one reader of each transport, one that changes the transport at each reconnect,
and one with a filter; in the end `Trial.prove` checks every promise of PROTOCOL §3.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import StartServer
from faults.gauges import held, let_go
from faults.trial import EACH, MIXED, Trial, run_trial, trial
from live import LiveServer

SECONDS = 120.0
"""More than any scenario needs on a busy machine; a hang shall say so."""


def go_through(
    server: LiveServer, fault: Callable[[Trial], Awaitable[None]], *, seconds: float = SECONDS, **reading: Any
) -> None:
    """Publish and read, let `fault` happen, and prove that it did no harm and left nothing behind."""
    before = held(server)

    async def body() -> None:
        async with trial(server) as one:
            await one.publish("alpha", "beta")
            await one.read(*EACH, MIXED, **reading)
            await one.read(MIXED, types=["run.log"], **reading)
            await one.more(50)
            await fault(one)
            await one.prove()

    run_trial(body(), seconds=seconds)
    let_go(server, before)


@pytest.fixture
def server(start_server: StartServer) -> LiveServer:
    # Nobody cuts the power here, and full durability would have each commit wait for the disk.
    return start_server("--durability", "normal")


def test_a_calm_day(server: LiveServer) -> None:
    async def nothing(one: Trial) -> None:
        await one.more(300)
        assert [reader.breaks for reader in one.readers if reader.breaks] == []

    go_through(server, nothing)


def test_kills_in_the_middle_of_a_publish_loop(start_server: StartServer) -> None:
    async def kill(one: Trial) -> None:
        for _ in range(2):
            await one.more(60)
            await one.kill_and_restart()
        await one.more(60)
        assert all(publisher.failures for publisher in one.publishers)

    go_through(start_server(), kill)


def test_a_restart_in_the_middle_of_a_replay(server: LiveServer) -> None:
    async def body() -> None:
        async with trial(server) as one:
            await one.publish("alpha", "beta", size=400)
            await one.more(3000)
            one.proxy.down.rate = 300_000
            readers = await one.read(*EACH, MIXED)
            tail = (await one.health())["tail"]
            await asyncio.gather(*(reader.reach(tail // 10) for reader in readers))
            assert all(reader.seq < tail for reader in readers if "poll" not in reader.transports)
            await one.kill_and_restart()
            one.proxy.heal()
            await one.prove()

    run_trial(body(), seconds=SECONDS)


async def freeze(one: Trial, seconds: float) -> None:
    """The server's process stands still, and goes on as if nothing had been."""
    process = one.server.process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    await one.more(50)
    assert any(reader.breaks for reader in one.readers), "nobody noticed; readers shall give a silent server up"


def test_a_server_that_stands_still(server: LiveServer) -> None:
    go_through(server, lambda one: freeze(one, 3), silence=1.0, wait=1)


@pytest.mark.soak
def test_a_server_that_stands_still_for_longer_than_any_patience(server: LiveServer) -> None:
    go_through(server, lambda one: freeze(one, 40), seconds=240)


def test_resets_in_the_middle_of_a_frame(server: LiveServer) -> None:
    async def reset(one: Trial) -> None:
        for way in (one.proxy.down, one.publish_proxy.down):
            way.reset_between = (800, 20_000)
        one.publish_proxy.up.reset_between = (800, 20_000)
        await one.proxy.cut()
        await one.publish_proxy.cut()
        await one.more(400)
        assert all(len(reader.breaks) > 1 for reader in one.readers if reader.transports != ("poll",))
        assert all(publisher.failures > 1 for publisher in one.publishers)
        one.proxy.heal()
        one.publish_proxy.heal()

    go_through(server, reset)


def test_single_bytes(server: LiveServer) -> None:
    async def slice_all(one: Trial) -> None:
        one.proxy.down.slice = one.proxy.up.slice = one.publish_proxy.up.slice = 1
        await one.proxy.cut()
        await one.more(20)
        await one.caught_up()
        assert all(reader.connections > 1 for reader in one.readers)
        one.publish_proxy.heal()

    go_through(server, slice_all)


@pytest.mark.parametrize("held", ["swallow", "stop"])
def test_a_server_that_is_no_longer_heard(server: LiveServer, held: str) -> None:
    async def lose(one: Trial) -> None:
        setattr(one.proxy.down, held, True)
        await asyncio.gather(*(reader.broken(1) for reader in one.readers))
        one.proxy.heal()
        await one.more(50)

    go_through(server, lose, silence=1.0, wait=1)


def test_readers_whose_leaving_is_not_heard(server: LiveServer) -> None:
    async def leave(one: Trial) -> None:
        ghosts = await one.read(*EACH)
        await asyncio.gather(*(ghost.reach(1) for ghost in ghosts))
        one.proxy.up.swallow = True
        await one.leave(ghosts)
        await one.more(50)
        assert one.proxy.half_open >= 3, "the server goes on writing to who is no longer there"
        one.proxy.heal()
        await one.more(50)

    go_through(server, leave, silence=1.0, wait=1)


def test_two_seconds_of_latency(server: LiveServer) -> None:
    async def slow_down(one: Trial) -> None:
        for proxy in (one.proxy, one.publish_proxy):
            proxy.down.delay = proxy.up.delay = 1.0
            await proxy.cut()
        await one.more(8)
        await one.caught_up()
        one.proxy.heal()
        one.publish_proxy.heal()

    go_through(server, slow_down, silence=10.0)


def test_flapping(server: LiveServer) -> None:
    async def flap(one: Trial) -> None:
        async with one.proxy.flapping(0.3), one.publish_proxy.flapping(0.3):
            await one.more(200)
            await asyncio.gather(*(reader.broken(5) for reader in one.readers))

    go_through(server, flap)


def test_a_buffering_proxy(server: LiveServer) -> None:
    async def gather(one: Trial) -> None:
        one.proxy.down.gather, one.proxy.down.gather_seconds = 16_384, 0.4
        await one.proxy.cut()
        await one.more(200)
        await one.caught_up()

    go_through(server, gather)


def test_a_proxy_that_never_lets_a_stream_through(server: LiveServer) -> None:
    """It holds an answer until it is whole. Who can poll gets everything all the same."""

    async def body() -> None:
        async with trial(server) as one:
            await one.publish("alpha")
            one.proxy.down.gather = 10_000_000
            await one.read(["poll"], ["sse", "poll"], ["json", "poll"], silence=1.0, wait=1)
            await one.more(100)
            await one.prove()

    run_trial(body(), seconds=SECONDS)


def test_a_server_that_comes_back_empty_says_so(server: LiveServer, tmp_path: Path) -> None:
    async def body() -> None:
        async with trial(server) as one:
            await one.publish("alpha")
            await one.read(*EACH, MIXED)
            await one.more(100)
            await one.caught_up()
            await one.forget_publishers()
            await one.kill_and_restart(data=tmp_path / "empty")
            await one.publish("gamma")
            await one.more(100)
            await one.prove(resets=["generation"])

    run_trial(body(), seconds=SECONDS)
