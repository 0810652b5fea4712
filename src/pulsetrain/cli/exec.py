"""`pulsetrain exec`: supervise one run. What executors start; people use `pulsetrain run`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

CONTEXT = {"allow_interspersed_args": False}


def exec_(
    command: Annotated[list[str] | None, typer.Argument(help="The command, after `--`.", show_default=False)] = None,
    run: Annotated[str | None, typer.Option(help="The run's id.", envvar="PULSETRAIN_RUN")] = None,
    url: Annotated[str | None, typer.Option(help="The server's address.", envvar="PULSETRAIN_URL")] = None,
    spool: Annotated[Path | None, typer.Option(help="The spool's folder.", envvar="PULSETRAIN_SPOOL")] = None,
    attempt: Annotated[int, typer.Option(min=1, help="Which attempt this is.", envvar="PULSETRAIN_ATTEMPT")] = 1,
    cores: Annotated[
        int | None, typer.Option(min=1, help="The run's share of the cores; all by default.", envvar="PULSETRAIN_CORES")
    ] = None,
    linger: Annotated[float | None, typer.Option(help="Seconds to wait for the server after the run's end.")] = None,
    echo: Annotated[bool, typer.Option("--echo", help="Pass the run's output on.")] = False,
    attach: Annotated[int | None, typer.Option(help="Supervise a process that runs already.", metavar="PID")] = None,
) -> None:
    """Supervise one run: start its command, ship its spool, deliver commands, report its end.

    The run's token comes in PULSETRAIN_RUN_TOKEN. The exit code is the run's.
    """
    words: list[str] = []
    options = {"--run": run, "--url": url, "--spool": spool, "--attempt": attempt, "--cores": cores}
    for name, value in {**options, "--linger": linger, "--attach": attach}.items():
        if value is not None:
            words += [name, str(value)]
    if echo:
        words.append("--echo")
    supervise([*words, "--", *(command or [])])


def supervise(words: list[str]) -> None:
    """Become the supervisor: this process, without the command line's libraries, since it lives as long as the run."""
    os.execv(sys.executable, [sys.executable, "-m", "pulsetrain.supervisor.main", *words])
