"""What lies on the disk and what is known of it, brought together: under one lock, announced in the log."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from pulsetrain.core.files import INCOMING, data_files, digest_of, replace_content, signature
from pulsetrain.core.workers import TableFacts, describe_tables
from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, DatasetNotFound, PulsetrainError, WrongFormat
from pulsetrain.model.events import NewEvent, iso_time
from pulsetrain.model.formats import TITLES
from pulsetrain.ports import EventLog, Transaction

from .allowed import allowed_file
from .contents import KEPT, Contents
from .dataset import Dataset, Entry, Origin, entry_of, origin_of

_GONE = -1


class Shelf:
    """The entries of all data sets and the files that they stand for. Whoever changes one holds `changing`."""

    def __init__(self, folder: Path, log: EventLog, allowed: Sequence[Path]) -> None:
        self.folder = folder
        self.known: dict[str, Entry] = {}
        self.contents = Contents(folder)
        # One change at a time: two uploads of one name must not both find it free.
        self.changing = asyncio.Lock()
        self._log = log
        self._allowed = tuple(allowed)
        self._describing = asyncio.Semaphore(2)

    def load(self) -> None:
        """Read what is known, and remove what a server that was killed left unfinished."""
        self._meta.mkdir(parents=True, exist_ok=True)
        self.contents.make()
        for left in self.folder.glob(f"{INCOMING}*"):
            if left.is_dir():  # in which sample sets were being made
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        for path in self._meta.glob("*.json"):
            with contextlib.suppress(msgspec.MsgspecError, OSError):
                entry = msgspec.json.decode(path.read_bytes(), type=Entry)
                self.known[entry.dataset.id] = entry

    def cursor(self) -> Cursor:
        """Where the log is now."""
        view = self._log.view()
        return Cursor(view.generation, view.tail)

    def allowed(self, path: str) -> Path:
        """See `allowed_file`."""
        return allowed_file(path, self._allowed)

    @contextlib.contextmanager
    def incoming(self, name: str) -> Iterator[tuple[Path, BinaryIO]]:
        """A temporary file in the folder; it is gone afterwards unless it was put in its place."""
        handle, made = tempfile.mkstemp(dir=self.folder, prefix=INCOMING, suffix=Path(name).suffix.lower())
        path = Path(made)
        try:
            with os.fdopen(handle, "wb") as file:
                yield path, file
        finally:
            path.unlink(missing_ok=True)

    @property
    def _meta(self) -> Path:
        return self.folder / ".meta"

    def entry(self, id: str, *, there: bool = True) -> Entry:
        """What is known of `id`, whose file must be there."""
        entry = self.known.get(id)
        if entry is None:
            raise DatasetNotFound(f"There is no data set {id!a}.")
        if there and entry.path is None:
            self.current(entry)
        return entry

    def current(self, entry: Entry) -> Path:
        """Where the file of `entry` lies now."""
        id = entry.dataset.id
        if entry.path is not None:
            try:
                # Again each time: a folder on its way may have become a link since.
                real = self.allowed(entry.path)
            except PulsetrainError:
                real = None
            if real is None or str(real) != entry.path:
                raise DatasetNotFound(f"The file of {id!a} is gone, or may not be read.", hint="Delete the data set.")
            return real
        path = self.folder / id
        # A link that somebody has put in the file's place could lead anywhere.
        if path.is_symlink() or not path.is_file():
            raise DatasetNotFound(f"There is no data set {id!a}.")
        return path

    def replaceable(self, id: str, format: str) -> None:
        dataset = self.entry(id).dataset
        if dataset.external:
            raise BadRequest(f"{id!a} lies outside the data folder.", hint="Change the file itself.")
        if dataset.format != format:
            raise WrongFormat(
                f"{id!a} is {TITLES[dataset.format]}; a version of another format would be another data set.",
                hint="Upload it as a data set of its own.",
            )

    async def describe(self, path: Path) -> TableFacts:
        async with self._describing:
            return (await describe_tables([path]))[0]

    async def replace(
        self, id: str, path: Path, digest: str, facts: TableFacts, *, edited: bool = False
    ) -> tuple[Cursor, Dataset]:
        """Put a described file in the place of `id`, whose content is kept."""
        entry = self.entry(id)
        if digest == entry.dataset.digest:
            return self.cursor(), entry.dataset
        place = self.current(entry)
        await asyncio.to_thread(self.contents.keep, id, entry.dataset.digest, place)
        await asyncio.to_thread(_take_place, path, place)
        return await self.announce(id, place, digest, facts, origin_of(entry.dataset, edited=edited))

    async def announce(
        self,
        id: str,
        path: Path,
        digest: str,
        facts: TableFacts,
        origin: Origin,
        *,
        external: bool = False,
        stamp: tuple[int, int] | None = None,
    ) -> tuple[Cursor, Dataset]:
        """Enter what is known of `id` and say so; `stamp` is the file's signature from before it was read."""
        before = self.known.get(id)
        entry = entry_of(
            id,
            digest=digest,
            signature=stamp or signature(path),
            facts=facts,
            origin=origin,
            before=before,
            path=path if external else None,
            now=iso_time(datetime.now(UTC).timestamp()),
        )
        if facts.table != msgspec.Raw(b"null"):
            await asyncio.to_thread(self.contents.put_preview, digest, facts.table)
        result = await self.put(entry, created=before is None)
        if before is not None:
            await self._tidy(entry, before)
        return result

    async def put(self, entry: Entry, *, created: bool) -> tuple[Cursor, Dataset]:
        dataset = entry.dataset
        await asyncio.to_thread(replace_content, self._meta / f"{dataset.id}.json", msgspec.json.encode(entry))
        # Known before it is announced: a list taken at the event's cursor must hold it.
        self.known[dataset.id] = entry
        keys = ("id", "name", "size", "rows", "columns", "format", "digest", "version")
        event = NewEvent(
            "dataset.created" if created else "dataset.updated", {key: getattr(dataset, key) for key in keys}
        )
        appended = await self._log.append(partial(_always, [event]))
        return appended.cursor, dataset

    async def _tidy(self, entry: Entry, before: Entry) -> None:
        """Drop the contents that nobody can ask for any more."""
        id = entry.dataset.id
        runs = await self._log.active_runs()
        needed = {run.dataset_digest for run in runs if run.dataset == id and run.dataset_digest}
        wanted = {entry.dataset.digest, *needed, *(one.digest for one in entry.versions[:KEPT])}
        await asyncio.to_thread(self.contents.tidy, id, wanted)
        if before.dataset.digest not in wanted:
            self._drop_preview(before.dataset.digest)

    def _drop_preview(self, digest: str) -> None:
        if all(other.dataset.digest != digest for other in self.known.values()):
            self.contents.drop_preview(digest)

    async def forget(self, id: str) -> Cursor:
        gone = self.known.pop(id)
        (self._meta / f"{id}.json").unlink(missing_ok=True)
        self.contents.forget(id)
        for one in gone.all_versions():
            self._drop_preview(one.digest)
        appended = await self._log.append(partial(_always, [NewEvent("dataset.deleted", {"id": id})]))
        return appended.cursor

    async def look(self) -> None:
        """Bring what is known up to what lies in the folder, and where files outside it lie."""
        found = await asyncio.to_thread(data_files, self.folder)
        changed: dict[str, Path] = {}
        for id, entry in list(self.known.items()):
            if entry.path is not None:
                if (path := await self._look_outside(entry)) is not None:
                    changed[id] = path
            elif id not in found:
                await self.forget(id)
        for id, stamp in found.items():
            known = self.known.get(id)
            if known is None or (known.path is None and (known.dataset.size, known.modified) != stamp):
                changed[id] = self.folder / id
        if not changed:
            return
        stamps = [signature(path) for path in changed.values()]
        async with self._describing:
            facts = await describe_tables(list(changed.values()))
        for (id, path), fact, stamp in zip(changed.items(), facts, stamps, strict=True):
            await self._changed(id, path, fact, stamp)

    async def _changed(self, id: str, path: Path, facts: TableFacts, stamp: tuple[int, int]) -> None:
        digest = await asyncio.to_thread(digest_of, path)
        known = self.known.get(id)
        external = known is not None and known.path is not None
        origin = Origin()
        if known is not None:
            origin = origin_of(known.dataset, edited=known.dataset.digest == digest)
            if known.dataset.digest != digest:
                self.contents.release(id, known.dataset.digest, path)
        await self.announce(id, path, digest, facts, origin, external=external, stamp=stamp)

    async def _look_outside(self, entry: Entry) -> Path | None:
        """Where the file of `entry` lies if it is another one than it was. One that is gone becomes a problem."""
        try:
            path = await asyncio.to_thread(self.current, entry)
            stamp = await asyncio.to_thread(signature, path)
        except (DatasetNotFound, OSError):
            if entry.modified != _GONE:
                problem = "The file is gone, or this server may no longer read it."
                dataset = msgspec.structs.replace(entry.dataset, problem=problem)
                await self.put(msgspec.structs.replace(entry, dataset=dataset, modified=_GONE), created=False)
            return None
        return path if stamp != (entry.dataset.size, entry.modified) else None


def _take_place(path: Path, place: Path) -> None:
    path.chmod(0o644)
    path.replace(place)


def _always(events: Sequence[NewEvent], transaction: Transaction) -> Sequence[NewEvent]:
    return events
