"""What is known of a data set, and how that follows from what its file holds."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pulsetrain.core.workers import TableFacts
from pulsetrain.model.formats import Format, format_of
from pulsetrain.model.rows import RowProblem

MOST_LISTED = 200
"""Versions of which is told; `contents.KEPT` of them can still be read."""


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
    """Why it cannot be used; None where it can be."""
    format: Format = "csv"
    version: int = 1
    updated_at: str | None = None
    """When its newest version came."""
    task: str | None = None
    """`nlu` where its rows are examples for language understanding."""
    problems: list[RowProblem] = []
    """The first rows with something wrong in them, of `problems_total`."""
    problems_total: int = 0
    external: bool = False
    """Whether its file lies outside the data folder."""


class Version(msgspec.Struct, frozen=True):
    """A content that the data set had, or has. What is no longer `kept` can no longer be read."""

    version: int
    digest: str
    size: int
    rows: int | None
    created_at: str
    kept: bool = True


class Origin(msgspec.Struct, frozen=True):
    """What a file cannot say about itself."""

    title: str | None = None
    sample: bool = False
    source: str | None = None
    licence: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """`.meta/<id>.json`: the data set, the modification time of the file that it was made from, its older versions
    (newest first), and where its file lies if that is outside the folder."""

    dataset: Dataset
    modified: int
    versions: list[Version] = []
    path: str | None = None

    def all_versions(self) -> list[Version]:
        """The version that it has, and those that it had, newest first."""
        known = self.dataset
        now = Version(known.version, known.digest, known.size, known.rows, known.updated_at or known.created_at)
        return [now, *self.versions]


def entry_of(
    id: str,
    *,
    digest: str,
    signature: tuple[int, int],
    facts: TableFacts,
    origin: Origin,
    before: Entry | None,
    path: Path | None,
    now: str,
) -> Entry:
    """What is known of the file after it came, changed or was replaced. Another digest is the next version."""
    was = before.dataset if before else None
    same = was is not None and was.digest == digest
    size, modified = signature
    versions = before.versions if before and same else before.all_versions() if before else []
    dataset = Dataset(
        id=id,
        name=id,
        title=origin.title or Path(id).stem,
        size=size,
        digest=digest,
        created_at=was.created_at if was else now,
        rows=facts.rows if facts.problem is None else None,
        columns=facts.columns if facts.problem is None else None,
        sample=origin.sample,
        source=origin.source,
        licence=origin.licence,
        problem=f"{facts.problem} {facts.hint}".strip() if facts.problem is not None else None,
        format=format_of(id),
        version=was.version + (not same) if was else 1,
        updated_at=was.updated_at if was and same else now,
        task=facts.task,
        problems=facts.problems,
        problems_total=facts.problems_total,
        external=path is not None,
    )
    return Entry(dataset, modified, versions[:MOST_LISTED], str(path) if path else None)


def origin_of(dataset: Dataset, *, edited: bool = False) -> Origin:
    """What stays said about a data set whose content is another. Only an edited sample is still one."""
    if edited:
        return Origin(dataset.title, dataset.sample, dataset.source, dataset.licence)
    return Origin() if dataset.sample else Origin(dataset.title)
