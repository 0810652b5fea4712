"""Who waits starts in its turn with what it was given, and a start that fails is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.artifacts import Artifacts
from pulsetrain.core.line import QueueMove
from pulsetrain.core.pasts import Pasts
from pulsetrain.core.preparation import Preparation
from pulsetrain.core.runs import Runs, StartRequest, token_digest
from pulsetrain.core.scheduler import Scheduler
from pulsetrain.core.trainers import Trainers
from pulsetrain.model.errors import DatasetNotFound, DoesNotFit, RunNotQueued
from pulsetrain.model.events import NewEvent
from pulsetrain.model.queue import Gpu, Machine
from pulsetrain.model.resources import Wanted
from pulsetrain.model.runs import Resources
from pulsetrain.model.trainers import Trainer
from pulsetrain.ports import Launch


class Launches:
    """An executor that only notes what it should start; `signal` tells of each."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[Launch] = asyncio.Queue()
        self.refusal: OSError | None = None
        self.scheduler: Scheduler | None = None
        """Who asks it."""

    async def start(self, launch: Launch) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.started.put_nowait(launch)

    async def recover(self, run: str) -> bool:
        return False

    def pid(self, run: str) -> int | None:
        return None

    async def close(self) -> None:
        pass


Scenario = Callable[[SqliteLog, Runs, Launches], Awaitable[None]]


class SystemClock:
    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


ROOMY = Machine(cores=4, memory_bytes=2**30, gpus=(Gpu(0), Gpu(1)), slots=8)


def play(tmp_path: Path, scenario: Scenario, *, slots: int = 1, machine: Machine | None = None) -> None:
    def dataset_path(id: str, digest: str | None) -> Path:
        if id == "gone.csv":
            raise DatasetNotFound("There is no data set 'gone.csv'.")
        return tmp_path / id

    async def main() -> None:
        log = await SqliteLog.open(tmp_path / "log.db")
        executor = Launches()
        artifacts = Artifacts(tmp_path / "runs", 10**6)
        preparation = Preparation(tmp_path / "runs", artifacts, dataset_path=dataset_path)
        has = machine or Machine(cores=64, memory_bytes=2**36, slots=slots)
        pasts = Pasts(log)
        await pasts.start()
        scheduler = Scheduler(log, SystemClock(), executor, preparation, has, pasts, manages_gpus=bool(has.gpus))
        executor.scheduler = scheduler
        await scheduler.start()
        gan = Trainer("gan", "GAN", data="csv", resources=Resources(cores=2))
        try:
            await scenario(log, Runs(log, Trainers([gan]), machine=has), executor)
        finally:
            await scheduler.close()
            await log.close()

    asyncio.run(asyncio.wait_for(main(), 30))


async def ended(log: SqliteLog, run: str) -> None:
    await log.append(lambda _: [NewEvent("run.status", {"state": "succeeded"}, run)])


async def state(log: SqliteLog, run: str, wanted: str) -> str | None:
    """Wait for `run` to be in `wanted`; each commit is the signal to look again."""
    moved = asyncio.Event()
    log.on_commit(lambda _: moved.set())
    while True:
        _, known = await log.run(run)
        assert known is not None
        if known.state == wanted:
            return known.message
        await moved.wait()
        moved.clear()


def test_runs_take_the_slot_in_the_order_of_their_creation(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        ids = [(await runs.start(StartRequest("gan", f"{n}.csv"), by="test"))[0].id for n in range(3)]
        for id in ids:
            launch = await executor.started.get()
            assert launch.run == id
            assert executor.started.empty(), "one slot, one run"
            assert (await runs.get(id))[0].state == "starting"
            await ended(log, id)

    play(tmp_path, scenario)


def test_several_slots_start_several_runs(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        ids = {(await runs.start(StartRequest("gan", "a.csv"), by="test"))[0].id for _ in range(3)}
        first, second = await executor.started.get(), await executor.started.get()
        assert {first.run, second.run} < ids
        await ended(log, first.run)
        assert {first.run, second.run, (await executor.started.get()).run} == ids

    play(tmp_path, scenario, slots=2)


def test_a_launch_carries_the_specification_and_a_token_that_the_log_knows(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        run, _ = await runs.start(StartRequest("gan", "a.csv"), by="test")
        launch = await executor.started.get()
        assert await log.run_token_digest(run.id) == token_digest(launch.token)
        spec = msgspec.json.decode(Path(launch.environment["PULSETRAIN_SPEC"]).read_bytes())
        assert spec["trainer"] == "gan"
        assert spec["dataset"] == str(tmp_path / "a.csv")
        assert (launch.attempt, launch.cores) == (1, 2)

    play(tmp_path, scenario)


def test_a_run_that_cannot_be_prepared_fails_and_frees_its_slot(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        broken, _ = await runs.start(StartRequest("gan", "gone.csv"), by="test")
        sound, _ = await runs.start(StartRequest("gan", "a.csv"), by="test")
        assert "gone.csv" in (await state(log, broken.id, "failed") or "")
        assert (await executor.started.get()).run == sound.id

    play(tmp_path, scenario)


def test_a_supervisor_that_does_not_start_fails_the_run_with_the_reason(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        executor.refusal = OSError(12, "Cannot allocate memory")
        run, _ = await runs.start(StartRequest("gan", "a.csv"), by="test")
        assert "Cannot allocate memory" in (await state(log, run.id, "failed") or "")

    play(tmp_path, scenario)


@pytest.mark.parametrize("slots", [1, 2])
def test_waiting_runs_are_found_again_after_a_restart(tmp_path: Path, slots: int) -> None:
    async def before(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        await runs.start(StartRequest("gan", "a.csv"), by="test")
        await executor.started.get()
        await runs.start(StartRequest("gan", "b.csv"), by="test")

    async def after(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        first, second = sorted(await log.active_runs(), key=lambda run: run.first_seq)
        assert (first.state, second.state) == ("starting", "queued")
        await ended(log, first.id)
        assert (await executor.started.get()).run == second.id

    play(tmp_path, before)
    play(tmp_path, after)


def test_a_run_of_which_nothing_is_left_frees_its_slot(tmp_path: Path) -> None:
    """A server that was killed between the claim and the start left its run `starting` for an hour."""

    async def before(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        await runs.start(StartRequest("gan", "a.csv"), by="test")
        await executor.started.get()

    async def after(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        [left] = await log.active_runs()
        waiting, _ = await runs.start(StartRequest("gan", "b.csv"), by="test")
        assert executor.scheduler is not None
        await executor.scheduler.abandon(left.id)
        assert (await runs.get(left.id))[0].state == "failed"
        assert (await executor.started.get()).run == waiting.id

    play(tmp_path, before)
    play(tmp_path, after)


def visible(launch: Launch) -> str | None:
    return launch.environment.get("CUDA_VISIBLE_DEVICES")


def test_a_run_sees_the_gpus_that_it_was_given_and_others_those_that_nobody_holds(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        async def launch(**wanted: object) -> Launch:
            await runs.start(StartRequest("gan", "a.csv", resources=Wanted(**{"cores": 0.5, **wanted})), by="test")  # type: ignore[arg-type]
            return await executor.started.get()

        modest = await launch()
        assert visible(modest) == "0,1"
        named = await launch(gpu_indices=[1])
        assert visible(named) == "1"
        assert visible(await launch()) == "0", "what another run holds is not lent"
        assert visible(await launch(gpus=1)) == "0"
        assert visible(await launch()) == ""
        await ended(log, named.run)
        assert visible(await launch(gpus=1)) == "1"

    play(tmp_path, scenario, machine=ROOMY)


def test_after_a_restart_it_is_known_who_holds_which_gpu(tmp_path: Path) -> None:
    async def before(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        await runs.start(StartRequest("gan", "a.csv", resources=Wanted(gpus=1)), by="test")
        assert visible(await executor.started.get()) == "0"

    async def after(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        await runs.start(StartRequest("gan", "a.csv", resources=Wanted(gpus=1)), by="test")
        assert visible(await executor.started.get()) == "1"

    play(tmp_path, before, machine=ROOMY)
    play(tmp_path, after, machine=ROOMY)


def test_what_can_never_fit_is_refused(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        for wanted in (Wanted(cores=5), Wanted(memory_bytes=2**31), Wanted(gpus=3), Wanted(gpu_indices=[2])):
            with pytest.raises(DoesNotFit):
                await runs.start(StartRequest("gan", "a.csv", resources=wanted), by="test")
        assert log.view().tail == 0

    play(tmp_path, scenario, machine=ROOMY)


def test_waiting_runs_are_moved_and_told_where_they_stand(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        first = (await runs.start(StartRequest("gan", "a.csv"), by="test"))[0].id
        await executor.started.get()
        a, b, c, d = [(await runs.start(StartRequest("gan", "a.csv"), by="test"))[0].id for _ in range(4)]
        assert executor.scheduler is not None
        line = executor.scheduler.line
        await line.move(c, QueueMove(before=b))
        await line.move(a, QueueMove(after=d))
        await line.move(d, QueueMove(priority=5))
        assert [one.run for one in line.page().waiting] == [d, c, b, a]
        await position(log, a, 4)
        with pytest.raises(RunNotQueued):
            await line.move(first, QueueMove(priority=1))
        await ended(log, first)
        assert (await executor.started.get()).run == d
        await position(log, d, None)
        await position(log, c, 1)

    play(tmp_path, scenario)


async def position(log: SqliteLog, run: str, wanted: int | None) -> None:
    """Wait for the run to be told that it stands at `wanted`."""
    moved = asyncio.Event()
    log.on_commit(lambda _: moved.set())
    while True:
        _, known = await log.run(run)
        assert known is not None
        if known.progress is not None and known.progress.queue_position == wanted:
            return
        await moved.wait()
        moved.clear()


def test_a_paused_run_gives_back_its_slot_and_its_cores_but_not_its_memory(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs, executor: Launches) -> None:
        half = Wanted(cores=4, memory_bytes=2**29)
        one, two = [(await runs.start(StartRequest("gan", "a.csv", resources=half), by="test"))[0].id for _ in "ab"]
        big = (await runs.start(StartRequest("gan", "a.csv", resources=Wanted(memory_bytes=2**30)), by="test"))[0].id
        assert (await executor.started.get()).run == one
        await log.append(lambda _: [NewEvent("run.status", {"state": "running"}, one)])
        await log.append(lambda _: [NewEvent("run.status", {"state": "paused"}, one)])
        assert (await executor.started.get()).run == two
        await ended(log, two)
        await position(log, big, 1)
        assert executor.scheduler is not None
        [waiting] = executor.scheduler.line.page().waiting
        assert "1 GiB of memory (0.5 GiB free)" in waiting.reason
        await ended(log, one)
        assert (await executor.started.get()).run == big

    play(tmp_path, scenario, machine=ROOMY)
