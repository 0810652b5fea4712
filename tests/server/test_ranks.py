"""Many processes of one run: real torchrun with two ranks over gloo, one run, and who said what."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import StartServer
from live import LiveServer

SUM = """
import sys

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank = dist.get_rank()


def added(step):
    value = torch.tensor([float(rank + step)])
    dist.all_reduce(value)  # both ranks have 2 * step + 1 then
    return value.item() / (rank + 1)


"""
WITH_SDK = (
    SUM
    + """
import pulsetrain

with pulsetrain.init() as run:
    with run.stage("Train"):
        for step in range(1, 4):
            run.log({"loss": added(step)}, step=step)
            run.progress(step=step, steps=3)
            print("step", step, "of rank", rank, flush=True)
            if "crash" in sys.argv and rank == 1 and step == 2:
                raise ValueError("one of two is broken")
    dist.barrier()
    dist.destroy_process_group()
"""
)
PRINTED = (
    SUM
    + """
for step in range(1, 4):
    print(f"step {step}/3 loss: {added(step)}", flush=True)
    if "crash" in sys.argv and rank == 1 and step == 2:
        raise ValueError("one of two is broken")
dist.barrier()
dist.destroy_process_group()
"""
)
pytestmark = pytest.mark.timeout(300)


def torchrun(server: LiveServer, folder: Path, script: str, *words: str, tee: bool = True) -> dict[str, Any]:
    """Run `script` in two processes under `pulsetrain run`; the run at its end."""
    (folder / "train.py").write_text(script)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, *(("--tee", "3") if tee else ()), "train.py", *words]
    environment = {**os.environ, "PULSETRAIN_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pulsetrain.cli.main", "run", "--url", server.url, "--", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    [run] = server.get("/api/runs")["runs"]
    assert done.returncode == run["return_code"], done.stderr
    found: dict[str, Any] = run
    return found


def lines_of(server: LiveServer, run: dict[str, Any], rank: int | None) -> list[str]:
    lines = server.get(f"/api/runs/{run['id']}/logs")["lines"]
    return [line["text"] for line in lines if line.get("rank") == rank]


def columns(server: LiveServer, run: dict[str, Any]) -> dict[str, Any]:
    series = server.get(f"/api/runs/{run['id']}/series")["series"]
    return {key: dict(zip(points["step"], points["value"], strict=True)) for key, points in series.items()}


def test_every_rank_logs_into_one_run(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    run = torchrun(server, tmp_path, WITH_SDK)
    assert (run["state"], run["return_code"], run["processes_left"]) == ("succeeded", 0, 0)
    assert columns(server, run) == {"loss": {1: 3.0, 2: 5.0, 3: 7.0}, "rank1/loss": {1: 1.5, 2: 2.5, 3: 3.5}}
    # What both do alike is said once.
    events = server.events(run["id"], lambda event: event["data"].get("state") == "succeeded")
    assert len([event for event in events if event["type"] == "run.stage"]) == 2
    # Three of each rank would be six; what comes at once may be told as one.
    assert len([event for event in events if event["type"] == "run.progress"]) < 6
    assert run["progress"]["percent"] == 100
    for rank in (0, 1):
        assert lines_of(server, run, rank) == [f"step {step} of rank {rank}" for step in (1, 2, 3)]


def test_metrics_of_every_rank_are_read_from_its_output(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    run = torchrun(server, tmp_path, PRINTED)
    assert run["state"] == "succeeded", (run["message"], run["last_error"], lines_of(server, run, None))
    assert columns(server, run) == {"loss": {1: 3.0, 2: 5.0, 3: 7.0}, "rank1/loss": {1: 1.5, 2: 2.5, 3: 3.5}}
    assert lines_of(server, run, 1) == ["step 1/3 loss: 1.5", "step 2/3 loss: 2.5", "step 3/3 loss: 3.5"]
    assert (run["progress"]["step"], run["progress"]["steps"]) == (3, 3)


@pytest.mark.parametrize("tee", [True, False])
@pytest.mark.parametrize("script", [WITH_SDK, PRINTED], ids=["sdk", "printed"])
def test_a_failed_rank_fails_the_run_and_is_named(
    start_server: StartServer, tmp_path: Path, script: str, tee: bool
) -> None:
    server = start_server()
    run = torchrun(server, tmp_path, script, "crash", tee=tee)
    assert (run["state"], run["return_code"], run["processes_left"]) == ("failed", 1, 0)
    assert run["message"] == "Rank 1: ValueError: one of two is broken"
    # PyTorch itself names the rank of an exception.
    assert "ValueError: one of two is broken" in lines_of(server, run, 1)


def test_without_a_prefix_lines_belong_to_nobody(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    run = torchrun(server, tmp_path, WITH_SDK, tee=False)
    assert len(lines_of(server, run, None)) >= 6
    assert columns(server, run)["rank1/loss"] == {1: 1.5, 2: 2.5, 3: 3.5}
