"""How wrong the estimated time left was: over the recorded runs of a data folder.

    python benchmarks/eta/backtest.py DATA_FOLDER [--out FOLDER]

Each successful run of a trainer is played again from its events, as its own process saw them: stages and progress, at
their times, into `pulsetrain.model.eta.Outlook`, with those runs as history that had ended before it began. At 10, 25,
50, 75 and 90 % of the time that it really took, the estimate is compared with the time that was really left.

Three estimates: with history, with none (a trainer's first run), and what the run itself had said (`eta_seconds` of
its newest `run.progress`, counted down). The error is a share of the whole run's time: 10 % of a run of 60 s is 6 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.pasts import pauses
from pulsetrain.model.eta import KEPT, Outlook, Past, past_of
from pulsetrain.model.events import Event, unix_time
from pulsetrain.model.runs import Run

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from machine import machine  # noqa: E402

POINTS = (10, 25, 50, 75, 90)
Estimates = dict[str, float | None]


async def recorded(folder: Path) -> list[tuple[Run, list[Event]]]:
    """The successful runs of trainers, the oldest first, each with its events."""
    log = await SqliteLog.open(folder / "pulsetrain.db")
    try:
        _, runs, _ = await log.runs(10_000)
        found = []
        for run in reversed(runs):
            if run.trainer is not None and run.state == "succeeded":
                _, events = await log.run_events(run.id, ["run.status", "run.stage", "run.progress"])
                found.append((run, events))
        return found
    finally:
        await log.close()


def replay(run: Run, events: list[Event], history: list[Past]) -> dict[int, Estimates]:
    """The estimates at each point of the run, and under `left` what was true."""
    assert run.started_at is not None and run.ended_at is not None
    began, whole = unix_time(run.started_at), unix_time(run.ended_at) - unix_time(run.started_at)
    outlooks = {"with history": Outlook(history), "without": Outlook()}
    said: tuple[float, float | None] = (0.0, None)
    found: dict[int, Estimates] = {}
    points = list(POINTS)
    ahead = [event for event in events if event.type != "run.status"]
    while points:
        at = whole * points[0] / 100
        while ahead and unix_time(ahead[0].time) - began <= at:
            event = ahead.pop(0)
            now = unix_time(event.time) - began
            if event.type == "run.progress" and event.data.get("queue_position") is None:
                said = (now, event.data.get("eta_seconds"))
            for outlook in outlooks.values():
                tell(outlook, event, now)
        then: Estimates = {name: outlook.remaining(at) for name, outlook in outlooks.items()}
        then["said"] = None if said[1] is None else max(0.0, said[1] - (at - said[0]))
        found[points.pop(0)] = then | {"left": whole - at, "whole": whole}
    return found


def tell(outlook: Outlook, event: Event, now: float) -> None:
    data = event.data
    if event.type == "run.stage" and data.get("state") == "running":
        outlook.stage(data["name"], now)
    elif event.type == "run.progress" and data.get("percent") is not None:
        units, whole = ("epoch", "epochs") if data.get("epochs") else ("step", "steps")
        outlook.progress(now, data["percent"], data.get(units), data.get(whole), data.get("epochs"))


def backtest(found: list[tuple[Run, list[Event]]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    pasts: list[tuple[Run, Past]] = []
    for run, events in found:
        started = unix_time(run.started_at or run.created_at)
        known = [(old, past) for old, past in pasts if unix_time(old.ended_at or old.updated_at) < started]
        alike = [past for old, past in known if old.trainer == run.trainer and old.dataset == run.dataset]
        history = (alike or [past for old, past in known if old.trainer == run.trainer])[::-1][:KEPT]
        for point, then in replay(run, events, history).items():
            rows.append({"run": run.name, "history": len(history), "point": point, **then})
        past = past_of(run, pauses([event for event in events if event.type == "run.status"]))
        if past is not None:
            pasts.append((run, past))
    return rows


def summary(rows: list[dict[str, Any]], name: str) -> list[str]:
    """A row of the table: at each point the median error, and how many runs had an estimate at all."""
    cells = []
    for point in POINTS:
        here = [row for row in rows if row["point"] == point and (name != "with history" or row["history"])]
        errors = [abs(row[name] - row["left"]) / row["whole"] for row in here if row[name] is not None]
        median = f"{100 * statistics.median(errors):.0f} %" if errors else "unknown"
        cells.append(f"{median} ({len(errors)}/{len(here)})")
    return cells


def markdown(report: dict[str, Any]) -> str:
    where, rows = report["machine"], report["rows"]
    lengths = sorted({(row["run"], row["whole"]) for row in rows}, key=lambda one: one[1])
    lines = [
        "# Error of the estimated time left",
        "",
        f"{len(lengths)} recorded runs of {lengths[0][1]:.0f} to {lengths[-1][1]:.0f} s; {where['date']}, "
        f"{where['cpu']}, {where['cores']} cores, commit {where['commit']}. Median of the error as a share of the "
        "whole run's time; in brackets how many runs had an estimate at that point.",
        "",
        "| at | " + " | ".join(f"{point} %" for point in POINTS) + " |",
        "|---|" + "--:|" * len(POINTS),
    ]
    for name, title in (("with history", "with history"), ("without", "without"), ("said", "as the run said it")):
        lines.append(f"| {title} | " + " | ".join(summary(rows, name)) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    choice = parser.parse_args()
    rows = backtest(asyncio.run(recorded(choice.data)))
    if not rows:
        raise SystemExit("No run of a trainer has succeeded in this data folder.")
    report = {"machine": machine(), "rows": rows}
    choice.out.mkdir(parents=True, exist_ok=True)
    (choice.out / "eta.json").write_text(json.dumps(report) + "\n")
    (choice.out / "eta.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()
