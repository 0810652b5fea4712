"""`pulsetrain queue`: who waits; with a run, moving it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pulsetrain.model.errors import BadRequest

from . import show
from .terminal import AsJson, Url, note, out, print_json

if TYPE_CHECKING:
    from pulsetrain.sdk.answers import QueuePage


def queue(
    run: Annotated[str | None, typer.Argument(help="The waiting run to move: id, or name.", metavar="[RUN]")] = None,
    priority: Annotated[
        int | None, typer.Option(min=-100, max=100, help="Give it this priority; higher ones start first.")
    ] = None,
    before: Annotated[str | None, typer.Option(help="Put it directly before this run.")] = None,
    after: Annotated[str | None, typer.Option(help="Put it directly after this run.")] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the runs that wait, or move one: pulsetrain queue wine-3 --before wine-1."""
    from pulsetrain.sdk.client import Client

    said = [one for one in (priority, before, after) if one is not None]
    if (run is None) != (not said) or len(said) > 1:
        raise BadRequest("To move a run, say which, and one of --priority, --before and --after.")
    with Client(url, name="cli") as client:
        if run is not None:
            first, second = (client.find_run(text).id if text is not None else None for text in (before, after))
            client.move(client.find_run(run).id, priority=priority, before=first, after=second)
        page = client.queue()
    if as_json:
        print_json(page)
        return
    if page.waiting:
        out.print(_table(page))
    else:
        note.print("Nobody waits.")
    busy = f"{len(page.running)} of {page.machine.slots} slots are taken."
    note.print(busy, style="dim")


def _table(page: QueuePage) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "ID", "NAME", "PRIORITY", "STARTS IN", "WHY IT WAITS"):
        table.add_column(name, no_wrap=name in ("ID", "STARTS IN"), overflow="fold")
    for one in page.waiting:
        starts = "?" if one.start_seconds is None else show.duration(one.start_seconds)
        table.add_row(str(one.position), one.run, Text(one.name), str(one.priority), starts, Text(one.reason))
    return table
