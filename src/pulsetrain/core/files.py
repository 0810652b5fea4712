"""Files that appear whole or not at all, under names that nobody else has."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from pulsetrain.model.errors import TooLarge
from pulsetrain.model.filenames import is_data_file_name, numbered

INCOMING = ".incoming-"
"""How the names of unfinished files begin."""


def data_files(folder: Path) -> dict[str, tuple[int, int]]:
    """The files that can be data sets, with size and modification time. Links are not followed, folders not entered."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and is_data_file_name(entry.name):
                found[entry.name] = signature(Path(entry.path))
    return found


def signature(path: Path) -> tuple[int, int]:
    """Size in bytes and modification time in nanoseconds: when either differs, the file is another one."""
    status = path.stat(follow_symlinks=False)
    return status.st_size, status.st_mtime_ns


def put_under_free_name(path: Path, folder: Path, name: str, taken: Collection[str] = ()) -> Path:
    """Move `path` into `folder` as `name`, or with a number where that is taken. Never replaces a file."""
    chosen, number = name, 2
    while True:
        place = folder / chosen
        try:
            if chosen not in taken:
                place.hardlink_to(path)
                break
        except FileExistsError:
            pass
        chosen, number = numbered(name, number), number + 1
    path.unlink()
    place.chmod(0o644)
    return place


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def append(file: BinaryIO, chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise TooLarge(
                "The disk of the server is full.", hint="Delete data sets or runs that nobody needs."
            ) from None
        raise


def replace_content(path: Path, content: bytes) -> None:
    """Replace `path` in one step, so that a crash leaves the old content or the new one."""
    temporary = path.with_name(f"{INCOMING}{os.getpid()}-{path.name}")
    temporary.write_bytes(content)
    temporary.replace(path)
