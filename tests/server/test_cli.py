"""The command line against a real server with real runs, each command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live import PATIENCE, LiveServer, eventually

TRAINER = '''
"""A trainer that is done at once, fails or waits, as it is told."""

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import pulsetrain
from pulsetrain.trainers.registry import Range


@pulsetrain.trainer("quick", title="Quick", data="csv", stages=["Work"])
def quick(
    run, data: Path, *, epochs: Annotated[int, Range(1, 1000)] = 3, outcome: Literal["done", "fail", "wait"] = "done"
):
    print("hello from", data.name, flush=True)
    with run.stage("Work"):
        for epoch in range(1, epochs + 1):
            run.log({"loss": 1 / epoch}, step=epoch)
            run.progress(100 * epoch / epochs, epoch=epoch, epochs=epochs)
        while outcome == "wait" and not run.should_stop:
            time.sleep(0.02)
    if outcome == "fail":
        print("ERROR: it was told to fail", file=sys.stderr, flush=True)
        sys.exit(3)
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "quick.py").write_text(TRAINER)
    home = {"PULSETRAIN_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    server = LiveServer(
        folder / "data", "--trainers", str(folder / "quick.py"), "--slots", "4", "--stop-runs", environment=home
    )
    yield server.start()
    server.stop()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tables") / "tiny.csv"
    file.write_text("a,b\n" + "".join(f"{n},{n * n}\n" for n in range(20)))
    return file


def _command(server: LiveServer | None, *words: str) -> tuple[list[str], dict[str, str]]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PULSETRAIN_")}
    environment |= {"PULSETRAIN_URL": server.url} if server is not None else {}
    return [sys.executable, "-m", "pulsetrain.cli.main", *words], environment | {"COLUMNS": "200"}


def _run(server: LiveServer | None, *words: str) -> subprocess.CompletedProcess[str]:
    command, environment = _command(server, *words)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def _json(server: LiveServer, *words: str) -> Any:
    done = _run(server, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _start(server: LiveServer, table: Path, *words: str) -> dict[str, Any]:
    run: dict[str, Any] = _json(server, "start", "quick", "--data", str(table), *words)["run"]
    return run


def test_a_run_is_started_followed_listed_and_read(server: LiveServer, table: Path) -> None:
    followed = _run(server, "start", "quick", "--data", str(table), "--epochs", "5", "--name", "first", "--follow")
    assert followed.returncode == 0, followed.stderr
    assert "first succeeded" in followed.stdout and "Work" in followed.stdout
    listed = _json(server, "ls")["runs"]
    run = next(run for run in listed if run["name"] == "first")
    assert (run["state"], run["parameters"]["epochs"], run["dataset"]) == ("succeeded", 5, "tiny.csv")
    assert "first" in _run(server, "ls").stdout
    for said in ("first", run["id"], run["id"][2:9]):
        assert _run(server, "logs", said).stdout == "hello from tiny.csv\n"
    assert _run(server, "watch", "first").returncode == 0
    lines = _run(server, "logs", "first", "--json").stdout.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["hello from tiny.csv"]


def test_the_same_file_is_not_uploaded_twice_and_an_id_works_too(server: LiveServer, table: Path) -> None:
    one = _start(server, table)
    before = len(server.get("/api/datasets")["datasets"])
    two = _start(server, table)
    three = _json(server, "start", "quick", "--data", one["dataset"])["run"]
    assert one["dataset"] == two["dataset"] == three["dataset"]
    assert len(server.get("/api/datasets")["datasets"]) == before


def test_a_run_that_fails_gives_its_return_code_and_its_reason(server: LiveServer, table: Path) -> None:
    done = _run(server, "start", "quick", "--data", str(table), "--outcome", "fail", "--follow")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "failed" in done.stdout and "it was told to fail" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_stop_ends_the_run_and_whoever_watches_it_with_130(server: LiveServer, table: Path) -> None:
    run = _start(server, table, "--outcome", "wait")
    command, environment = _command(server, "watch", run["id"], "--json")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        first = json.loads(watcher.stdout.readline())
        assert first["run"]["id"] == run["id"]
        stopped = _run(server, "stop", run["id"])
        rest = [json.loads(line) for line in watcher.stdout]
        assert watcher.wait(PATIENCE) == 130
    assert stopped.returncode == 0 and "has stopped" in stopped.stdout
    assert rest[-1]["run"]["state"] == "stopped"
    seqs = [event["seq"] for event in rest if "seq" in event]
    assert seqs == sorted(set(seqs))
    again = _run(server, "stop", run["id"])
    assert again.returncode == 1
    assert "stopped already" in again.stderr


def test_logs_are_followed_until_the_run_ends(server: LiveServer, table: Path) -> None:
    run = _start(server, table, "--outcome", "wait")
    command, environment = _command(server, "logs", "-f", run["id"])
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "hello from tiny.csv\n"
        assert _run(server, "stop", run["id"], "--no-wait").returncode == 0
        assert reader.wait(PATIENCE) == 0


def test_who_watches_outlives_a_restart_of_the_server(tmp_path: Path, table: Path) -> None:
    (tmp_path / "quick.py").write_text(TRAINER)
    home = {"PULSETRAIN_HOME": str(tmp_path / "home")}
    flags = ("--trainers", str(tmp_path / "quick.py"), "--stop-runs")
    server = LiveServer(tmp_path / "data", *flags, environment=home).start()
    try:
        run = _start(server, table, "--outcome", "wait")
        eventually(lambda: server.run(run["id"])["metrics"], "the first numbers")
        command, environment = _command(server, "watch", run["id"], "--json")
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watcher:
            assert watcher.stdout is not None
            assert json.loads(watcher.stdout.readline())["run"]["id"] == run["id"]
            server.kill()
            server.start()
            assert _run(server, "stop", run["id"]).returncode == 0
            rest = [json.loads(line) for line in watcher.stdout]
            assert watcher.wait(PATIENCE) == 130
        assert rest[-1]["run"] == server.run(run["id"])
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["start", "quick", "--data", "FILE", "--epoch", "5"], 2, "no flag --epoch"),
        (["start", "quick", "--data", "FILE", "--epochs", "five"], 2, "whole number"),
        (["start", "quick", "--data", "FILE", "--epochs", "0"], 2, "from 1 to 1000"),
        (["start", "quick", "--data", "FILE", "--outcome", "maybe"], 2, "one of"),
        (["start", "quick", "--epochs", "5"], 2, "needs data"),
        (["start", "quick", "--data", "nowhere.csv"], 1, "no file 'nowhere.csv'"),
        (["start", "nothing", "--data", "FILE"], 2, "no trainer 'nothing'"),
        (["start", "--epochs", "5", "quick"], 2, "before its flags"),
        (["start", "quick", "--data", "EMPTY"], 1, "empty"),
        (["watch", "nobody"], 1, "no run 'nobody'"),
        (["logs", "nobody"], 1, "no run 'nobody'"),
        (["stop", "nobody"], 1, "no run 'nobody'"),
        (["watch"], 2, "Missing argument"),
        (["ls", "--limit", "0"], 2, "Invalid value"),
        (["ls", "--url", "nonsense"], 1, "no address of a server"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_one_clear_line(
    server: LiveServer, table: Path, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    (tmp_path / "empty.csv").touch()
    named = {"FILE": str(table), "EMPTY": str(tmp_path / "empty.csv")}
    done = _run(server, *(named.get(word, word) for word in words))
    assert done.returncode == code, done.stdout + done.stderr
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr and done.stdout == ""


def test_without_a_server_it_says_how_to_start_one() -> None:
    done = _run(None, "ls", "--url", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "No pulsetrain server answers" in done.stderr and "pulsetrain up" in done.stderr


def test_help_shows_the_trainers_own_flags(server: LiveServer) -> None:
    done = _run(server, "start", "quick", "--help")
    assert done.returncode == 0
    assert "--epochs" in done.stdout and "1 to 1,000" in done.stdout and "done | fail | wait" in done.stdout
    general = _run(server, "start", "--help")
    assert "tabular-gan" in general.stdout and "quick" in general.stdout


def test_a_token_is_asked_for_and_with_it_a_run_goes_to_its_end(tmp_path: Path, table: Path) -> None:
    token = "a-token-of-some-length"
    (tmp_path / "quick.py").write_text(TRAINER)
    flags = ("--token", token, "--trainers", str(tmp_path / "quick.py"), "--stop-runs")
    home = {"PULSETRAIN_HOME": str(tmp_path / "home")}
    server = LiveServer(tmp_path / "data", *flags, environment=home).start()
    try:
        refused = _run(server, "ls")
        assert refused.returncode == 1
        assert "asks for a token" in refused.stderr and "PULSETRAIN_TOKEN" in refused.stderr
        command, environment = _command(server, "start", "quick", "--data", str(table), "--follow")
        environment["PULSETRAIN_TOKEN"] = token
        # The run's own processes have the run's token alone, and get along with it.
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "succeeded" in done.stdout
    finally:
        server.stop()


def test_a_run_waits_is_moved_cloned_and_tried_again(tmp_path: Path, table: Path) -> None:
    (tmp_path / "quick.py").write_text(TRAINER)
    home = {"PULSETRAIN_HOME": str(tmp_path / "home")}
    flags = ("--trainers", str(tmp_path / "quick.py"), "--stop-runs", "--cores", "2", "--memory", "1.5G")
    server = LiveServer(tmp_path / "data", *flags, environment=home).start()
    try:
        busy = _start(server, table, "--outcome", "wait", "--name", "busy")
        eventually(lambda: server.run(busy["id"])["metrics"], "the first numbers")
        _start(server, table, "--name", "one", "--retries", "2")
        two = _start(
            server, table, "--name", "two", "--priority", "-3", "--cores", "2", "--memory", "1G", "--watch", "nan:stop"
        )
        assert two["watchdogs"] == [{"kind": "nan", "action": "stop", "metric": None}]
        assert (two["priority"], two["resources"]["cores"], two["resources"]["memory_bytes"]) == (-3, 2, 2**30)
        assert [one["name"] for one in _json(server, "queue")["waiting"]] == ["one", "two"]
        shown = _run(server, "queue", "two", "--before", "one")
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.index("two") < shown.stdout.index("one") and "Waits for a slot" in shown.stdout
        assert _json(server, "queue", "one", "--priority", "7")["waiting"][0]["name"] == "one"
        assert _run(server, "queue", "one").returncode == 2
        assert _run(server, "stop", "busy").returncode == 0
        done = _json(server, "clone", "one", "--epochs", "50", "--name", "three")["run"]
        assert (done["parameters"]["epochs"], done["retries"], done["dataset"]) == (50, 2, "tiny.csv")
        assert server.ended(done["id"])["metrics"]["loss"]["step"] == 50
        again = _json(server, "retry", "three")["run"]
        assert again["retry_of"] == done["id"]
        refused = _run(server, "start", "quick", "--data", str(table), "--gpus", "1")
        assert refused.returncode == 1 and "no GPU" in refused.stderr
    finally:
        server.stop()
