"""`pulsetrain ls`: the runs."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from pulsetrain.model.runs import Run

from . import show
from .terminal import AsJson, Url, note, out, print_json


def ls(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many.")] = 20,
    active: Annotated[bool, typer.Option("--active", help="Only those that have not ended.")] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the runs, newest first."""
    from pulsetrain.sdk.client import Client

    with Client(url, name="cli") as client:
        answer = client.runs(10_000 if active else limit)
    runs = answer.runs
    if active:
        runs = [run for run in runs if run.active][:limit]
    if as_json:
        print_json(msgspec.structs.replace(answer, runs=runs))
    elif not runs:
        note.print("No runs yet. Start one: pulsetrain start tabular-gan --data FILE.csv")
    else:
        out.print(_table(runs, time.time()))
        if not active and answer.total > len(runs):
            note.print(f"{len(runs)} of {answer.total} runs; --limit shows more.", style="dim")


def _table(runs: list[Run], now: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("ID", "NAME", "STATE", "PROGRESS", "TIME", "CREATED", "WHAT"):
        table.add_column(name, no_wrap=name in ("ID", "STATE", "TIME"), overflow="fold")
    for run in runs:
        ran = show.elapsed(run, now)
        table.add_row(
            run.id,
            Text(run.name),
            Text(f"{show.MARKS[run.state]} {run.state}", show.STYLES.get(run.state, "")),
            _progress(run),
            "" if ran is None else show.duration(ran),
            show.ago(run.created_at, now),
            Text(" on ".join(filter(None, (run.trainer, run.dataset))) or " ".join(run.command or ())),
        )
    return table


def _progress(run: Run) -> Text:
    if run.active:
        return Text(show.progress(run)) if run.responsive else Text("not responding", "yellow")
    return Text(show.progress(run).partition(" · ")[0] if run.state != "succeeded" else "")
