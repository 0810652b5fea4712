"""The sample sets that a new folder gets: real ones that the learning libraries carry, and a made order book."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pulsetrain.core.files import INCOMING, replace_content
from pulsetrain.core.workers import WorkerFailed, describe_tables, write_sample_sets
from pulsetrain.model.errors import BadTable

from .dataset import Origin

if TYPE_CHECKING:
    from .catalog import Datasets

logger = logging.getLogger(__name__)

MAX_ORDER_BOOK_ROWS = 200_000
ORDER_BOOK_ROWS = 4_000
_ORDER_BOOK = "order book"
_REAL_SETS = "real sets, with one for language"
"""Another name when there are more of them: folders of before then get those that they never had."""
_FIRST_REAL_SETS = "scikit-learn"
_FIRST_FILES = frozenset({"wine.csv", "breast-cancer.csv", "iris.csv", "diabetes.csv"})


def order_book_origin(rows: int, seed: int) -> Origin:
    """What is to be said of a made order book."""
    return Origin(
        f"Order book: {rows:,} snapshots of eight treasury bonds, five levels deep (seed {seed})",
        True,
        "Made by pulsetrain's order-book generator; no market data in it",
        "CC0 1.0",
    )


class Samples:
    """Makes what a folder never had."""

    def __init__(self, folder: Path, datasets: Datasets) -> None:
        self._folder = folder
        self._datasets = datasets

    async def make(self) -> None:
        """Make the sample sets; without them the server is a server all the same."""
        try:
            await self._make()
        except (WorkerFailed, BadTable, OSError) as problem:
            logger.error("The sample data sets could not be made: %s", problem)

    async def _make(self) -> None:
        """Make the sample sets that this folder never had; those that somebody has deleted stay deleted."""
        made_path = self._folder / ".meta" / ".samples"
        made = set(made_path.read_text().splitlines()) if made_path.exists() else set()
        book = asyncio.create_task(self._datasets.order_book()) if _ORDER_BOOK not in made else None
        try:
            made |= await self._make_real_sets(made)
            if book is not None:
                await book
                made.add(_ORDER_BOOK)
        finally:
            if book is not None:
                book.cancel()
        replace_content(made_path, "\n".join(sorted(made)).encode())

    async def _make_real_sets(self, made: set[str]) -> set[str]:
        """Make those whose names are not in `made`; the names of all."""
        if _REAL_SETS in made:
            return set()
        had = made | (_FIRST_FILES if _FIRST_REAL_SETS in made else set())
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=INCOMING) as name:
            folder = Path(name)
            sets = [one for one in await write_sample_sets(folder) if one.file not in had]
            facts = await describe_tables([folder / one.file for one in sets]) if sets else []
            for one, fact in zip(sets, facts, strict=True):
                origin = Origin(one.title, True, one.source, one.licence)
                await self._datasets.take_in(folder / one.file, one.file, origin=origin, facts=fact)
        names = had & _FIRST_FILES | {one.file for one in sets}
        return names | ({_REAL_SETS} if names else set())
