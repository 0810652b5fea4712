"""What the commands that ask something of a run share: ask, wait for the answer, say at which step it took effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from pulsetrain.model.errors import PulsetrainError
from pulsetrain.model.runs import Run

from .terminal import note, print_error, print_json, print_line

if TYPE_CHECKING:
    from pulsetrain.sdk.answers import Answer
    from pulsetrain.sdk.client import Client

RunName = Annotated[str, typer.Argument(help="Id, the beginning of an id, or name.", metavar="RUN")]
Wait = Annotated[bool, typer.Option(help="Wait until the run has answered.")]


class Rejected(PulsetrainError):
    """The run did not do what it was asked for."""

    code = "rejected"


def asked(
    name: str,
    ask: Callable[[Client, Run, bool], Answer],
    tell: Callable[[Run, Answer], str],
    *,
    url: str | None,
    as_json: bool,
    wait: bool = True,
) -> None:
    """Find the run `name`, `ask` it, and print the answer by `tell`. Exits with 1 if the run rejects it."""
    from pulsetrain.sdk.client import Client

    with Client(url, name="cli") as client:
        run = client.find_run(name)
        answer = ask(client, run, wait)
    if as_json:
        print_json(answer)
    elif answer.applied:
        print_line(tell(run, answer))
    elif answer.applied is None:
        print_line(f"{run.name} ({run.id}) was asked.")
        if run.state == "paused":
            note.print("It is paused, and does it once it goes on.", style="dim")
    else:
        print_error(Rejected(answer.reason or "The run did not do it, and does not say why."))
    if answer.applied is False:
        raise typer.Exit(1)


def at(answer: Answer) -> str:
    """Where the answer stands in the run: ` at step 120`, or nothing where no step is known."""
    return "" if answer.step is None else f" at step {answer.step}"
