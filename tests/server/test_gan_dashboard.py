"""The GAN dashboard's dialect over real sockets: its streams and its REST (CONTRACTS A)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest

from conftest import StartServer
from pulsetrain.core.runs import RegisterRequest
from pulsetrain.model.events import NewEvent
from pulsetrain.model.log import Filter
from server.data_site import PATIENCE, Site, on_site

RUN = "r_aaaaaaaaaa"
WINE = b"alcohol,class\n12.5,a\n13.1,b\n"


class Frame(msgspec.Struct):
    id: str
    data: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.data["type"])


class Stream:
    """A client of one channel, by the letter of the standard."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()
        self.last_id = ""

    async def frame(self) -> Frame:
        """The next frame that has data."""
        data: list[str] = []
        async for line in self._lines:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            assert name in ("", "id", "data", "retry"), f"an old client knows no {name!r}"
            if name == "id":
                self.last_id = value
            elif name == "data":
                data.append(value)
            elif not line and data:
                return Frame(self.last_id, json.loads("\n".join(data)))
        raise EOFError

    async def frames(self, count: int) -> list[Frame]:
        return [await self.frame() for _ in range(count)]


@asynccontextmanager
async def opened(here: Site, channel: str, last_id: str | None = None) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with here.client.stream("GET", f"/events/{channel}", headers=headers) as answer:
        yield Stream(answer)


def created(**data: Any) -> NewEvent:
    known = {"name": "wine-1", "trainer": "tabular-gan", "dataset": "wine.csv", "parameters": {"epochs": 3}}
    return NewEvent("run.created", {**known, **data}, RUN)


def status(state: str, **data: Any) -> NewEvent:
    return NewEvent("run.status", {"state": state, **data}, RUN)


def metrics(epoch: int) -> NewEvent:
    values = {"generator_loss": [1.23456], "discriminator_loss": [0.5], "real_scores": [0.8], "fake_scores": [0.2]}
    return NewEvent("run.metrics", {"step": [epoch], "time": [float(epoch)], "values": values}, RUN)


def progress(epoch: int) -> NewEvent:
    return NewEvent("run.progress", {"percent": epoch * 100 / 3, "epoch": epoch, "epochs": 3}, RUN)


def line(text: str) -> NewEvent:
    return NewEvent("run.log", {"lines": [{"stream": "stdout", "text": text, "time": 1.0, "level": None}]}, RUN)


def test_a_training_as_the_three_channels_tell_it(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        async with opened(here, "training") as training, opened(here, "progress") as bars, opened(here, "logs") as logs:
            for stream in (training, bars, logs):
                assert stream.answer.headers["content-type"].startswith("text/event-stream")
                assert stream.answer.headers["cache-control"] == "no-store"
                assert stream.answer.headers["x-accel-buffering"] == "no"
                first = (await stream.frame()).data
                assert set(first) == {"type", "message", "client_id", "total_clients", "channel", "timestamp"}
                assert (first["type"], first["total_clients"]) == ("connection", 1)
                assert datetime.fromisoformat(first["timestamp"]).tzinfo is not None
            assert (await training.frame()).data["data"]["status"] == "idle"
            await here.append(created(), status("queued"), status("starting"), status("running"))
            await here.append(metrics(1), progress(1), line("one"), metrics(2), status("stopped", return_code=0))
            told = await training.frames(6)
            assert [frame.type for frame in told] == [
                "status_update", "training_start", "training_update", "training_update", "status_update",
                "training_complete",
            ]  # fmt: skip
            assert told[1].data["data"] == {
                "status": "started", "config": {"epochs": 3}, "data_source": "wine.csv", "message": "Training started",
            }  # fmt: skip
            assert told[2].data["data"] == {
                "epoch": 1, "total_epochs": 3, "generator_loss": 1.2346, "discriminator_loss": 0.5, "real_scores": 0.8,
                "fake_scores": 0.2,
            }  # fmt: skip
            assert [told[4].data["data"]["status"], told[5].data["data"]["status"]] == ["stopped", "stopped"]
            moved = (await bars.frame()).data
            assert {key: moved[key] for key in ("type", "epoch", "progress_percent")} == {
                "type": "progress", "epoch": 1, "progress_percent": 33.33,
            }  # fmt: skip
            assert (await logs.frame()).data["data"]["message"] == "one"

    on_site(tmp_path, body)


def test_a_client_that_comes_late_hears_how_things_stand(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        await here.append(created(), status("running"), metrics(1), progress(1))
        async with opened(here, "training") as training, opened(here, "progress") as bars:
            _, now = await training.frames(2)
            assert (now.type, now.data["data"]["status"]) == ("status_update", "running")
            _, moved = await bars.frames(2)
            assert moved.data["progress_percent"] == 33.33
            # What follows the snapshot comes without a gap, and knows of what went before.
            await here.append(metrics(2))
            update = (await training.frame()).data["data"]
            assert (update["epoch"], update["total_epochs"]) == (2, 3)
        async with opened(here, "training") as training, opened(here, "training"):
            assert (await training.frame()).data["total_clients"] in (1, 2)

    on_site(tmp_path, body)


def test_resuming_after_each_frame_gives_exactly_the_missed_ones(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        async with opened(here, "training") as training:
            head = await training.frames(2)
            await here.append(created(), status("running"), metrics(1), status("succeeded", return_code=0))
            told = await training.frames(5)
        everything = [frame.data for frame in told]
        # The place before the first of an event's frames, and the one between them, lie on the same page of the log.
        places = [(0, head[1].id), (0, told[0].id.split(".")[0])]
        places += [(seen, frame.id) for seen, frame in enumerate(told, 1)]
        for seen, place in places:
            async with opened(here, "training", place) as again:
                assert (await again.frame()).type == "connection"
                missed = await again.frames(len(told) - seen)
                assert [one.data for one in missed] == everything[seen:]
                if seen > 1:  # until then the readers share one page
                    await here.append(line("not for this channel"))
        # What cannot be served is not guessed: the client is told how things stand, as a new one is.
        for lost in ("abcdefgh-1", "nonsense", told[0].id.split("-")[0] + "-99999"):
            async with opened(here, "training", lost) as again:
                assert [frame.type for frame in await again.frames(2)] == ["connection", "status_update"]

    on_site(tmp_path, body)


def test_starting_and_stopping(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        await here.upload("wine.csv", WINE)
        asked = {"data_source": "wine.csv", "config": '{"epochs": 7}', "epochs": 2}
        starting = asyncio.create_task(here.client.post("/api/start_training", json=asked))
        run = await _current(here)
        assert (run.dataset, run.parameters, run.by) == ("wine.csv", {"epochs": 2}, "gan-dashboard")
        await here.append(NewEvent("run.status", {"state": "running"}, run.id))
        answer = await starting
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "success": True, "message": "Training started", "pid": 4711, "config": '{"epochs": 7}',
                "data_source": "wine.csv", "run_id": run.id,
            },
        )  # fmt: skip
        again = await here.client.post("/api/start_training", json={"data_source": "wine.csv"})
        assert (again.status_code, again.json()) == (409, {"success": False, "error": "Training already in progress"})

        stopping = asyncio.create_task(here.client.post("/api/stop_training"))
        reader = here.parts.hub.open(Filter(runs=frozenset({run.id})))
        while not (await here.parts.runs.get(run.id))[0].commands:
            await reader.wait(here.parts.hub.view().tail)
        reader.close()
        [command] = (await here.parts.runs.get(run.id))[0].commands
        assert (command.command, command.arguments) == ("stop", {"grace_seconds": 5.0})
        assert not stopping.done()
        await here.append(NewEvent("run.status", {"state": "stopped"}, run.id))
        stopped = await stopping
        assert (stopped.status_code, stopped.json()) == (200, {"success": True, "message": "Training stopped"})
        nothing = await here.client.post("/api/stop_training")
        assert (nothing.status_code, nothing.json()) == (
            409, {"success": False, "message": "No training process running"},
        )  # fmt: skip

    on_site(tmp_path, body)


async def _current(here: Site) -> Any:
    """The run that a start under way has made."""
    reader = here.parts.hub.open(Filter(types=frozenset({"run.created"})))
    try:
        while (run := await here.parts.runs.current()) is None:
            await reader.wait(here.parts.hub.view().tail)
        return run
    finally:
        reader.close()


def test_two_starts_at_once_make_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(here: Site) -> None:
        await here.upload("wine.csv", WINE)
        look = here.parts.runs.current

        async def look_slowly() -> Any:
            found = await look()
            # Long enough for all the others to look as well, if nothing kept them from it.
            for _ in range(1000):
                await asyncio.sleep(0)
            return found

        monkeypatch.setattr(here.parts.runs, "current", look_slowly)
        starts = [
            asyncio.create_task(here.client.post("/api/start_training", json={"data_source": "wine.csv"}))
            for _ in range(4)
        ]
        run = await _current(here)
        await here.append(NewEvent("run.status", {"state": "running"}, run.id))
        assert sorted([(await start).status_code for start in starts]) == [200, 409, 409, 409]
        _, runs, total = await here.parts.log.runs(10)
        assert (total, runs[0].id) == (1, run.id)

    on_site(tmp_path, body)


BAD_STARTS: list[tuple[int, Any]] = [
    (400, b"{"),
    (400, {}),
    (400, {"data_source": 5}),
    (404, {"data_source": "none.csv"}),
    (404, {"data_source": "../log.db"}),
    (404, {"data_source": "/etc/passwd"}),
    (400, {"data_source": "wine.csv", "epochs": 0}),
    (400, {"data_source": "wine.csv", "epochs": 1001}),
    (400, {"data_source": "wine.csv", "epochs": "many"}),
    (400, {"data_source": "wine.csv", "config": "config.yaml"}),
    (400, {"data_source": "wine.csv", "config": "[1]"}),
    (422, {"data_source": "wine.csv", "config": {"epochs": 1_000_000}}),
    (422, {"data_source": "wine.csv", "config": {"unknown": 1}}),
]


def test_starts_that_are_refused(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        await here.upload("wine.csv", WINE)
        for code, asked in BAD_STARTS:
            content = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
            answer = await here.client.post("/api/start_training", content=content)
            assert (answer.status_code, answer.json()["success"]) == (code, False), asked
            assert set(answer.json()) == {"success", "error"} and answer.json()["error"]
        assert await here.parts.runs.current() is None

    on_site(tmp_path, body)


def test_models_are_real_ones(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        assert (await here.client.get("/api/models")).json() == []
        artifact = {"name": "model.pt", "kind": "model", "size": 5, "digest": "sha256:00"}
        await here.append(created(), status("running"), metrics(3), progress(3))
        await here.append(NewEvent("run.artifact", artifact, RUN), status("succeeded", return_code=0))
        [model] = (await here.client.get("/api/models")).json()
        assert (model["name"], model["epoch"], model["loss"], model["run"]) == ("wine-1", 3, 1.23456, RUN)

    on_site(tmp_path, body)


def test_there_is_no_status_to_poll(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        answer = await here.client.get("/api/training_status")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")

    on_site(tmp_path, body)


def test_what_a_trainer_hands_in_reaches_the_channels(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        run = await here.parts.runs.register(RegisterRequest(["python", "train.py"]), by="test")
        key = {"Authorization": f"Bearer {run.token}"}
        update = {"type": "training_update", "data": {"epoch": 1, "total_epochs": 2, "generator_loss": 0.25}}
        async with opened(here, "training") as training, opened(here, "progress") as bars:
            await training.frames(2)
            await bars.frame()
            taken = await here.client.post("/training_data", json=update, headers=key)
            assert (taken.status_code, taken.json()) == (
                200, {"status": "success", "clients": 1, "channel": "training", "message": "Sent to 1 clients"},
            )  # fmt: skip
            told = await training.frames(3)
            assert [frame.type for frame in told] == ["status_update", "training_start", "training_update"]
            assert told[2].data["data"] == {
                "epoch": 1, "total_epochs": 2, "generator_loss": 0.25, "discriminator_loss": None, "real_scores": None,
                "fake_scores": None,
            }  # fmt: skip
            assert (await bars.frame()).data["progress_percent"] == 50.0
            moved = {"type": "progress", "epoch": 2, "progress_percent": 100}
            assert (await here.client.post("/progress_data", json=moved, headers=key)).json()["channel"] == "progress"
            assert (await bars.frame()).data["progress_percent"] == 100
            ended = {"type": "training_complete", "data": {"status": "completed", "return_code": 0, "message": "done"}}
            await here.client.post("/training_data", json=ended, headers=key)
            assert [frame.type for frame in await training.frames(2)] == ["status_update", "training_complete"]
        # The run has ended: its token opens nothing any more.
        assert (await here.client.post("/training_data", json=update, headers=key)).status_code == 401

    on_site(tmp_path, body)


def test_handing_in_takes_a_run_token_and_json(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        run = await here.parts.runs.register(RegisterRequest(["x"]), by="test")
        good = {"Authorization": f"Bearer {run.token}"}
        bad = {"Authorization": "Bearer nonsense"}
        message = {"type": "progress", "progress_percent": 1}
        for code, headers, content in [
            (401, {}, message),
            (401, bad, message),
            (400, good, b"{"),
            (400, good, [1]),
            (400, good, {"type": "progress", "progress_percent": 101}),
        ]:
            sent = content if isinstance(content, bytes) else json.dumps(content).encode()
            assert (await here.client.post("/progress_data", content=sent, headers=headers)).status_code == code

    on_site(tmp_path, body)


def test_a_real_training_from_start_to_stop(start_server: StartServer) -> None:
    server = start_server(samples=True)
    assert httpx.get(f"{server.url}/api/training_status").status_code == 404
    with httpx.stream("GET", f"{server.url}/events/training", timeout=PATIENCE) as answer:
        told = (json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: "))
        assert [next(told)["type"], next(told)["data"]["status"]] == ["connection", "idle"]
        asked = {"data_source": "iris.csv", "epochs": 1000}
        started = httpx.post(f"{server.url}/api/start_training", json=asked, timeout=PATIENCE).json()
        assert psutil.Process(started["pid"]).is_running()
        assert [next(told)["data"]["status"], next(told)["data"]["status"]] == ["running", "started"]
        update = next(told)["data"]
        assert (update["epoch"], update["total_epochs"]) == (1, 1000)
        assert 0 < update["real_scores"] < 1
        assert httpx.post(f"{server.url}/api/start_training", json=asked, timeout=PATIENCE).status_code == 409
        tree = psutil.Process(started["pid"]).children(recursive=True)
        stopped = httpx.post(f"{server.url}/api/stop_training", timeout=PATIENCE)
        assert stopped.json() == {"success": True, "message": "Training stopped"}
        assert tree and not any(process.is_running() for process in tree)
        end = next(event for event in told if event["type"] == "status_update")
        assert (end["data"]["status"], next(told)["data"]["status"]) == ("stopped", "stopped")
