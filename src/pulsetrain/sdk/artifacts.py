"""Copies of files that a run wants kept, taken at the moment of asking."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path
from typing import IO, Any

KINDS = ("data", "model", "checkpoint", "report", "file")
_FICLONE = 0x40049409
_UNFIT = re.compile(r"[^A-Za-z0-9._ -]")


def keep(source: Path, folder: Path, *, name: str | None, kind: str) -> dict[str, Any]:
    """Copy `source` into `folder` and say what the record of it holds; `path` is for the supervisor alone.

    A copy, not a link: scripts write their next checkpoint into the same file. Raises OSError, or ValueError for a kind
    or a name that is none.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not one of {', '.join(KINDS)}")
    given = _UNFIT.sub("_", name if name is not None else source.name)[:128]
    if not given or given[0] in ".- ":
        given = "_" + given[:127]
    folder.mkdir(mode=0o700, exist_ok=True)
    with source.open("rb") as original:
        copy, descriptor = _new_file(folder, given)
        try:
            with os.fdopen(descriptor, "wb") as out:
                _copy(original, out)
                size = out.tell() or os.fstat(out.fileno()).st_size
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
    return {"name": given, "kind": kind, "size": size, "path": f"{folder.name}/{copy.name}"}


def _new_file(folder: Path, name: str) -> tuple[Path, int]:
    number = 0
    while True:
        path = folder / f"{os.getpid()}-{number}-{name}"[:255]
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            number += 1


def _copy(original: IO[bytes], out: IO[bytes]) -> None:
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.ioctl(out.fileno(), _FICLONE, original.fileno())
            return
    shutil.copyfileobj(original, out, 1024 * 1024)
