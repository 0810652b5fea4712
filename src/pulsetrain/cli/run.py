"""`pulsetrain run -- python train.py`: any command as a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from pulsetrain.model.errors import BadRequest, PulsetrainError

from .watching import Watch, watchdogs_of

CONTEXT = {"allow_interspersed_args": False}


class SpoolUnusable(PulsetrainError):
    """The folder for the run's spool cannot be written."""

    code = "spool_unusable"
    hint = "PULSETRAIN_HOME names another place."


def run(
    command: Annotated[list[str] | None, typer.Argument(help="The command, after `--`.", show_default=False)] = None,
    name: Annotated[str | None, typer.Option(help="The run's name; that of the script by default.")] = None,
    project: Annotated[str | None, typer.Option(help="What the run belongs to.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given many times.")] = None,
    watch: Watch = None,
    cores: Annotated[int | None, typer.Option(min=1, help="The run's share of the cores; all by default.")] = None,
    url: Annotated[str, typer.Option(help="The server's address.", envvar="PULSETRAIN_URL")] = "http://127.0.0.1:8787",
) -> None:
    """Run a command and watch it live: its output, its metrics, its processes. Ctrl-C stops it.

    Without a server the run goes on and is kept on disk; `pulsetrain sync` ships it later. The exit code is the
    command's.
    """
    from pulsetrain.model.ids import new_run_id, new_token
    from pulsetrain.sdk.folder import Note, SpoolFolder, home

    from .exec import supervise

    if not command:
        raise BadRequest("There is no command to run.", hint="pulsetrain run -- python train.py")
    id, token = new_run_id(), new_token()
    called = name or script_name(command)
    asked: dict[str, Any] = {
        "command": command,
        "name": called,
        "project": project,
        "tags": tag or [],
        "id": id,
        "token": token,
    }
    if watch:
        asked["watchdogs"] = watchdogs_of(watch)
    folder = SpoolFolder(home() / "spool" / id)
    try:
        folder.create()
        folder.write_note(Note(id=id, token=token, url=url, name=called, register=asked))
    except OSError as problem:
        raise SpoolUnusable(f"{folder.path} cannot be written: {problem.strerror or problem}.") from None
    os.environ["PULSETRAIN_RUN_TOKEN"] = token
    # This may itself be the child of a run; it is a run of its own.
    for inherited in ("PULSETRAIN_ATTEMPT", "PULSETRAIN_DIR", "PULSETRAIN_SPEC", "PULSETRAIN_CHECKPOINT"):
        os.environ.pop(inherited, None)
    words = ["--run", id, "--url", url, "--spool", str(folder.path), "--linger", "10", "--echo"]
    if cores is not None:
        words += ["--cores", str(cores)]
    supervise([*words, "--", *command])


def script_name(command: list[str]) -> str:
    """The name that a run gets from its command: `python -u train.py --lr 1` is `train`."""
    script = next((word for word in command[1:] if word.endswith((".py", ".sh"))), None)
    if script is None and "-m" in command[:-1]:
        return command[command.index("-m") + 1]
    return Path(script or command[0]).stem or "run"
