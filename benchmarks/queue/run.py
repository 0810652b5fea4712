"""What it costs to start one of many waiting runs.

    python benchmarks/queue/run.py [--waiting 20,200,2000] [--starts 100] [--out FOLDER]

The real scheduler over a real SQLite file with a disk sync for each commit; its executor starts a real process,
`/bin/true`, in place of a supervisor. One slot; so many runs wait, of three kinds of resources, and stay so many: one
more is queued before each start. A start is timed from the word that the run before has ended to the process of the
next one: decision, folder, specification, claim, process. Between two starts the first 20 of those who wait are told
where they stand; that is in the CPU time of a whole turn, as is the entry of the new run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.artifacts import Artifacts
from pulsetrain.core.pasts import Pasts
from pulsetrain.core.preparation import Preparation
from pulsetrain.core.runs import Runs, StartRequest
from pulsetrain.core.scheduler import Scheduler
from pulsetrain.core.trainers import Trainers
from pulsetrain.model.events import NewEvent
from pulsetrain.model.queue import Machine
from pulsetrain.model.resources import Wanted
from pulsetrain.model.trainers import Trainer
from pulsetrain.ports import Launch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from machine import machine  # noqa: E402

KINDS = (Wanted(cores=1), Wanted(cores=2), Wanted(cores=1, memory_bytes=2**30))


class Clock:
    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Processes:
    """Starts `/bin/true` for each run; `started` tells of it once it exists."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[tuple[str, float, asyncio.subprocess.Process]] = asyncio.Queue()

    async def start(self, launch: Launch) -> None:
        process = await asyncio.create_subprocess_exec("/bin/true", cwd=launch.folder)
        self.started.put_nowait((launch.run, time.perf_counter(), process))

    async def recover(self, run: str) -> bool:
        return False

    def pid(self, run: str) -> int | None:
        return None

    async def close(self) -> None:
        return


async def measure(folder: Path, waiting: int, starts: int) -> dict[str, Any]:
    log = await SqliteLog.open(folder / "log.db")
    has = Machine(cores=4, memory_bytes=2**34, slots=1)
    preparation = Preparation(
        folder / "runs", Artifacts(folder / "runs", 2**20), dataset_path=lambda id, digest: folder / id
    )
    pasts, processes = Pasts(log), Processes()
    await pasts.start()
    scheduler = Scheduler(log, Clock(), processes, preparation, has, pasts)
    await scheduler.start()
    runs = Runs(log, Trainers([Trainer("true", "True")]), machine=has)

    async def queue(number: int) -> None:
        await runs.start(StartRequest("true", resources=KINDS[number % 3]), by="benchmark")

    for number in range(waiting + 1):
        await queue(number)
    run, _, process = await processes.started.get()
    seconds: list[float] = []
    cpu = time.process_time()
    for number in range(starts):
        await queue(number)
        await process.wait()
        ended = time.perf_counter()
        await end(log, run)
        run, at, process = await processes.started.get()
        seconds.append(at - ended)
    cpu = (time.process_time() - cpu) / starts
    decisions = decision_seconds(scheduler)
    left = len(scheduler.line.queue.waiting)
    await process.wait()
    await scheduler.close()
    await pasts.close()
    await log.close()
    assert left == waiting, (left, waiting)
    return {
        "waiting": waiting,
        "start_ms": round(statistics.median(seconds) * 1000, 2),
        "start_p90_ms": round(statistics.quantiles(seconds, n=10)[-1] * 1000, 2),
        "cpu_ms": round(cpu * 1000, 2),
        "decision_us": round(decisions * 1e6, 1),
        "raw_start_ms": [round(one * 1000, 2) for one in seconds],
    }


async def end(log: SqliteLog, run: str) -> None:
    await log.append(lambda _: [NewEvent("run.status", {"state": "succeeded", "return_code": 0}, run)])


def decision_seconds(scheduler: Scheduler) -> float:
    """Who starts next, were the slot free: the median of many."""
    queue = scheduler.line.queue
    holders, queue.holders = queue.holders, {}
    taken: list[float] = []
    for _ in range(500):
        began = time.perf_counter()
        assert queue.next() is not None
        taken.append(time.perf_counter() - began)
    queue.holders = holders
    return statistics.median(taken)


def markdown(report: dict[str, Any]) -> str:
    where = report["machine"]
    lines = [
        "# The cost of starting one of many waiting runs",
        "",
        f"{report['starts']} starts at each depth of the queue, real processes, a disk sync for each commit; "
        f"{where['date']}, {where['cpu']}, {where['cores']} cores, load before {where['load_before']:.1f}, commit "
        f"{where['commit']}.",
        "",
        "| waiting | end of one run to the process of the next | p90 | CPU of a whole turn | the decision alone |",
        "|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['waiting']:,} | {row['start_ms']} ms | {row['start_p90_ms']} ms | {row['cpu_ms']} ms "
        f"| {row['decision_us']} µs |"
        for row in report["rows"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", default="20,200,2000")
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    choice = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(), "starts": choice.starts, "rows": []}
    for depth in map(int, choice.waiting.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            report["rows"].append(asyncio.run(measure(Path(folder), depth, choice.starts)))
    choice.out.mkdir(parents=True, exist_ok=True)
    (choice.out / "queue.json").write_text(json.dumps(report) + "\n")
    (choice.out / "queue.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()
