"""The data sets: files in one folder, described once, announced in the log.

The files are the truth: one that somebody puts into the folder becomes a data set, one that is gone ceases to be one.
Beside them lie `.meta/<id>.json` (what is known of each), and what `contents` and `uploads` keep.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from pulsetrain.core.files import (
    append,
    digest_of,
    put_under_free_name,
    signature,
)
from pulsetrain.core.workers import TableFacts, write_order_book
from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import (
    BadRequest,
    DatasetChanged,
    DatasetInUse,
    DatasetNotFound,
    TooLarge,
    WrongFormat,
)
from pulsetrain.model.filenames import data_file_name, is_data_file_name, numbered
from pulsetrain.model.formats import TITLES, format_of, taken_titles, takes
from pulsetrain.ports import EventLog

from .dataset import Dataset, Origin, Version
from .samples import MAX_ORDER_BOOK_ROWS, ORDER_BOOK_ROWS, Samples, order_book_origin
from .shelf import Shelf

MIB = 1024 * 1024

Change = Callable[[Path, BinaryIO], TableFacts]
"""Reads a data set's file and writes the next one; the facts are those of the next."""


class Datasets:
    """Keeps the data sets below `folder`; an upload has `upload_limit` bytes at most.

    Files below `allowed` folders can be data sets where they are.
    """

    def __init__(
        self,
        folder: Path,
        log: EventLog,
        *,
        upload_limit: int = 512 * MIB,
        samples: bool = True,
        allowed: Sequence[Path] = (),
    ) -> None:
        self._log = log
        self._limit = upload_limit
        self._shelf = Shelf(folder, log, allowed)
        self._samples = Samples(folder, self) if samples else None
        self._preparing: asyncio.Task[None] | None = None

    @property
    def upload_limit(self) -> int:
        """Bytes that an upload may have."""
        return self._limit

    # ---- its life ----

    async def start(self) -> None:
        """Load what is known. The sample sets of a new folder are made meanwhile; `ready` waits for them."""
        self._shelf.load()
        self._preparing = asyncio.create_task(self._prepare())

    async def close(self) -> None:
        """Stop making sample sets."""
        if self._preparing is not None:
            self._preparing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._preparing

    async def ready(self) -> None:
        """Return when the files that were there at the start, and the sample sets, are known."""
        if self._preparing is not None:
            await asyncio.shield(self._preparing)

    @property
    def preparing(self) -> bool:
        """Whether sample sets are still being made; each is announced when it is there."""
        return self._preparing is not None and not self._preparing.done()

    async def _prepare(self) -> None:
        async with self._shelf.changing:
            await self._shelf.look()
        if self._samples is not None:
            await self._samples.make()

    # ---- what there is ----

    async def all(self, *, wait: bool = True) -> tuple[Cursor, list[Dataset]]:
        """All data sets: own ones, newest first, then samples by name; and the cursor at which this holds.

        Without `wait`, those that are known while others are still being made.
        """
        if wait or not self.preparing:
            await self.ready()
            async with self._shelf.changing:
                await self._shelf.look()
        found = sorted((entry.dataset for entry in self._shelf.known.values()), key=lambda one: one.name)
        own = sorted((one for one in found if not one.sample), key=lambda one: one.created_at, reverse=True)
        found = own + [one for one in found if one.sample]
        return self._shelf.cursor(), found

    async def get(self, id: str) -> tuple[Cursor, Dataset]:
        """The data set called `id`. Raises DatasetNotFound."""
        await self.ready()
        return self._shelf.cursor(), self._shelf.entry(id).dataset

    async def versions(self, id: str) -> list[Version]:
        """The versions of `id`, newest first. Raises DatasetNotFound."""
        await self.ready()
        entry = self._shelf.entry(id)
        now, *older = entry.all_versions()
        there = [self._shelf.contents.path(id, one.digest).is_file() for one in older]
        return [now, *(msgspec.structs.replace(one, kept=kept) for one, kept in zip(older, there, strict=True))]

    async def chosen(self, id: str, data: str | None) -> Dataset:
        """The data set for a run of a trainer that is declared with `data`, as its file is now.

        Raises DatasetNotFound, BadTable where it cannot be used, and WrongFormat where the trainer does not take it.
        """
        await self.ready()
        async with self._shelf.changing:
            await self._shelf.look()
        entry = self._shelf.entry(id)
        dataset = entry.dataset
        if not takes(data, dataset.format):
            raise WrongFormat(
                f"The trainer takes {taken_titles(data or '')}, and {id!a} is {TITLES[dataset.format]}.",
                hint="Choose another data set, or another trainer.",
            )
        TableFacts(problem=dataset.problem, problems=dataset.problems).sound()
        return dataset

    async def digest(self, id: str) -> str:
        """The digest of what the file of `id` holds now: what a run is trained on. Raises DatasetNotFound."""
        await self.ready()
        async with self._shelf.changing:
            await self._shelf.look()
        return self._shelf.entry(id).dataset.digest

    def path(self, id: str, digest: str | None = None) -> Path:
        """Where the file lies, or where its content `digest` lies. Raises DatasetNotFound, also where that is gone.

        A content is given under a path of its own, where no later version takes its place. Only a known name leads to
        a path, so that none leads out of the folder. Safe to call from a thread.
        """
        entry = self._shelf.entry(id)
        current = self._shelf.current(entry)
        if digest is None:
            return current
        found = current
        if entry.path is None:
            found = self._shelf.contents.path(id, digest)
            if digest == entry.dataset.digest:
                found = self._shelf.contents.keep(id, digest, current)
        gone = DatasetNotFound(f"That content of {id!a} is no longer there.", hint="Take its newest version.")
        if digest != entry.dataset.digest:
            if entry.path is not None or not found.is_file():
                raise gone
        elif found.samefile(current) and signature(current) != (entry.dataset.size, entry.modified):
            # Written over since it was last looked at. (In a data folder that was copied, the two are no longer one.)
            raise gone
        return found

    async def version_path(self, id: str, version: int | None) -> tuple[Path, str]:
        """Where the content of a version (the newest where None) lies, and its digest. Raises DatasetNotFound."""
        await self.ready()
        entry = self._shelf.entry(id)
        if version is None or version == entry.dataset.version:
            return self._shelf.current(entry), entry.dataset.digest
        digest = next((one.digest for one in entry.versions if one.version == version), None)
        if digest is None:
            raise DatasetNotFound(f"{id!a} has no version {version}.", hint="…/versions lists them.")
        return self.path(id, digest), digest

    async def preview(self, id: str, version: int | None = None) -> tuple[Dataset, msgspec.Raw]:
        """The data set and its *table* (PROTOCOL §4) as JSON. Raises DatasetNotFound or BadTable."""
        path, digest = await self.version_path(id, version)
        dataset = self._shelf.entry(id).dataset
        found = await asyncio.to_thread(self._shelf.contents.preview, digest)
        if found is None:
            facts = (await self._shelf.describe(path)).sound()
            await asyncio.to_thread(self._shelf.contents.put_preview, digest, facts.table)
            found = facts.table
        return dataset, found

    # ---- what changes them ----

    async def upload(
        self, filename: str, body: AsyncIterator[bytes], *, replace: str | None = None
    ) -> tuple[Cursor, Dataset]:
        """Store `body` under `filename`, or one like it if that is taken; or as the next version of `replace`.

        Raises BadRequest for a name that is none, TooLarge as soon as the limit is passed, BadTable for what is no
        table. Nothing is left of a refused upload.
        """
        name = data_file_name(filename)
        with self._shelf.incoming(name) as (path, file):
            digest, size = hashlib.sha256(), 0
            async for chunk in body:
                size += len(chunk)
                if size > self._limit:
                    raise self.too_large()
                digest.update(chunk)
                await asyncio.to_thread(append, file, chunk)
            file.close()
            return await self.take_in(path, name, f"sha256:{digest.hexdigest()}", replace=replace)

    async def take_in(
        self,
        path: Path,
        name: str,
        digest: str | None = None,
        *,
        replace: str | None = None,
        origin: Origin | None = None,
        facts: TableFacts | None = None,
    ) -> tuple[Cursor, Dataset]:
        """Make the file at `path` (moved from there) a data set, or the next version of `replace`.

        Raises BadTable, WrongFormat or DatasetNotFound; then the file stays where it is.
        """
        if replace is not None:
            self._shelf.replaceable(replace, format_of(name))
        facts = facts or await self._shelf.describe(path)
        facts.sound()
        if digest is None:
            digest = await asyncio.to_thread(digest_of, path)
        async with self._shelf.changing:
            if replace is not None:
                return await self._shelf.replace(replace, path, digest, facts)
            place = put_under_free_name(path, self._shelf.folder, name, self._shelf.known)
            return await self._shelf.announce(place.name, place, digest, facts, origin or Origin())

    def too_large(self) -> TooLarge:
        """The refusal of an upload over the limit."""
        return TooLarge(
            f"The file is larger than the limit of {_size(self._limit)}.",
            hint="Upload a part of it, or put the file into the data sets folder of the server.",
        )

    async def order_book(self, rows: int = ORDER_BOOK_ROWS, seed: int = 0) -> tuple[Cursor, Dataset]:
        """Make a sample order book. Raises BadRequest for rows or a seed out of bounds."""
        if not 8 <= rows <= MAX_ORDER_BOOK_ROWS:
            raise BadRequest(f"An order book has 8 to {MAX_ORDER_BOOK_ROWS} rows; asked for {rows}.")
        if not 0 <= seed < 2**32:
            raise BadRequest(f"A seed is a whole number from 0 to {2**32 - 1}; it is {seed}.")
        with self._shelf.incoming("order-book.csv") as (path, file):
            file.close()
            await write_order_book(path, rows, seed)
            return await self.take_in(path, "order-book.csv", origin=order_book_origin(rows, seed))

    async def register(self, path: str) -> tuple[Cursor, Dataset]:
        """Make a file outside the folder a data set where it is; the same one again is the same data set.

        Raises Forbidden or BadRequest (see `allowed_file`), or BadTable.
        """
        await self.ready()
        real = await asyncio.to_thread(self._shelf.allowed, path)
        name = data_file_name(real.name)
        if not is_data_file_name(name) or format_of(name) != format_of(real.name) or Path(name).suffix != real.suffix:
            raise BadRequest(f"{real.name!a} is no data file.", hint="Its name ends in .csv, .jsonl or .parquet.")
        async with self._shelf.changing:
            await self._shelf.look()
            same = next((entry for entry in self._shelf.known.values() if entry.path == str(real)), None)
            if same is not None:
                return self._shelf.cursor(), same.dataset
        stamp = signature(real)
        facts = (await self._shelf.describe(real)).sound()
        digest = await asyncio.to_thread(digest_of, real)
        async with self._shelf.changing:
            id, number = name, 2
            while id in self._shelf.known or (self._shelf.folder / id).exists():
                id, number = numbered(name, number), number + 1
            return await self._shelf.announce(id, real, digest, facts, Origin(), external=True, stamp=stamp)

    async def create(
        self, name: str, write: Callable[[BinaryIO], TableFacts], origin: Origin
    ) -> tuple[Cursor, Dataset]:
        """A new data set of what `write` writes, perhaps nothing yet. Raises BadRequest for a name that is none."""
        name = data_file_name(name)
        await self.ready()
        with self._shelf.incoming(name) as (path, file):
            facts = await asyncio.to_thread(write, file)
            file.close()
            digest = await asyncio.to_thread(digest_of, path)
            async with self._shelf.changing:
                place = put_under_free_name(path, self._shelf.folder, name, self._shelf.known)
                return await self._shelf.announce(place.name, place, digest, facts, origin)

    async def edit(self, id: str, change: Change, *, if_match: str | None = None) -> tuple[Cursor, Dataset]:
        """Give `id` the content that `change` writes, as its next version; whole or not at all.

        Raises DatasetChanged where `if_match` is not the digest of what it has, and whatever `change` raises.
        """
        await self.ready()
        async with self._shelf.changing:
            await self._shelf.look()
            entry = self._shelf.entry(id)
            self._shelf.replaceable(id, entry.dataset.format)
            if if_match not in (None, "*", entry.dataset.digest):
                raise DatasetChanged(f"{id!a} has been changed: it is at version {entry.dataset.version} now.")
            with self._shelf.incoming(id) as (path, file):
                facts = await asyncio.to_thread(change, self._shelf.current(entry), file)
                file.close()
                digest = await asyncio.to_thread(digest_of, path)
                return await self._shelf.replace(id, path, digest, facts, edited=True)

    async def rename(self, id: str, title: str) -> tuple[Cursor, Dataset]:
        """Give `id` another title; its id, by which runs know it, stays. Raises DatasetNotFound or BadRequest."""
        title = " ".join(title.split())
        if not 0 < len(title) <= 200:
            raise BadRequest("A title has 1 to 200 characters.")
        await self.ready()
        async with self._shelf.changing:
            entry = self._shelf.entry(id)
            entry = msgspec.structs.replace(entry, dataset=msgspec.structs.replace(entry.dataset, title=title))
            return await self._shelf.put(entry, created=False)

    async def delete(self, id: str) -> Cursor:
        """Remove a data set for good; a file outside the folder stays where it is.

        Raises DatasetNotFound, or DatasetInUse while a run needs it.
        """
        await self.ready()
        async with self._shelf.changing:
            entry = self._shelf.entry(id, there=False)
            for run in await self._log.active_runs():
                if run.dataset == id:
                    raise DatasetInUse(
                        f"Run {run.name} is {run.state} and needs {id!a}.",
                        hint="Stop the run, or wait for its end.",
                    )
            if entry.path is None:
                (self._shelf.folder / id).unlink(missing_ok=True)
            return await self._shelf.forget(id)


def _size(count: int) -> str:
    return f"{count // MIB} MiB" if count >= MIB else f"{count} bytes"
