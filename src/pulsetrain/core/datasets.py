"""The data sets: CSV files in one folder, described once, announced in the log.

The files are the truth: one that somebody puts into the folder becomes a data set, one that is gone ceases to be one.
Beside them lie `.meta/<name>.json` (what is known of each) and `.previews/<digest>.json` (descriptions, by content).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, BadTable, DatasetInUse, DatasetNotFound, TooLarge
from pulsetrain.model.events import NewEvent, iso_time
from pulsetrain.model.filenames import data_file_name
from pulsetrain.ports import EventLog, Transaction

from .files import INCOMING, append, data_files, digest_of, put_under_free_name, replace_content, signature
from .workers import TableFacts, WorkerFailed, counts, describe_tables, write_order_book, write_sample_sets

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
MAX_ORDER_BOOK_ROWS = 200_000
ORDER_BOOK_ROWS = 4_000
_SCIKIT, _ORDER_BOOK = "scikit-learn", "order book"


class Dataset(msgspec.Struct, frozen=True):
    """What is known of one data set (PROTOCOL §4)."""

    id: str
    name: str
    title: str
    size: int
    digest: str
    created_at: str
    rows: int | None = None
    columns: int | None = None
    sample: bool = False
    source: str | None = None
    licence: str | None = None
    problem: str | None = None


class _Origin(msgspec.Struct, frozen=True):
    """What a file cannot say about itself."""

    title: str | None = None
    sample: bool = False
    source: str | None = None
    licence: str | None = None


class _Sidecar(msgspec.Struct):
    """`.meta/<name>.json`: the data set, and the modification time of the file that it was made from."""

    dataset: Dataset
    modified: int


class Datasets:
    """Keeps the data sets below `folder`; an upload has `upload_limit` bytes at most."""

    def __init__(self, folder: Path, log: EventLog, *, upload_limit: int = 512 * MIB, samples: bool = True) -> None:
        self._folder = folder
        self._log = log
        self._limit = upload_limit
        self._samples = samples
        self._known: dict[str, _Sidecar] = {}
        # One change at a time: two uploads of one name must not both find it free.
        self._changing = asyncio.Lock()
        self._describing = asyncio.Semaphore(2)
        self._preparing: asyncio.Task[None] | None = None

    @property
    def upload_limit(self) -> int:
        """Bytes that an upload may have."""
        return self._limit

    async def start(self) -> None:
        """Load what is known. The sample sets of a new folder are made meanwhile; `ready` waits for them."""
        for folder in (self._folder, self._meta, self._previews):
            folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(f"{INCOMING}*"):
            # A server that was killed leaves half an upload, or the folder in which sample sets were being made.
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        for path in self._meta.glob("*.json"):
            with contextlib.suppress(msgspec.MsgspecError, OSError):
                sidecar = msgspec.json.decode(path.read_bytes(), type=_Sidecar)
                self._known[sidecar.dataset.id] = sidecar
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

    async def all(self, *, wait: bool = True) -> tuple[Cursor, list[Dataset]]:
        """All data sets: own ones, newest first, then samples by name; and the cursor at which this holds.

        Without `wait`, those that are known while others are still being made.
        """
        if wait or not self.preparing:
            await self.ready()
            async with self._changing:
                await self._look()
        view = self._log.view()
        found = sorted((sidecar.dataset for sidecar in self._known.values()), key=lambda one: one.name)
        own = sorted((one for one in found if not one.sample), key=lambda one: one.created_at, reverse=True)
        found = own + [one for one in found if one.sample]
        return Cursor(view.generation, view.tail), found

    async def get(self, id: str) -> tuple[Cursor, Dataset]:
        """The data set called `id`. Raises DatasetNotFound."""
        await self.ready()
        view = self._log.view()
        self.path(id)
        return Cursor(view.generation, view.tail), self._known[id].dataset

    def path(self, id: str) -> Path:
        """Where the file lies. Raises DatasetNotFound.

        Only a known name leads to a path, so that none leads out of the folder.
        """
        path = self._folder / id if id in self._known else None
        # A link that somebody has put in the file's place could lead anywhere.
        if path is None or path.is_symlink() or not path.is_file():
            raise DatasetNotFound(f"There is no data set {id!a}.")
        return path

    def digest(self, id: str) -> str | None:
        """The digest of the content that `id` has now; None for a data set that is not known."""
        known = self._known.get(id)
        return known.dataset.digest if known is not None else None

    async def preview(self, id: str) -> tuple[Dataset, msgspec.Raw]:
        """The data set and its *table* (PROTOCOL §4) as JSON. Raises DatasetNotFound or BadTable."""
        _, dataset = await self.get(id)
        stored = self._preview_path(dataset.digest)
        try:
            return dataset, msgspec.Raw(await asyncio.to_thread(stored.read_bytes))
        except FileNotFoundError:
            facts = await self._describe(self.path(id))
        counts(facts)
        await asyncio.to_thread(replace_content, stored, bytes(facts.table))
        return dataset, facts.table

    async def upload(self, filename: str, body: AsyncIterator[bytes]) -> tuple[Cursor, Dataset]:
        """Store `body` under `filename`, or one like it if that is taken.

        Raises BadRequest for a name that is none, TooLarge as soon as the limit is passed, BadTable for what is no
        table. Nothing is left of a refused upload.
        """
        name = data_file_name(filename)
        with self._incoming() as (path, file):
            digest, size = hashlib.sha256(), 0
            async for chunk in body:
                size += len(chunk)
                if size > self._limit:
                    raise self.too_large()
                digest.update(chunk)
                await asyncio.to_thread(append, file, chunk)
            file.close()
            facts = await self._describe(path)
            counts(facts)
            return await self._add(path, name, f"sha256:{digest.hexdigest()}", facts, _Origin())

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
        origin = _Origin(
            f"Order book: {rows:,} snapshots of eight treasury bonds, five levels deep (seed {seed})",
            True,
            "Made by pulsetrain's order-book generator; no market data in it",
            "CC0 1.0",
        )
        with self._incoming() as (path, file):
            file.close()
            await write_order_book(path, rows, seed)
            return await self._take_in(path, "order-book.csv", origin)

    async def delete(self, id: str) -> Cursor:
        """Remove a data set for good. Raises DatasetNotFound, or DatasetInUse while a run needs it."""
        await self.ready()
        async with self._changing:
            path = self.path(id)
            for run in await self._log.active_runs():
                if run.dataset == id:
                    raise DatasetInUse(
                        f"Run {run.name} is {run.state} and needs {id!a}.",
                        hint="Stop the run, or wait for its end.",
                    )
            path.unlink()
            self._forget(id)
            appended = await self._log.append(lambda _: [NewEvent("dataset.deleted", {"id": id})])
            return appended.cursor

    # ---- what happens behind ----

    @property
    def _meta(self) -> Path:
        return self._folder / ".meta"

    @property
    def _previews(self) -> Path:
        return self._folder / ".previews"

    def _preview_path(self, digest: str) -> Path:
        return self._previews / f"{digest.removeprefix('sha256:')}.json"

    async def _describe(self, path: Path) -> TableFacts:
        async with self._describing:
            return (await describe_tables([path]))[0]

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A temporary file in the folder; it is gone afterwards unless it was put in its place."""
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=INCOMING, suffix=".csv")
        path = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield path, file
        finally:
            path.unlink(missing_ok=True)

    async def _take_in(self, path: Path, name: str, origin: _Origin) -> tuple[Cursor, Dataset]:
        facts = await self._describe(path)
        counts(facts)
        return await self._add(path, name, await asyncio.to_thread(digest_of, path), facts, origin)

    async def _add(
        self, path: Path, name: str, digest: str, facts: TableFacts, origin: _Origin
    ) -> tuple[Cursor, Dataset]:
        """Put a described file in its place under the first free name, and announce it."""
        async with self._changing:
            return await self._announce(put_under_free_name(path, self._folder, name), digest, facts, origin)

    async def _announce(self, path: Path, digest: str, facts: TableFacts, origin: _Origin) -> tuple[Cursor, Dataset]:
        size, modified = signature(path)
        rows, columns, problem = None, None, None
        try:
            rows, columns = counts(facts)
        except BadTable as refusal:
            problem = f"{refusal.message} {refusal.hint}".strip()
        dataset = Dataset(
            id=path.name,
            name=path.name,
            title=origin.title or path.stem,
            size=size,
            digest=digest,
            created_at=iso_time(datetime.now(UTC).timestamp()),
            rows=rows,
            columns=columns,
            sample=origin.sample,
            source=origin.source,
            licence=origin.licence,
            problem=problem,
        )
        sidecar = _Sidecar(dataset, modified)
        if problem is None:
            await asyncio.to_thread(replace_content, self._preview_path(digest), bytes(facts.table))
        await asyncio.to_thread(replace_content, self._meta / f"{dataset.id}.json", msgspec.json.encode(sidecar))
        # Known before it is announced: a list taken at the event's cursor must hold it.
        self._known[dataset.id] = sidecar
        data = {"id": dataset.id, "name": dataset.name, "size": dataset.size, "rows": rows, "columns": columns}
        appended = await self._log.append(lambda _: [NewEvent("dataset.created", data)])
        return appended.cursor, dataset

    def _forget(self, id: str) -> None:
        gone = self._known.pop(id)
        (self._meta / f"{id}.json").unlink(missing_ok=True)
        if all(other.dataset.digest != gone.dataset.digest for other in self._known.values()):
            self._preview_path(gone.dataset.digest).unlink(missing_ok=True)

    async def _look(self) -> None:
        """Bring what is known up to what lies in the folder."""
        found = await asyncio.to_thread(data_files, self._folder)
        for id in [id for id in self._known if id not in found]:
            self._forget(id)
            events = [NewEvent("dataset.deleted", {"id": id})]
            await self._log.append(partial(_always, events))
        new = [self._folder / name for name, stamp in found.items() if self._known_signature(name) != stamp]
        if not new:
            return
        async with self._describing:
            facts = await describe_tables(new)
        for path, fact in zip(new, facts, strict=True):
            await self._announce(path, await asyncio.to_thread(digest_of, path), fact, _Origin())

    def _known_signature(self, id: str) -> tuple[int, int] | None:
        known = self._known.get(id)
        return (known.dataset.size, known.modified) if known else None

    async def _prepare(self) -> None:
        async with self._changing:
            await self._look()
        if self._samples:
            try:
                await self._make_samples()
            except (WorkerFailed, BadTable, OSError) as problem:
                # Samples are a courtesy: without them the server is a server all the same.
                logger.error("The sample data sets could not be made: %s", problem)

    async def _make_samples(self) -> None:
        """Make the sample sets that this folder never had; those that somebody has deleted stay deleted."""
        made_path = self._meta / ".samples"
        made = set(made_path.read_text().splitlines()) if made_path.exists() else set()
        book = asyncio.create_task(self.order_book()) if _ORDER_BOOK not in made else None
        try:
            if _SCIKIT not in made and await self._make_real_sets():
                made.add(_SCIKIT)
            if book is not None:
                await book
                made.add(_ORDER_BOOK)
        finally:
            if book is not None:
                book.cancel()
        replace_content(made_path, "\n".join(sorted(made)).encode())

    async def _make_real_sets(self) -> bool:
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=INCOMING) as name:
            folder = Path(name)
            sets = await write_sample_sets(folder)
            async with self._describing:
                facts = await describe_tables([folder / one.file for one in sets]) if sets else []
            for one, fact in zip(sets, facts, strict=True):
                origin = _Origin(one.title, True, one.source, one.licence)
                path = folder / one.file
                await self._add(path, one.file, await asyncio.to_thread(digest_of, path), fact, origin)
        return bool(sets)


def _always(events: Sequence[NewEvent], transaction: Transaction) -> Sequence[NewEvent]:
    return events


def _size(count: int) -> str:
    return f"{count // MIB} MiB" if count >= MIB else f"{count} bytes"
