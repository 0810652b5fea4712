"""`pulsetrain ask RUN checkpoint|evaluate|sample`: have a run do something at its next safe point."""

from __future__ import annotations

from typing import Annotated

import typer

from .steer import RunName, Wait, asked, at
from .terminal import AsJson, Url


def ask(
    run: RunName,
    action: Annotated[str, typer.Argument(help="checkpoint, evaluate or sample.", show_default=False)],
    wait: Wait = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Have a run save a checkpoint, evaluate or sample at its next safe point, if it knows how."""
    asked(
        run,
        lambda client, found, wait: client.ask(found.id, action, wait=wait and found.state != "paused"),
        lambda found, answer: f"{found.name} ({found.id}) has done it{at(answer)}: {action}.",
        url=url,
        as_json=as_json,
        wait=wait,
    )
