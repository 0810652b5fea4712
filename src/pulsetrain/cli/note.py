"""`pulsetrain note RUN "text"`: put a note into a run's timeline."""

from __future__ import annotations

from typing import Annotated

import typer

from .steer import RunName, asked, at
from .terminal import AsJson, Url


def note(
    run: RunName,
    text: Annotated[str, typer.Argument(help="What to note.", show_default=False)],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Put a note into a run's timeline, at its last step."""
    asked(
        run,
        lambda client, found, _: client.note(found.id, text),
        lambda found, answer: f"Noted on {found.name} ({found.id}){at(answer)}.",
        url=url,
        as_json=as_json,
    )
