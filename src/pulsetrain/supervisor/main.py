"""`pulsetrain exec`: the supervisor as a program. It reads its arguments without the command line's libraries, to stay
small.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pulsetrain.sdk.folder import Note, SpoolFolder, home

from .supervise import Assignment, SpoolInUse, Supervisor, begin_attempt, lock

DEFAULT_URL = "http://127.0.0.1:8787"
SERVER_LINGER, OWN_LINGER = 3600.0, 10.0


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def say(text: str) -> None:
    """One line for whoever reads the supervisor's output."""
    try:
        sys.stderr.write(f"pulsetrain: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody reads it


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="pulsetrain exec",
        description="Supervise one run: start its command, ship its spool, deliver commands, report its end.",
        usage="pulsetrain exec --run ID [options] -- COMMAND…",
    )
    environment = os.environ.get
    made.add_argument("--run", default=environment("PULSETRAIN_RUN"), help="the run's id")
    made.add_argument("--url", default=environment("PULSETRAIN_URL") or DEFAULT_URL, help="the server's address")
    made.add_argument("--spool", type=Path, default=environment("PULSETRAIN_SPOOL"), help="the spool's folder")
    made.add_argument("--attempt", type=int, default=int(environment("PULSETRAIN_ATTEMPT") or 1))
    made.add_argument("--cores", type=int, default=int(environment("PULSETRAIN_CORES") or cores()))
    made.add_argument("--linger", type=float, default=None, help="seconds to wait for the server after the run's end")
    made.add_argument("--echo", action="store_true", help="pass the run's output on")
    made.add_argument("--attach", type=int, metavar="PID", help="supervise a process that runs already")
    made.add_argument("command", nargs=argparse.REMAINDER)
    return made


def main(arguments: Sequence[str]) -> int:
    """Supervise as `arguments` say. The exit code is the run's; 2 if the arguments do not make sense."""
    made = parser()
    given = made.parse_args(list(arguments))
    command: list[str] = given.command[1:] if given.command[:1] == ["--"] else given.command
    if given.attach is not None:
        return attach(given.attach, Path(given.spool or made.error("--attach needs --spool")), given.linger)
    if not given.run or not command:
        made.error("a run's id and a command are needed")
    token = os.environ.get("PULSETRAIN_RUN_TOKEN")
    if not token:
        made.error("PULSETRAIN_RUN_TOKEN must hold the run's token")
    folder = SpoolFolder((given.spool or home() / "spool" / given.run).absolute())
    note = Note(id=given.run, token=token, attempt=given.attempt, url=given.url)
    linger = SERVER_LINGER if given.linger is None else given.linger
    assignment = Assignment(
        folder=folder, note=note, command=command, cores=max(1, given.cores), linger=linger, echo=given.echo
    )
    return start(assignment)


def start(given: Assignment) -> int:
    """Start the command of `given`, and supervise it. The exit code is the run's; 1 if the spool cannot be used."""
    try:
        given.folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = lock(given.folder)
        begin_attempt(given.folder, given.note)
    except (OSError, SpoolInUse) as problem:
        say(f"The spool {given.folder.path} cannot be used: {problem}")
        return 1
    place = f"run {given.note.id} → {given.note.url.rstrip('/')}/runs/{given.note.id}"
    code = Supervisor(given, say, lambda: say(place)).run()
    os.close(held)
    return code


def attach(process: int, path: Path, linger: float | None) -> int:
    """Supervise `process`, which has made the spool at `path`."""
    folder = SpoolFolder(path.absolute())
    try:
        held = lock(folder)
        note = folder.note()
    except (OSError, SpoolInUse) as problem:
        say(f"The spool {path} cannot be used: {problem}")
        return 1
    wait = OWN_LINGER if linger is None else linger
    Supervisor(Assignment(folder=folder, note=note, command=[], process=process, linger=wait), say).run()
    os.close(held)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
