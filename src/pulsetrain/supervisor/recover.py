"""Ships what a dead supervisor, or a run without a server, left on disk."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from pulsetrain.model.runs import FINAL
from pulsetrain.sdk.attach import identity
from pulsetrain.sdk.folder import SUPERVISOR, Note, SpoolFolder
from pulsetrain.sdk.spool import SpoolWriter, records

from . import ending
from .ship import Shipper
from .supervise import forget, lock
from .tree import Tree, leftovers

_LOST = "Its supervisor was lost, and the run with it."


def recover(path: Path, *, url: str | None, linger: float, say: Callable[[str], None]) -> bool:
    """Ship the spool at `path`, with the run's end if nobody has written it yet. Whether the server has everything now.

    `url` is where the server is now; None for where it was. Raises OSError, msgspec.DecodeError or SpoolInUse.
    """
    folder = SpoolFolder(path.absolute())
    note = folder.note()
    if note.shipped:
        return True
    held = lock(folder)
    try:
        if url is not None:
            note.url = url
        lives = note.attached is not None and _lives(note.attached)
        if lives:
            # Its supervisor may have been killed while the run was paused.
            Tree(_pid(note), owned=False).go_on()
        else:
            _write_end(folder, note)
        shipper = Shipper(folder, note, say=say)
        shipper.start()
        shipper.finish(linger)
        shipper.done.wait()
        if lives:
            say(f"Run {note.id} still goes on, as process {_pid(note)}.")
        elif shipper.shipped:
            forget(folder, note)
        return shipper.shipped
    finally:
        os.close(held)


def spools(folder: Path) -> list[Path]:
    """The spools in `folder`: itself, or those directly below it."""
    if (folder / "run.json").is_file():
        return [folder]
    return sorted(file.parent for file in folder.glob("*/run.json"))


def _pid(note: Note) -> int:
    return int((note.attached or "0").partition("-")[0])


def _lives(name: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return identity(int(name.partition("-")[0])) == name
    return False


def _write_end(folder: SpoolFolder, note: Note) -> None:
    """See to it that nothing of the run lives, and that its end is in the spool. Raises OSError."""
    left = 0 if note.attached is not None else _end_leftovers(folder)
    own = folder.producer(SUPERVISOR)
    if own.exists() and any(_is_end(record) for record, _ in records(own)):
        return
    outcome = folder.outcome() if note.attached is not None else None
    if outcome is not None:
        data = {**ending.status(ending.Exit(), None, outcome, None), "processes_left": None}
    else:
        data = {"state": "failed", "message": _LOST, "ended_by": "supervisor lost"}
        data = {**data, "return_code": None, "signal": None, "processes_left": left}
    writer = SpoolWriter(own)
    writer.record("run.status", data)
    writer.close()


def _is_end(record: list[Any]) -> bool:
    return record[1] == "run.status" and record[3].get("state") in FINAL


def _end_leftovers(folder: SpoolFolder) -> int:
    """End processes that outlived their supervisor; the answer is how many would not end."""
    deadline = time.monotonic() + 5.0
    while living := leftovers(str(folder.path)):
        if time.monotonic() > deadline:
            break
        for process in living:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(living, timeout=0.1)
    return len(living)
