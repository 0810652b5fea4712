"""Uploads in pieces: they go on where they were after a broken connection, and after a restart of the server.

`.uploads/<id>/upload.json` says what was announced; the file beside it is what has arrived, and its size the offset.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from pulsetrain.core.files import append, digest_of, replace_content
from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import (
    BadRequest,
    Busy,
    PulsetrainError,
    UploadCorrupt,
    UploadNotFound,
    UploadOffset,
)
from pulsetrain.model.filenames import data_file_name
from pulsetrain.model.ids import is_upload_id, new_upload_id

from .catalog import Datasets
from .dataset import Dataset

MIB = 1024 * 1024
CHUNK_BYTES = 8 * MIB
"""How much a client is asked to send at once; it may send more or less."""
MOST = 64
"""Uploads under way."""
KEPT_SECONDS = 24 * 3600.0
_RECORD = "upload.json"


class Upload(msgspec.Struct, frozen=True):
    """What was announced. `dataset` is what it has become, once it has."""

    id: str
    name: str
    size: int
    digest: str | None = None
    replace: str | None = None
    dataset: str | None = None


class Uploads:
    """Takes files in pieces for `datasets`, below `folder`, which lies on the same disk."""

    def __init__(self, folder: Path, datasets: Datasets) -> None:
        self._folder = folder
        self._datasets = datasets
        self._writing: set[str] = set()

    async def create(self, name: str, size: int, *, digest: str | None = None, replace: str | None = None) -> Upload:
        """Announce a file. Raises BadRequest, TooLarge, DatasetNotFound (of `replace`) or Busy."""
        name = data_file_name(name)
        if size < 1:
            raise BadRequest("The file is empty.", hint="Send a file with at least one row.")
        if size > self._datasets.upload_limit:
            raise self._datasets.too_large()
        if digest is not None and not (digest.startswith("sha256:") and len(digest) == 71):
            raise BadRequest("The digest is 'sha256:' and 64 hexadecimal digits.")
        if replace is not None:
            await self._datasets.get(replace)
        upload = Upload(new_upload_id(), name, size, digest, replace)
        await asyncio.to_thread(self._begin, upload)
        return upload

    def offset(self, id: str) -> tuple[Upload, int]:
        """The upload and how many of its bytes are there. Raises UploadNotFound."""
        upload = self._record(id)
        if upload.dataset is not None:
            return upload, upload.size
        with contextlib.suppress(FileNotFoundError):
            return upload, self._file(upload).stat().st_size
        return upload, 0

    async def write(
        self, id: str, offset: int, chunks: AsyncIterator[bytes]
    ) -> tuple[int, Cursor | None, Dataset | None]:
        """Add `chunks` from `offset` on. With the last byte the file becomes a data set, which is the answer then.

        What has arrived stays when `chunks` break off. To ask once more for the answer to the last piece, send nothing
        at the end. Raises UploadOffset, UploadCorrupt, BadRequest for too many bytes, and what a data set is refused
        with; a refused file is thrown away.
        """
        upload, there = self.offset(id)
        if id in self._writing:
            raise UploadOffset("Another request is sending to this upload.", there)
        self._writing.add(id)
        try:
            upload, there = self.offset(id)
            if offset != there:
                raise UploadOffset(f"{there} bytes are there, and these begin at {offset}.", there)
            if upload.dataset is None:
                there = await self._append(upload, there, chunks)
                if there < upload.size:
                    return there, None, None
                upload = await self._finish(upload)
            cursor, dataset = await self._datasets.get(upload.dataset or "")
            return there, cursor, dataset
        finally:
            self._writing.discard(id)

    async def cancel(self, id: str) -> None:
        """Give an upload up. Raises UploadNotFound."""
        self._record(id)
        await asyncio.to_thread(shutil.rmtree, self._folder / id, True)

    def tidy(self, now: float | None = None) -> None:
        """Remove what nobody has sent to for a day."""
        limit = (time.time() if now is None else now) - KEPT_SECONDS
        for folder in self._folders():
            newest = max((file.stat().st_mtime for file in folder.iterdir()), default=folder.stat().st_mtime)
            if newest < limit and folder.name not in self._writing:
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [folder for folder in self._folder.iterdir() if is_upload_id(folder.name)]

    def _begin(self, upload: Upload) -> None:
        self.tidy()
        under_way = sum(self._record(folder.name).dataset is None for folder in self._folders())
        if under_way >= MOST:
            raise Busy(f"{under_way} uploads are under way.", hint="Finish one first, or wait.")
        (self._folder / upload.id).mkdir(parents=True)
        self._write_record(upload)

    def _write_record(self, upload: Upload) -> None:
        replace_content(self._folder / upload.id / _RECORD, msgspec.json.encode(upload))

    def _record(self, id: str) -> Upload:
        if is_upload_id(id):
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                return msgspec.json.decode((self._folder / id / _RECORD).read_bytes(), type=Upload)
        raise UploadNotFound(f"There is no upload {id!a}.")

    def _file(self, upload: Upload) -> Path:
        return self._folder / upload.id / f"content{Path(upload.name).suffix.lower()}"

    async def _append(self, upload: Upload, there: int, chunks: AsyncIterator[bytes]) -> int:
        # Unbuffered: what `offset` tells is what is in the file, also when the server is killed.
        with self._file(upload).open("ab", buffering=0) as file:
            async for chunk in chunks:
                if there + len(chunk) > upload.size:
                    raise BadRequest(f"The file was announced with {upload.size} bytes, and more came.")
                await asyncio.to_thread(append, file, chunk)
                there += len(chunk)
        return there

    async def _finish(self, upload: Upload) -> Upload:
        file = self._file(upload)
        try:
            digest = await asyncio.to_thread(digest_of, file)
            if upload.digest is not None and digest != upload.digest:
                raise UploadCorrupt(f"The file should have {upload.digest} and has {digest}.")
            _, dataset = await self._datasets.take_in(file, upload.name, digest, replace=upload.replace)
        except PulsetrainError:
            await asyncio.to_thread(shutil.rmtree, self._folder / upload.id, True)
            raise
        done = msgspec.structs.replace(upload, dataset=dataset.id)
        await asyncio.to_thread(self._write_record, done)
        return done
