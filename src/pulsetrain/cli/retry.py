"""`pulsetrain retry RUN`: try a run again."""

from __future__ import annotations

from typing import Annotated

import typer

from .start import told
from .terminal import AsJson, Url


def retry(
    run: Annotated[str, typer.Argument(help="Id, the beginning of an id, or name.", metavar="RUN")],
    checkpoint: Annotated[bool, typer.Option(help="Go on from its last checkpoint, if there is one.")] = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Start a run again that has ended, from its last checkpoint."""
    from pulsetrain.sdk.client import Client

    with Client(url, name="cli") as client:
        started = client.retry(client.find_run(run).id, from_checkpoint=checkpoint)
    told(started, as_json)
