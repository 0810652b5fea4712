"""Older contents of data sets, and descriptions, by digest.

`.versions/<id>/<digest>/<id>` is a content under the name that its data set has, so that a trainer sees the name that
was chosen. It is a link to the file that was there, and a copy only where the disk knows no links.
`.previews/<digest>.json` is what was found out about a content.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path

import msgspec

from pulsetrain.core.files import replace_content

KEPT = 20
"""Contents that a data set had before and that can still be read; what waiting and running runs need comes on top."""


class Contents:
    """The two folders beside the data sets' files."""

    def __init__(self, folder: Path) -> None:
        self._versions = folder / ".versions"
        self._previews = folder / ".previews"

    def make(self) -> None:
        for folder in (self._versions, self._previews):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, id: str, digest: str) -> Path:
        """Where a content of `id` lies if it is kept."""
        return self._versions / id / _plain(digest) / id

    def keep(self, id: str, digest: str, file: Path) -> Path:
        """Keep `file`, the content `digest` of `id`, whatever then takes its place."""
        place = self.path(id, digest)
        if place.exists():
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            try:
                place.hardlink_to(file)
            except OSError:
                temporary = place.with_name(f".copy-{os.getpid()}")
                shutil.copy2(file, temporary)
                temporary.replace(place)
        return place

    def release(self, id: str, digest: str, file: Path) -> None:
        """`file` was written over where it lay: what was kept of it by a link is gone with it."""
        place = self.path(id, digest)
        with contextlib.suppress(FileNotFoundError):
            if place.samefile(file):
                shutil.rmtree(place.parent)

    def tidy(self, id: str, wanted: Collection[str]) -> set[str]:
        """Drop what is not `wanted`; the digests of `wanted` that are there."""
        folder = self._versions / id
        plain = {_plain(digest): digest for digest in wanted}
        if not folder.is_dir():
            return set()
        for one in list(folder.iterdir()):
            if one.name not in plain:
                shutil.rmtree(one, ignore_errors=True)
        return {digest for name, digest in plain.items() if (folder / name / id).is_file()}

    def forget(self, id: str) -> None:
        shutil.rmtree(self._versions / id, ignore_errors=True)

    def preview(self, digest: str) -> msgspec.Raw | None:
        """The description of a content, if there is one."""
        try:
            return msgspec.Raw(self._preview(digest).read_bytes())
        except FileNotFoundError:
            return None

    def put_preview(self, digest: str, table: msgspec.Raw) -> None:
        replace_content(self._preview(digest), bytes(table))

    def drop_preview(self, digest: str) -> None:
        self._preview(digest).unlink(missing_ok=True)

    def _preview(self, digest: str) -> Path:
        return self._previews / f"{_plain(digest)}.json"


def _plain(digest: str) -> str:
    return digest.removeprefix("sha256:")
