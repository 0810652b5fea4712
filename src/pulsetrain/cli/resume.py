"""`pulsetrain resume RUN`: let a paused run go on."""

from __future__ import annotations

from .steer import RunName, Wait, asked, at
from .terminal import AsJson, Url


def resume(run: RunName, wait: Wait = True, url: Url = None, as_json: AsJson = False) -> None:
    """Let a paused run go on."""
    asked(
        run,
        lambda client, found, wait: client.resume(found.id, wait=wait),
        lambda found, answer: f"{found.name} ({found.id}) goes on{at(answer)}.",
        url=url,
        as_json=as_json,
        wait=wait,
    )
