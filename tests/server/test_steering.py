"""A run that trains is steered: over REST, by both clients, and from the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from live import PATIENCE, LiveServer, eventually
from pulsetrain.sdk.answers import Answer, Refused
from pulsetrain.sdk.async_client import AsyncClient
from pulsetrain.sdk.client import Client

TRAINER = """
from __future__ import annotations

import time
from typing import Annotated

import pulsetrain
from pulsetrain.trainers.registry import Help, Range


@pulsetrain.trainer("steered", title="Steered", stages=["Work"])
def steered(run, *, rate: Annotated[float, Range(0.001, 1), Help("How fast.")] = 0.1, depth: int = 3):
    def show():
        run.table("Rows", ["a"], [[1]])

    def save():
        raise OSError("no room for it")

    run.on("sample", show)
    run.on("checkpoint", save)
    step = 0
    while not run.should_stop:
        step += 1
        run.log({"rate": run.param("rate", rate)}, step=step)
        time.sleep(0.005)
"""

Ask = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("steering")
    (folder / "steered.py").write_text(TRAINER)
    home = {"PULSETRAIN_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    flags = ("--trainers", str(folder / "steered.py"), "--slots", "4", "--stop-runs")
    server = LiveServer(folder / "data", *flags, environment=home)
    yield server.start()
    server.stop()


@pytest.fixture
def run(server: LiveServer) -> Iterator[str]:
    """A run that trains and has said what it can be steered by."""
    id = server.post("/api/runs", json={"trainer": "steered"})["run"]["id"]
    eventually(lambda: server.run(id)["controls"] and server.run(id)["metrics"], "controls and metrics")
    yield id
    server.post(f"/api/runs/{id}/stop", json={"grace_seconds": 30})
    server.ended(id)


@pytest.fixture(params=["sync", "async"])
def ask(server: LiveServer, request: pytest.FixtureRequest) -> Ask:
    """Asks a client of its own: `ask(lambda client: client.runs())`."""

    def sync(question: Callable[[Client], Any]) -> Any:
        with Client(server.url, name="test") as client:
            return question(client)

    async def answered(question: Callable[[AsyncClient], Any]) -> Any:
        async with AsyncClient(server.url, name="test") as client:
            return await question(client)

    return sync if request.param == "sync" else lambda question: asyncio.run(answered(question))


def test_both_clients_steer_and_hear_what_came_of_it(server: LiveServer, run: str, ask: Ask) -> None:
    control = server.run(run)["controls"][0]
    assert (control["name"], control["minimum"], control["maximum"], control["help"]) == ("rate", 0.001, 1, "How fast.")
    answer: Answer = ask(lambda client: client.set(run, "rate", 0.5))
    assert (answer.applied, answer.details) == (True, {"name": "rate", "value": 0.5, "previous": 0.1})
    # From the step after the answer's on the value is another.
    assert answer.step is not None
    after = answer.step + 1
    series = eventually(lambda: _rates(server, run, after), "a row after the change")
    assert [series[step] for step in (after - 1, after)] == [0.1, 0.5]
    eventually(lambda: server.run(run)["controls"][0]["value"] == 0.5, "the control's new value")
    assert ask(lambda client: client.ask(run, "sample")).applied
    assert server.run(run)["tables"]["Rows"]["rows"] == [[1]]
    noted: Answer = ask(lambda client: client.note(run, "twice as fast"))
    assert noted.applied and noted.step is not None and noted.step > answer.step


def _rates(server: LiveServer, run: str, until: int) -> dict[int, float] | None:
    rate = server.get(f"/api/runs/{run}/series")["series"]["rate"]
    return dict(zip(rate["step"], rate["value"], strict=True)) if until in rate["step"] else None


def test_what_does_not_fit_is_refused_by_the_server(run: str, ask: Ask) -> None:
    for question, reason in (
        (lambda client: client.set(run, "rate", 2), "rate must be from 0.001 to 1, not 2."),
        (lambda client: client.set(run, "depth", 4), "cannot be steered by 'depth'"),
        (lambda client: client.ask(run, "evaluate"), "does not know the action 'evaluate'"),
        (lambda client: client.resume(run), "is not paused"),
    ):
        with pytest.raises(Refused, match=reason) as refused:
            ask(question)
        assert (refused.value.status, refused.value.reason) == (422, "bad_parameters")


def test_what_goes_wrong_in_the_run_is_told_and_the_run_goes_on(server: LiveServer, run: str, ask: Ask) -> None:
    answer: Answer = ask(lambda client: client.ask(run, "checkpoint"))
    assert (answer.applied, answer.reason) == (False, "OSError: no room for it")
    assert any("Traceback" in line["text"] for line in server.get(f"/api/runs/{run}/logs")["lines"])
    assert ask(lambda client: client.ask(run, "sample")).applied


def test_pause_and_resume(server: LiveServer, run: str, ask: Ask) -> None:
    paused: Answer = ask(lambda client: client.pause(run))
    # A pause that cannot save is a pause all the same, and says so.
    assert (paused.applied, paused.how, paused.details) == (True, "safe point", {"checkpoint": False})
    eventually(lambda: server.run(run)["state"] == "paused", "the pause")
    waiting: Answer = ask(lambda client: client.set(run, "rate", 0.25, wait=False))
    assert waiting.applied is None
    resumed: Answer = ask(lambda client: client.resume(run))
    assert resumed.applied and paused.step is not None
    assert resumed.step is not None and resumed.step >= paused.step
    events = server.events(run, lambda event: event["type"] == "command.applied" and event["data"]["id"] == waiting.id)
    assert events[-1]["data"]["details"]["value"] == 0.25


def _cli(server: LiveServer, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PULSETRAIN_")}
    command = [sys.executable, "-m", "pulsetrain.cli.main", *words]
    environment |= {"PULSETRAIN_URL": server.url, "COLUMNS": "200"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_command_line_says_at_which_step_it_took_effect(server: LiveServer, run: str) -> None:
    said = _cli(server, "set", run, "rate=0.75")
    assert said.returncode == 0, said.stderr
    assert "rate of steered" in said.stdout and "is 0.75 from the step after" in said.stdout
    assert "it was 0.1" in said.stdout
    assert "has done it at step" in _cli(server, "ask", run, "sample").stdout
    assert "at step" in _cli(server, "note", run, "three quarters").stdout
    assert "is paused at step" in _cli(server, "pause", run).stdout
    eventually(lambda: server.run(run)["state"] == "paused", "the pause")
    waiting = _cli(server, "set", run, "rate=0.5")
    assert (waiting.returncode, "It is paused" in waiting.stderr) == (0, True)
    resumed = json.loads(_cli(server, "resume", run, "--json").stdout)
    assert (resumed["applied"], resumed["how"]) == (True, "SIGCONT")


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("set", "rate=7"), 2, "rate must be from 0.001 to 1, not 7."),
        (("set", "rate=fast"), 2, "rate must be a number, not 'fast'."),
        (("set", "rate"), 2, "What is 'rate'?"),
        (("set", "speed=1"), 2, "cannot be steered by 'speed'"),
        (("ask", "checkpoint"), 1, "OSError: no room for it"),
        (("resume",), 2, "is not paused"),
    ],
)
def test_the_command_line_says_why_it_was_not_done(
    server: LiveServer, run: str, words: tuple[str, ...], code: int, reason: str
) -> None:
    said = _cli(server, words[0], run, *words[1:])
    assert (said.returncode, said.stdout) == (code, "")
    assert reason in said.stderr and "Traceback" not in said.stderr


def test_a_command_that_the_end_of_the_run_overtakes_is_rejected(server: LiveServer, ask: Ask) -> None:
    id = server.post("/api/runs", json={"trainer": "steered"})["run"]["id"]
    eventually(lambda: server.run(id)["controls"], "controls")
    ask(lambda client: client.pause(id))
    eventually(lambda: server.run(id)["state"] == "paused", "the pause")
    waiting: Answer = ask(lambda client: client.ask(id, "sample", wait=False))
    # It never comes to its next safe point.
    server.post(f"/api/runs/{id}/stop", json={"grace_seconds": 0})
    server.ended(id)
    timeline = server.events(id, lambda event: event["type"] == "run.status" and event["data"]["state"] == "stopped")
    (answer,) = [event for event in timeline if event["data"].get("id") == waiting.id and "reason" in event["data"]]
    assert answer["type"] == "command.rejected"


def test_a_real_training_is_steered(server: LiveServer, wine: Path, ask: Ask) -> None:
    """The tabular GAN: sampled, slowed down, and cut short, to its end."""
    dataset = ask(lambda client: client.upload(wine))
    parameters = {"epochs": 1000, "rows": 20}
    id = ask(lambda client: client.start("tabular-gan", dataset=dataset.id, parameters=parameters)).run.id
    eventually(lambda: len(server.run(id)["actions"]) == 3, "the training")
    names = [control["name"] for control in server.run(id)["controls"]]
    assert sorted(names) == ["epochs", "learning_rate"]
    with pytest.raises(Refused, match="epochs must be from 1 to 1000, not 1001"):
        ask(lambda client: client.set(id, "epochs", 1001))
    assert ask(lambda client: client.ask(id, "sample")).applied
    assert len(server.run(id)["tables"]["Synthetic rows"]["rows"]) == 10
    assert ask(lambda client: client.ask(id, "checkpoint")).applied
    assert ask(lambda client: client.set(id, "learning_rate", 1e-5)).applied
    cut = ask(lambda client: client.set(id, "epochs", 3))
    assert cut.details == {"name": "epochs", "value": 3, "previous": 1000}
    ended = server.ended(id)
    assert (ended["state"], ended["controls"], ended["actions"]) == ("succeeded", [], [])
    assert ended["progress"]["epoch"] < 1000
    assert "checkpoint.pt" in [artifact["name"] for artifact in ended["artifacts"]]


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [f"{row % 7},{row * row % 31},{'ab'[row % 2]}" for row in range(200)]
    file = tmp_path_factory.mktemp("data") / "rows.csv"
    file.write_text("x,y,kind\n" + "\n".join(rows) + "\n")
    return file


def test_the_timeline_tells_what_happened_in_order(server: LiveServer, run: str) -> None:
    with Client(server.url, name="ann") as client:
        client.set(run, "rate", 0.25)
        client.note(run, "a note")
    page = eventually(
        lambda: (
            (page := server.get(f"/api/runs/{run}/timeline"))
            and [event["type"] for event in page["events"]].count("command.applied") == 2
            and page
        ),
        "both answers",
    )
    events = page["events"]
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    assert {event["type"] for event in events} == {"run.status", "command.requested", "command.applied"}
    [applied] = [event for event in events if event["data"].get("details", {}).get("name") == "rate"]
    assert applied["data"]["step"] > 0
    assert applied["data"]["details"]["value"] == 0.25
    # Reading goes on from its cursor without a hole.
    assert int(page["cursor"].rpartition("-")[2]) >= events[-1]["seq"]
    assert httpx.get(f"{server.url}/api/runs/r_aaaaaaaaaa/timeline").status_code == 404
