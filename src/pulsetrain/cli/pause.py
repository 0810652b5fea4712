"""`pulsetrain pause RUN`: halt a run, to go on later."""

from __future__ import annotations

from .steer import RunName, Wait, asked, at
from .terminal import AsJson, Url


def pause(run: RunName, wait: Wait = True, url: Url = None, as_json: AsJson = False) -> None:
    """Pause a run: at its next safe point, with a checkpoint if it knows how. It keeps its memory and costs no CPU."""
    asked(
        run,
        lambda client, found, wait: client.pause(found.id, wait=wait),
        lambda found, answer: f"{found.name} ({found.id}) is paused{at(answer)} ({answer.how}).",
        url=url,
        as_json=as_json,
        wait=wait,
    )
