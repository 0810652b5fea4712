"""`pulsetrain sync`: ship what was logged without a server, and what dead supervisors left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pulsetrain.model.errors import PulsetrainError


class NoSpool(PulsetrainError):
    """There is no spool in this folder."""

    code = "no_spool"


def sync(
    folder: Annotated[
        Path | None, typer.Argument(help="A spool, or a folder of spools; yours by default.", show_default=False)
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Where the server is now; by default, where it was.", envvar="PULSETRAIN_URL")
    ] = None,
    linger: Annotated[float, typer.Option(min=0, help="Seconds to wait for a server that does not answer.")] = 10.0,
) -> None:
    """Ship spools to the server. Nothing is shipped twice. The exit code is 1 if something is left."""
    from pulsetrain.sdk.folder import home
    from pulsetrain.supervisor.main import say
    from pulsetrain.supervisor.recover import recover, spools
    from pulsetrain.supervisor.supervise import SpoolInUse

    found = spools(folder or home() / "spool")
    if not found and folder is not None:
        raise NoSpool(f"There is no spool in {folder}.", hint="A spool has a run.json; `pulsetrain sync` finds yours.")
    left = 0
    for path in found:
        try:
            done = recover(path, url=url, linger=linger, say=say)
        except SpoolInUse:
            say(f"{path} belongs to a run that goes on.")
        except (OSError, msgspec.DecodeError) as problem:
            say(f"{path} cannot be read: {problem}")
            left += 1
        else:
            left += not done
            say(f"{path.name}: {'shipped' if done else 'not everything could be shipped'}")
    if not found:
        say("There is nothing to ship.")
    if left:
        raise typer.Exit(1)
