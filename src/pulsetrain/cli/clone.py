"""`pulsetrain clone RUN --epochs 50`: a run like another one, with changes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pulsetrain.model.errors import BadRequest

from .start import choose, flags, told
from .terminal import AsJson, Url
from .watching import Watch, watchdogs_of

CONTEXT: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What is no option of ours is a flag of the trainer."""


def clone(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Id, the beginning of an id, or name.", metavar="RUN")],
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="Id of another data set that the server has.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the new run.")] = None,
    priority: Annotated[int | None, typer.Option(min=-100, max=100, help="Higher ones start first.")] = None,
    retries: Annotated[int | None, typer.Option(min=0, help="How often it is tried again when it fails.")] = None,
    watchdogs: Watch = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Start a run like another one, with other parameters: pulsetrain clone wine-1 --epochs 50."""
    from pulsetrain.sdk.client import Client

    watching = watchdogs_of(watchdogs) if watchdogs else None
    with Client(url, name="cli") as client:
        old = client.find_run(run)
        if old.trainer is None:
            raise BadRequest(f"Run {old.name} was not started by the server.", hint="Start its command again.")
        trainer = choose(client, old.trainer)
        changes = flags(trainer, context.args, complete=False)
        started = client.clone(
            old.id, parameters=changes, dataset=data, name=name, priority=priority, retries=retries, watchdogs=watching
        )
    told(started, as_json)
