"""`pulsetrain set RUN lr=0.01`: give a run's control another value while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pulsetrain.model.errors import BadParameters
from pulsetrain.model.runs import Run
from pulsetrain.model.steering import parse

from .steer import RunName, Wait, asked
from .terminal import AsJson, Url

if TYPE_CHECKING:
    from pulsetrain.sdk.answers import Answer
    from pulsetrain.sdk.client import Client


def set_(
    run: RunName,
    value: Annotated[str, typer.Argument(help="Which control, and its new value.", metavar="NAME=VALUE")],
    wait: Wait = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Give one of a run's controls another value; it takes it at its next step."""
    name, given, text = value.partition("=")
    if not given or not name:
        raise BadParameters(f"What is {value!r}?", hint="For instance: pulsetrain set wine-3 learning_rate=0.0005")

    def ask(client: Client, found: Run, wait: bool) -> Answer:
        control = next((one for one in found.controls if one.name == name), None)
        # What the run does not offer is refused by the server, with what it does offer.
        wanted = parse(control, text) if control is not None else text
        return client.set(found.id, name, wanted, wait=wait and found.state != "paused")

    asked(run, ask, _told, url=url, as_json=as_json, wait=wait)


def _told(run: Run, answer: Answer) -> str:
    details = answer.details or {}
    when = "" if answer.step is None else f" from the step after {answer.step} on"
    change = f"{details.get('name')} of {run.name} ({run.id}) is {details.get('value')}{when}"
    return f"{change}; it was {details.get('previous')}."
