"""Runs are created once, stopped as asked, and never moved after their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.runs import RegisterRequest, Runs, StartRequest
from pulsetrain.core.trainers import Trainers
from pulsetrain.model.errors import (
    BadParameters,
    BadRequest,
    PulsetrainError,
    RunExists,
    RunNotActive,
    RunNotFound,
    TrainerNotFound,
    TrainerUnavailable,
)
from pulsetrain.model.events import NewEvent
from pulsetrain.model.trainers import Trainer

EPOCHS = {
    "type": "object",
    "properties": {"epochs": {"type": "integer", "title": "Epochs", "default": 300, "minimum": 1, "maximum": 1000}},
}
TRAINERS = Trainers(
    [
        Trainer("gan", "GAN", data="csv", stages=["Train", "Export"], parameters=EPOCHS),
        Trainer("absent", "Absent", available=False, problem="pip install something"),
    ]
)
Scenario = Callable[[SqliteLog, Runs], Awaitable[None]]


def play(tmp_path: Path, scenario: Scenario) -> None:
    async def main() -> None:
        log = await SqliteLog.open(tmp_path / "log.db")
        try:
            await scenario(log, Runs(log, TRAINERS))
        finally:
            await log.close()

    asyncio.run(main())


def test_a_started_run_waits_with_its_stages_and_completed_parameters(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        run, cursor = await runs.start(StartRequest("gan", "wine.csv"), by="test")
        assert (run.state, run.name, run.by) == ("queued", "wine-1", "test")
        assert run.parameters == {"epochs": 300}
        assert [stage.name for stage in run.stages] == ["Train", "Export"]
        assert cursor.seq == 2

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (StartRequest("nothing", "wine.csv"), TrainerNotFound),
        (StartRequest("absent"), TrainerUnavailable),
        (StartRequest("gan"), BadRequest),
        (StartRequest("gan", "wine.csv", {"epochs": 0}), BadParameters),
        (StartRequest("gan", "wine.csv", {"epochs": 1_000_000}), BadParameters),
        (StartRequest("gan", "wine.csv", {"epoch": 3}), BadParameters),
        (StartRequest("gan", "wine.csv", name="x" * 201), BadRequest),
        (StartRequest("gan", "wine.csv", resume_from="r_aaaaaaaaaa"), RunNotFound),
    ],
)
def test_a_bad_request_starts_nothing(tmp_path: Path, request_: StartRequest, error: type[PulsetrainError]) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        with pytest.raises(error):
            await runs.start(request_, by="test")
        assert log.view().tail == 0

    play(tmp_path, scenario)


def test_a_registration_may_be_repeated_by_whoever_made_it_and_by_nobody_else(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        mine = RegisterRequest(["python", "train.py"], id="r_aaaaaaaaaa", token="a secret of my own")
        first = await runs.register(mine, by="test")
        again = await runs.register(mine, by="test")
        assert (first.created, again.created) == (True, False)
        assert log.view().tail == 2
        with pytest.raises(RunExists):
            await runs.register(RegisterRequest(["x"], id="r_aaaaaaaaaa", token="another secret here"), by="test")
        with pytest.raises(BadRequest):
            await runs.register(RegisterRequest(["x"], id="../../etc"), by="test")

    play(tmp_path, scenario)


def test_a_queued_run_stops_at_once(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        run, _ = await runs.start(StartRequest("gan", "wine.csv"), by="test")
        await runs.stop(run.id)
        stopped, _ = await runs.get(run.id)
        assert stopped.state == "stopped"
        assert stopped.commands == []

    play(tmp_path, scenario)


def test_stopping_twice_is_one_request(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        run = (await runs.register(RegisterRequest(["x"]), by="test")).run
        first, _ = await runs.stop(run.id)
        second, _ = await runs.stop(run.id)
        assert first == second
        assert [command.id for command in (await runs.get(run.id))[0].commands] == [first]

    play(tmp_path, scenario)


def test_stopped_is_never_overwritten(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        run, _ = await runs.start(StartRequest("gan", "wine.csv"), by="test")
        await runs.stop(run.id)
        await log.append(lambda _: [NewEvent("run.status", {"state": "failed", "return_code": 1}, run.id)])
        after, _ = await runs.get(run.id)
        assert (after.state, after.return_code) == ("stopped", None)
        with pytest.raises(RunNotActive):
            await runs.stop(run.id)

    play(tmp_path, scenario)


def test_what_is_not_there_cannot_be_stopped(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        with pytest.raises(RunNotFound):
            await runs.stop("r_aaaaaaaaaa")
        with pytest.raises(BadRequest):
            await runs.command("r_aaaaaaaaaa", "explode", {}, by="test")
        with pytest.raises(BadRequest):
            await runs.stop("r_aaaaaaaaaa", grace_seconds=-1)

    play(tmp_path, scenario)


def test_a_note_is_answered_in_the_same_commit_at_the_last_step(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        run = (await runs.register(RegisterRequest(["x"]), by="test")).run
        rows = {"step": [3, 7], "time": [1.0, 2.0], "values": {"loss": [0.5, 0.4]}}
        await log.append(lambda _: [NewEvent("run.metrics", rows, run.id)])
        id, cursor = await runs.command(run.id, "note", {"text": " a good one "}, by="me")
        _, events = await log.run_events(run.id, ["command.requested", "command.applied"])
        asked, answered = events
        assert asked.data == {"id": id, "command": "note", "arguments": {"text": "a good one"}, "by": "me"}
        assert (answered.data["id"], answered.data["step"], answered.seq) == (id, 7, cursor.seq)
        assert (await runs.get(run.id))[0].commands == []

    play(tmp_path, scenario)


def test_a_pause_is_one_request_and_a_value_out_of_range_none(tmp_path: Path) -> None:
    async def scenario(log: SqliteLog, runs: Runs) -> None:
        run = (await runs.register(RegisterRequest(["x"]), by="test")).run
        await log.append(lambda _: [NewEvent("run.status", {"state": "running"}, run.id)])
        first, _ = await runs.command(run.id, "pause", {}, by="me")
        second, _ = await runs.command(run.id, "pause", {}, by="you")
        assert first == second
        controls = {"controls": [{"name": "lr", "value": 0.1, "type": "number", "maximum": 1}], "actions": []}
        await log.append(lambda _: [NewEvent("run.controls", controls, run.id)])
        with pytest.raises(BadParameters, match="at most 1, not 2"):
            await runs.command(run.id, "set", {"name": "lr", "value": 2}, by="me")
        with pytest.raises(BadParameters):
            await runs.command(run.id, "sample", {}, by="me")
        known, _ = await runs.get(run.id)
        assert [command.command for command in known.commands] == ["pause"]

    play(tmp_path, scenario)
