"""Every request of both clients against a real server that trains something."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live import LiveServer
from pulsetrain.sdk.answers import Refused
from pulsetrain.sdk.async_client import AsyncClient
from pulsetrain.sdk.client import Client

TRAINER = """
from __future__ import annotations

import time
from pathlib import Path

import pulsetrain


@pulsetrain.trainer("quick", title="Quick", data="csv", stages=["Work"])
def quick(run, data: Path, *, epochs: int = 3, endless: bool = False):
    print("hello from", data.name, flush=True)
    for epoch in range(1, epochs + 1):
        run.log({"loss": float("nan") if epoch == 2 else 1 / epoch, "rate": 1.0}, step=epoch)
    while endless and not run.should_stop:
        time.sleep(0.02)
    made = Path("made.bin")
    made.write_bytes(bytes(range(256)) * 8192)
    run.save_artifact(made)
"""

Ask = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("requests")
    (folder / "quick.py").write_text(TRAINER)
    home = {"PULSETRAIN_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    flags = ("--trainers", str(folder / "quick.py"), "--slots", "4", "--stop-runs")
    server = LiveServer(folder / "data", *flags, environment=home)
    yield server.start()
    server.stop()


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


def test_a_run_from_its_data_to_its_model(ask: Ask, tmp_path: Path) -> None:
    table = tmp_path / "tiny.csv"
    table.write_text("a,b\n" + "".join(f"{n},{n * n}\n" for n in range(20)))
    dataset = ask(lambda client: client.upload(table))
    assert dataset.id in [known.id for known in ask(lambda client: client.datasets())]
    assert [trainer.name for trainer in ask(lambda client: client.trainers()) if trainer.name == "quick"]

    parameters = {"epochs": 5}
    started = ask(
        lambda client: client.start("quick", dataset=dataset.id, parameters=parameters, name="n", tags=["t"])
    ).run
    assert (started.name, started.tags, started.parameters["epochs"]) == ("n", ["t"], 5)
    run = ask(lambda client: client.wait(started.id))
    assert (run.state, run.return_code) == ("succeeded", 0)
    assert ask(lambda client: client.run(run.id)).run == run
    assert ask(lambda client: client.find_run("n")).id == run.id
    listed = ask(lambda client: client.runs(1))
    assert (listed.runs, listed.total >= 1) == ([run], True)

    series = ask(lambda client: client.series(run.id)).series
    assert series["loss"].step == [1, 2, 3, 4, 5] and series["loss"].value[2:] == [1 / 3, 0.25, 0.2]
    assert math.isnan(series["loss"].value[1])
    assert list(ask(lambda client: client.series(run.id, "rate")).series) == ["rate"]
    assert f"hello from {dataset.id}" in [line.text for line in ask(lambda client: client.logs(run.id)).lines]

    [artifact] = run.artifacts
    path = ask(lambda client: client.artifact(run.id, artifact.name, tmp_path / "here.bin"))
    assert f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == artifact.digest
    with pytest.raises(Refused) as refused:
        ask(lambda client: client.artifact(run.id, "nothing", tmp_path / "nothing"))
    assert refused.value.reason == "artifact_not_found"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["here.bin", "tiny.csv"], "no half file is left"


def test_a_run_waits_and_is_repeated(ask: Ask, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("a\n1\n2\n")
    dataset = ask(lambda client: client.upload(table))
    resources = {"cores": 0.5}
    run = ask(lambda c: c.start("quick", dataset=dataset.id, priority=2, retries=1, resources=resources)).run
    assert (run.priority, run.retries, run.resources.cores) == (2, 1, 0.5)
    ask(lambda client: client.wait(run.id))
    again = ask(lambda client: client.retry(run.id)).run
    clone = ask(lambda client: client.clone(run.id, parameters={"epochs": 4}, tags=["x"])).run
    assert (again.retry_of, clone.cloned_from, clone.parameters["epochs"]) == (run.id, run.id, 4)
    ask(lambda client: client.wait(clone.id))
    page = ask(lambda client: client.queue())
    assert (page.machine.slots, page.waiting) == (4, [])
    with pytest.raises(Refused) as refused:
        ask(lambda client: client.move(clone.id, priority=1))
    assert refused.value.reason == "run_not_queued"


def test_a_run_is_commanded_and_stopped(ask: Ask, tmp_path: Path) -> None:
    table = tmp_path / "endless.csv"
    table.write_text("a\n1\n2\n")
    dataset = ask(lambda client: client.upload(table))
    run = ask(lambda client: client.start("quick", dataset=dataset.id, parameters={"endless": True})).run
    with pytest.raises(Refused, match="'dance' is not a command"):
        ask(lambda client: client.command(run.id, "dance", {"how": "well"}))
    commanded = ask(lambda client: client.command(run.id, "stop", {"grace_seconds": 30.0}))
    assert commanded.startswith("c_")
    assert ask(lambda client: client.wait(run.id)).state == "stopped"
    run = ask(lambda client: client.start("quick", dataset=dataset.id, parameters={"endless": True})).run
    assert ask(lambda client: client.stop(run.id, 30.0)).startswith("c_")
    assert ask(lambda client: client.wait(run.id)).state == "stopped"
    with pytest.raises(Refused) as refused:
        ask(lambda client: client.stop(run.id))
    assert (refused.value.status, refused.value.reason) == (409, "run_not_active")


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def surface(kind: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(method).parameters) for name, method in methods if name[0] != "_"}

    assert surface(Client) == surface(AsyncClient)
    assert all(method.__doc__ for name in surface(Client) for method in (getattr(Client, name),))
