"""A disk of its own that a test can fill: a small tmpfs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("ab") as file:
            while free := shutil.disk_usage(self.path).free:
                os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size + free)

    def free(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(path: Path, mib: int) -> Iterator[SmallDisk]:
    """A disk of `mib` MiB at `path`; the test is skipped where this process may not mount one."""
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(path)]
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("There is no mount command here.")
    if done.returncode:
        pytest.skip(f"No tmpfs can be mounted here (that takes root): {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a process that a failed test left behind may have its files open.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
