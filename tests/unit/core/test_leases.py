"""A lapsed lease is said aloud and heals; a run that was silent for long is lost and comes back too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.leases import Leases
from pulsetrain.core.runs import RegisterRequest, Runs
from pulsetrain.core.trainers import Trainers
from pulsetrain.model.events import NewEvent


class HeldClock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return 1_760_000_000.0 + self.now

    def monotonic(self) -> float:
        return self.now


Scenario = Callable[[SqliteLog, Runs, Leases, HeldClock], Awaitable[None]]


def play(tmp_path: Path, scenario: Scenario) -> None:
    async def main() -> None:
        log = await SqliteLog.open(tmp_path / "log.db")
        clock = HeldClock()
        try:
            await scenario(log, Runs(log, Trainers([])), Leases(log, clock, 15.0, 3600.0), clock)
        finally:
            await log.close()

    asyncio.run(main())


async def registered(runs: Runs) -> str:
    return (await runs.register(RegisterRequest(["python", "train.py"]), by="test")).run.id


def test_a_silent_run_becomes_unresponsive_and_heals_when_data_returns(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, leases: Leases, clock: HeldClock) -> None:
        run = await registered(runs)
        leases.seen(run)
        clock.now += 14
        await leases.sweep()
        assert (await runs.get(run))[0].responsive
        clock.now += 2
        await leases.sweep()
        silent = (await runs.get(run))[0]
        assert not silent.responsive
        assert silent.last_seen == clock.time() - 16
        assert silent.state == "starting", "silence is not an end"
        leases.seen(run)
        await leases.close()
        assert (await runs.get(run))[0].responsive

    play(tmp_path, scenario)


def test_a_lapse_is_told_once(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, leases: Leases, clock: HeldClock) -> None:
        run = await registered(runs)
        leases.seen(run)
        for _ in range(5):
            clock.now += 20
            await leases.sweep()
        _, events = await log.run_events(run, ["run.lease"])
        assert [event.data["held"] for event in events] == [False]

    play(tmp_path, scenario)


def test_a_run_that_was_silent_for_an_hour_is_lost_and_comes_back(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, leases: Leases, clock: HeldClock) -> None:
        run = await registered(runs)
        leases.seen(run)
        clock.now += 20
        await leases.sweep()
        clock.now += 3600
        await leases.sweep()
        assert (await runs.get(run))[0].state == "lost"
        await log.append(lambda _: [NewEvent("run.status", {"state": "running"}, run)])
        assert (await runs.get(run))[0].state == "running"
        leases.seen(run)
        await leases.close()
        assert (await runs.get(run))[0].responsive

    play(tmp_path, scenario)


def test_a_restarted_server_grants_every_live_run_a_fresh_lease_and_hears_of_dead_ones(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, leases: Leases, clock: HeldClock) -> None:
        run = await registered(runs)
        lapsed: list[str] = []

        async def on_lapse(id: str) -> None:
            lapsed.append(id)

        await leases.start(on_lapse)
        await leases.sweep()
        assert lapsed == []
        clock.now += 16
        await leases.sweep()
        assert lapsed == [run]
        await leases.close()

    play(tmp_path, scenario)


def test_an_ended_run_may_be_silent(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, leases: Leases, clock: HeldClock) -> None:
        run = await registered(runs)
        leases.seen(run)
        await log.append(lambda _: [NewEvent("run.status", {"state": "succeeded"}, run)])
        clock.now += 10_000
        await leases.sweep()
        await leases.sweep()
        known = (await runs.get(run))[0]
        assert known.responsive
        assert known.state == "succeeded"

    play(tmp_path, scenario)
