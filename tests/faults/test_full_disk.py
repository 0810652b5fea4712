"""A disk that is really full: what was said before is whole, training and server go on, and so does logging after."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import StartServer
from disk import SmallDisk, small_disk
from live import eventually
from pulsetrain.sdk.spool import records
from training import Supervised

TOLD = """
import sys
import pulsetrain
run = pulsetrain.init()
step = 0
for line in sys.stdin:
    for _ in range(int(line)):
        step += 1
        run.log({"loss": step / 2, "other": 1.0}, step=step)
    print("at", step, flush=True)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 4) as made:
        yield made


def test_training_goes_on_and_logs_again_when_there_is_room(disk: SmallDisk) -> None:
    environment = {**os.environ, "PULSETRAIN_SPOOL": str(disk.path / "spool"), "PULSETRAIN_RUN": "r_aaaaaaaaaa"}
    process = subprocess.Popen(
        [sys.executable, "-c", TOLD],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def log(rows: int) -> None:
        process.stdin.write(f"{rows}\n")  # type: ignore[union-attr]  # asserted above
        process.stdin.flush()  # type: ignore[union-attr]  # asserted above
        assert process.stdout.readline().startswith("at ")  # type: ignore[union-attr]  # asserted above

    log(100)
    disk.fill()
    log(20_000)  # several times what is reserved
    disk.free()
    log(100)
    _, said = process.communicate()
    # No SIGBUS either: what is mapped had been reserved.
    assert process.returncode == 0
    assert said.count("something is not logged: [Errno 28]") == 1
    found = [record for record, _ in records(disk.path / "spool" / f"sdk-{process.pid}.spool")]
    assert [record[0] for record in found] == list(range(1, len(found) + 1))
    steps = [record[3] for record in found]
    kept = len(steps) - 100
    assert 100 < kept < 20_000
    assert steps == [*range(1, kept + 1), *range(20_101, 20_201)]
    assert all(record[4] == {"loss": record[3] / 2, "other": 1.0} for record in found)


PATIENT = """
import pathlib, sys, time
import pulsetrain
run = pulsetrain.init()
step = 0
def log(rows, line):
    global step
    for _ in range(rows):
        step += 1
        run.log({"loss": step / 2}, step=step)
    print(line, flush=True)
def wait(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.01)
log(100, "before")
wait("full")
log(20_000, "while it is full")
print("x" * 4000 + "\\n", end="", flush=True)
pathlib.Path("went-on").touch()
wait("freed")
log(100, "after")
"""


def test_a_supervised_run_ends_well_after_its_disk_was_full(
    start_server: StartServer, tmp_path: Path, disk: SmallDisk
) -> None:
    run = Supervised(start_server(), tmp_path / "run", PATIENT)
    run.spool = disk.path / "spool"
    run.start()
    run.said("before")
    disk.fill()
    (run.folder / "full").touch()
    eventually((run.folder / "went-on").exists, "training that goes on")
    disk.free()
    (run.folder / "freed").touch()

    ended = run.server.ended(run.id)
    assert run.wait() == 0
    assert ended["state"] == "succeeded"
    steps = run.steps("loss")
    kept = len(steps) - 100
    assert kept >= 100
    assert steps == [*range(1, kept + 1), *range(20_101, 20_201)]
    texts = [line["text"] for line in run.lines()]
    assert texts[0] == "before"
    assert "after" in texts


def test_the_server_refuses_what_it_cannot_keep_and_recovers(start_server: StartServer, disk: SmallDisk) -> None:
    server = start_server(data=disk.path / "data")
    before = server.post("/api/runs", json={"command": ["x"], "name": "before"})["run"]["id"]
    disk.fill()
    refused = until_refused(server.url)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "log_unavailable"
    # Whoever reads does not notice.
    tail = server.get("/health")["tail"]
    assert server.run(before)["name"] == "before"
    assert httpx.put(f"{server.url}/api/datasets/x.csv", content="a,b\n" + "1,2\n" * 100_000).status_code >= 400

    disk.free()
    after = server.post("/api/runs", json={"command": ["x"], "name": "after"})["run"]["id"]
    events = everything(server.url, server.get("/health")["tail"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert len(events) > tail
    server.kill()
    server.start()
    assert [server.run(id)["name"] for id in (before, after)] == ["before", "after"]
    assert everything(server.url, len(events))[: len(events)] == events
    assert server.stop() == 0


def until_refused(url: str) -> httpx.Response:
    """The write-ahead log has room of its own; the answer that says that it is used up."""
    for _ in range(1000):
        answer = httpx.post(f"{url}/api/runs", json={"command": ["x" * 4000]}, timeout=60)
        if answer.status_code != 201:
            return answer
    raise AssertionError("The disk is full, and the server takes everything.")


def everything(url: str, tail: int) -> list[dict[str, Any]]:
    """All events of the log up to `tail`."""
    import msgspec

    found: list[dict[str, Any]] = []
    with httpx.stream("GET", f"{url}/api/events", params={"cursor": "0"}, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:") and '"type"' in line and '"seq"' in line:
                found.append(msgspec.json.decode(line[5:].strip()))
                if found[-1]["seq"] >= tail:
                    return found
    raise AssertionError("The stream ended early.")
