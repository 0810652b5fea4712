"""`pulsetrain stop RUN`: end a run."""

from __future__ import annotations

from typing import Annotated

import typer

from pulsetrain.model.runs import Run

from . import show
from .terminal import AsJson, Url, note, out, print_json


def stop(
    run: Annotated[str, typer.Argument(help="Id, the beginning of an id, or name.", metavar="RUN")],
    grace: Annotated[
        float | None, typer.Option(min=0, max=3600, help="Seconds until it is killed.", show_default="10")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it has ended.")] = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Stop a run: at its next safe point, by force once the grace is over."""
    from pulsetrain.sdk.client import Client

    with Client(url, name="cli") as client:
        found = client.find_run(run)
        command = client.stop(found.id, grace)
        if wait:
            if not as_json:
                note.print(f"Stopping {found.name} …", style="dim")
            found = client.wait(found.id)
    if as_json:
        print_json({"command_id": command, "run": found})
    else:
        out.print(_told(found, wait), highlight=False)


def _told(run: Run, waited: bool) -> str:
    if not waited:
        return f"{run.name} ({run.id}) was asked to stop."
    how = f" ({run.ended_by})" if run.ended_by else ""
    left = f" {run.processes_left} of its processes are left." if run.processes_left else ""
    return f"{show.MARKS[run.state]} {run.name} ({run.id}) has {run.state}{how}.{left}"
