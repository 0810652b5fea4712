"""`pulsetrain`: the commands, each imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from pulsetrain import __version__
from pulsetrain.model.errors import PulsetrainError

from .terminal import exit_code_of, print_error

COMMANDS = (
    *("up", "run", "start", "stop", "pause", "resume", "set", "ask", "note", "retry", "clone", "queue"),
    *("ls", "watch", "logs", "data", "sample", "sync", "exec"),
)
"""Each is a function in the module of its name (`exec_` in `exec`); `CONTEXT` there holds its context settings.
`GROUP` there is a command with commands of its own."""


class LazyCommands(TyperGroup):
    """Finds a command's module when the command is asked for, so that none pays for the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pulsetrain.cli.{cmd_name}")
        if hasattr(module, "GROUP"):
            group = typer.main.get_command(module.GROUP)
            group.name = cmd_name
            return group
        function = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(cmd_name, context_settings=getattr(module, "CONTEXT", None))(function)
        command = typer.main.get_command(single)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The live server for training runs: start, watch, steer and finish them.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pulsetrain {__version__}")
        raise typer.Exit


@app.callback()
def pulsetrain(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """The live server for training runs: start, watch, steer and finish them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. What a user can mend is told in a line, without a traceback."""
    try:
        app(arguments, prog_name="pulsetrain")
    except PulsetrainError as error:
        print_error(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Who reads our output has left (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
