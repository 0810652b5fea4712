"""The trainer `command`: any command line as a run that is started from the page, the command line or over REST.

The process of the run becomes the command. So its output, its children and its end are captured as with
`pulsetrain run`, and a script among it that uses pulsetrain reports to this run.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated

from pulsetrain.model.errors import BadParameters

from .registry import Advanced, Help, Lines, trainer

_SHELL = "/bin/sh"
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


@trainer(
    "command",
    title="Command",
    summary="Any command line: its output, the metrics in it, its processes and its end.",
    takes_over=True,
)
def run_command(
    *,
    command: Annotated[str, Help("What to run, for instance: python train.py --epochs 10"), Lines()],
    arguments: Annotated[str, Help("Further arguments, one a line, taken as they stand"), Lines()] = "",
    environment: Annotated[str, Help("Environment variables, NAME=VALUE on a line each"), Lines()] = "",
    folder: Annotated[str, Help("Where to run it: an absolute path, or ~/…; the run's own folder by default")] = "",
    shell: Annotated[bool, Help("Let /bin/sh read the command: pipes, variables, several lines"), Advanced()] = False,
) -> None:
    """Become the command. Raises BadParameters; where it cannot be started, the process ends as a shell would."""
    words = words_of(command, arguments, shell=shell)
    added = variables_of(environment)
    if folder:
        _enter(folder)
    # The specification is about this trainer, not about the program.
    made = {name: value for name, value in os.environ.items() if name != "PULSETRAIN_SPEC"} | added
    # Python ignores these for itself, and a program inherits it.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(words[0], words, made)
    except OSError as problem:
        print(f"ERROR: {words[0]!r} cannot be started: {problem.strerror}.", file=sys.stderr, flush=True)  # noqa: T201
        missing = isinstance(problem, FileNotFoundError)
        raise SystemExit(_NOT_FOUND if missing else _NOT_EXECUTABLE) from None


def words_of(command: str, arguments: str, *, shell: bool) -> list[str]:
    """The words to execute: those of `command` as a shell would split it, then each line of `arguments`.

    With `shell`, /bin/sh gets the command as it stands, and the arguments as $1 and on. Raises BadParameters.
    """
    further = [line for line in arguments.splitlines() if line]
    if not command.strip():
        raise BadParameters("command is empty.")
    if shell:
        return [_SHELL, "-c", command, "sh", *further]
    try:
        return [*shlex.split(command), *further]
    except ValueError as problem:
        raise BadParameters(f"command cannot be split into words: {problem}.", hint="Is a quote missing?") from None


def variables_of(environment: str) -> dict[str, str]:
    """Lines of `NAME=VALUE` as a mapping; empty ones and those that begin with # are left out. Raises BadParameters."""
    found: dict[str, str] = {}
    for number, line in enumerate(environment.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, given, value = line.partition("=")
        if not given or not name.strip().isidentifier():
            raise BadParameters(f"environment, line {number}: {line!r} is not NAME=VALUE.")
        found[name.strip()] = value
    return found


def _enter(folder: str) -> None:
    path = Path(folder).expanduser()
    if not path.is_absolute():
        raise BadParameters(f"folder must be an absolute path, not {folder!r}.")
    try:
        os.chdir(path)
    except OSError as problem:
        raise BadParameters(f"The folder {path} cannot be entered: {problem.strerror}.") from None
    os.environ["PWD"] = str(path)
