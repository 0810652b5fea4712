"""Files that runs made, one folder a run. No path leaves its folder."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from pulsetrain.model.errors import ArtifactNotFound, BadRequest, TooLarge
from pulsetrain.model.runs import Artifact

KINDS = frozenset({"data", "model", "checkpoint", "report", "file"})
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,127}")


class Artifacts:
    """Stores and finds artifacts below `folder`; none may be larger than `limit` bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def path(self, run: str, name: str) -> Path:
        """Where the artifact lies. Raises BadRequest for a name that is none, ArtifactNotFound without a file."""
        path = self._place(run, name)
        if not path.is_file():
            raise ArtifactNotFound(f"Run {run} has no artifact {name!r}.")
        return path

    async def put(self, run: str, name: str, kind: str, body: AsyncIterator[bytes]) -> Artifact:
        """Write `body` beside the artifact and put it in its place in one step, so that no reader sees half a file."""
        if kind not in KINDS:
            raise BadRequest(f"{kind!r} is not a kind of artifact.", hint=f"Kinds: {', '.join(sorted(KINDS))}.")
        place = self._place(run, name)
        digest, size = hashlib.sha256(), 0
        temporary = await asyncio.to_thread(_incoming, place.parent)
        try:
            with temporary as file:
                async for chunk in body:
                    size += len(chunk)
                    if size > self._limit:
                        raise TooLarge(f"The artifact is larger than the limit of {self._limit} bytes.")
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(_flush, file)
            await asyncio.to_thread(os.replace, temporary.name, place)
        except BaseException:
            await asyncio.to_thread(os.unlink, temporary.name)
            raise
        return Artifact(name, kind, size, f"sha256:{digest.hexdigest()}")

    def _place(self, run: str, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadRequest(
                f"{name!r} is not a name for an artifact.",
                hint="Letters, digits, '.', '_', '-' and blanks; at most 128; it begins with a letter or a digit.",
            )
        return self._folder / run / "artifacts" / name


def _incoming(folder: Path) -> IO[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.NamedTemporaryFile("wb", dir=folder, prefix=".incoming-", delete=False)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
