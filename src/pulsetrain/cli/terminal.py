"""What the commands share: where the server is, how they print, how they fail."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from pulsetrain.model.errors import PulsetrainError

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="PULSETRAIN_URL", help="Address of the server.", show_default="http://127.0.0.1:8787"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

out = Console(highlight=False)
note = Console(stderr=True, highlight=False)
"""Words about the work go to stderr, so that stdout can be piped."""

_USAGE = frozenset({"bad_parameters", "bad_request", "trainer_not_found"})


def print_json(value: Any) -> None:
    """`value` as one line of JSON on stdout."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_line(text: str, style: str = "") -> None:
    """A line as it is: nothing in it is taken for markup, and a narrow terminal does not cut it."""
    if out.is_terminal:
        out.print(Text(text, style), soft_wrap=True)
    else:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def print_error(error: PulsetrainError) -> None:
    """One line that says what is wrong and one that says what to do."""
    note.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    if error.hint:
        note.print(Text(error.hint, "dim"), soft_wrap=True)


def exit_code_of(error: PulsetrainError) -> int:
    """2 where the command line itself was wrong, 1 otherwise."""
    return 2 if getattr(error, "reason", error.code) in _USAGE else 1
