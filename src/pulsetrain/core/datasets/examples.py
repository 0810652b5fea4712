"""The examples of data sets for language understanding: listed, searched, and changed one version at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pulsetrain.core.workers import TableFacts
from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, BadTable
from pulsetrain.model.examples import Example, is_example, problem_of, written
from pulsetrain.model.rows import Problems, shown

from .catalog import Datasets
from .dataset import Dataset, Origin

MOST_ADDED = 10_000
MOST_BYTES = 128 * 1024 * 1024
"""A larger file is no longer something to edit by hand; it is replaced as a whole."""
_CACHED = 2
_EMPTY = "It has no examples yet."


class ListedExample(msgspec.Struct, frozen=True):
    """One line of the file. What cannot be read as an example is shown as it stands, with the `problem`."""

    index: int
    text: str
    intent: str
    entities: list[Any]
    problem: str | None = None


class ExamplePage(msgspec.Struct, frozen=True):
    """Examples from `offset` on, of `total` that the search found, in the content `digest`."""

    digest: str
    total: int
    examples: list[ListedExample]
    intents: dict[str, int]
    """How many examples each intent has, in all of the data set."""
    labels: list[str]


class _Line(msgspec.Struct):
    """A line that is not blank, and its object; None where it is no object."""

    bytes: bytes
    row: dict[str, Any] | None


class Examples:
    """Reads and changes what `datasets` keeps."""

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets
        # What was read last, by digest: a content never changes.
        self._read: dict[str, list[_Line]] = {}

    async def page(self, id: str, *, offset: int = 0, limit: int = 100, query: str = "") -> tuple[Cursor, ExamplePage]:
        """The examples in which every word of `query` occurs. Raises DatasetNotFound or BadRequest."""
        cursor, dataset = await self._datasets.get(id)
        _must_be_examples(dataset)
        path, digest = await self._datasets.version_path(id, None)
        if digest not in self._read:
            lines = await asyncio.to_thread(_lines, path)
            while len(self._read) >= _CACHED:
                self._read.pop(next(iter(self._read)))
            self._read[digest] = lines
        return cursor, await asyncio.to_thread(_page, self._read[digest], digest, offset, limit, query)

    async def create(
        self, name: str, examples: Sequence[Any] = (), *, title: str | None = None
    ) -> tuple[Cursor, Dataset]:
        """A new data set of `examples`, which may be none yet. Raises BadTable that names the wrong ones."""
        lines = _checked(examples)
        return await self._datasets.create(
            name if name.lower().endswith(".jsonl") else f"{name}.jsonl",
            lambda file: _write(file, lines),
            Origin(title),
        )

    async def add(self, id: str, examples: Sequence[Any], *, if_match: str | None = None) -> tuple[Cursor, Dataset]:
        """Add `examples` at the end; all, or none and BadTable that names the wrong ones."""
        if not examples:
            raise BadRequest("There are no examples to add.", hint='Send {"examples": [{"text", "intent"}]}.')
        new = await asyncio.to_thread(_checked, examples)
        return await self._edit(id, lambda lines: [*lines, *new], if_match)

    async def put(self, id: str, index: int, example: Any, *, if_match: str | None = None) -> tuple[Cursor, Dataset]:
        """Write `example` in the place of the one at `index`; what else its line says stays."""
        [checked] = _checked([example])

        def change(lines: list[_Line]) -> list[_Line]:
            lines[_at(lines, index)] = _line(lines[index].row or {}, checked.row or {})
            return lines

        return await self._edit(id, change, if_match)

    async def remove(self, id: str, index: int, *, if_match: str | None = None) -> tuple[Cursor, Dataset]:
        """Remove the example at `index`; those after it move up."""

        def change(lines: list[_Line]) -> list[_Line]:
            del lines[_at(lines, index)]
            return lines

        return await self._edit(id, change, if_match)

    async def _edit(
        self, id: str, change: Callable[[list[_Line]], list[_Line]], if_match: str | None
    ) -> tuple[Cursor, Dataset]:
        _must_be_examples((await self._datasets.get(id))[1])

        def rewrite(path: Path, file: BinaryIO) -> TableFacts:
            return _write(file, change(_lines(path)))

        return await self._datasets.edit(id, rewrite, if_match=if_match)


def _must_be_examples(dataset: Dataset) -> None:
    if dataset.task != "nlu":
        raise BadRequest(
            f"{dataset.id!a} has no examples.", hint='Examples are lines of JSON: {"text": "…", "intent": "…"}.'
        )
    if dataset.size > MOST_BYTES:
        raise BadRequest(f"{dataset.id!a} is too large to edit.", hint="Upload its next version as a file.")


def _lines(path: Path) -> list[_Line]:
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = []
    for raw in content.split(b"\n"):
        if line := raw.strip():
            try:
                value = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                value = None
            lines.append(_Line(line, value if isinstance(value, dict) else None))
    return lines


def _at(lines: list[_Line], index: int) -> int:
    if not 0 <= index < len(lines):
        raise BadRequest(f"There is no example {index}: the data set has {len(lines)}.", hint="They count from 0.")
    return index


def _line(before: dict[str, Any], row: dict[str, Any]) -> _Line:
    example = msgspec.convert({**row, "entities": row.get("entities") or []}, Example)
    # What a new example says besides stays with it too.
    line = written({**before, **row}, example)
    return _Line(line, msgspec.json.decode(line))


def _checked(examples: Sequence[Any]) -> list[_Line]:
    """The lines of `examples`. Raises BadTable with the number of each wrong one, counted from 1."""
    if len(examples) > MOST_ADDED:
        raise BadRequest(f"At most {MOST_ADDED:,} examples are added at once; these are {len(examples):,}.")
    problems = Problems()
    for row, example in enumerate(examples, 1):
        if (problem := problem_of(example)) is not None:
            problems.add(row, problem)
    if problems.total:
        first = problems.first()
        more = f" {problems.total - 1} more are wrong." if problems.total > 1 else ""
        message = first[0].message if len(examples) == 1 else shown(first[0]) + more
        raise BadTable(message, hint="Nothing was changed. Mend them and send them again.", problems=first)
    return [_line({}, example) for example in examples]


def _write(file: BinaryIO, lines: list[_Line]) -> TableFacts:
    """Write `lines`, and say what a reader of the file will find: what `tables.lines` says of it, without a process."""
    file.writelines(line.bytes + b"\n" for line in lines)
    problems = Problems()
    for row, line in enumerate(lines, 1):
        if (problem := _problem(line)) is not None:
            problems.add(row, problem)
    readable = sum(line.row is not None for line in lines)
    return TableFacts(
        problem=None if readable else _EMPTY,
        problems=problems.first(),
        problems_total=problems.total,
        task="nlu",
        rows=readable,
        columns=len({key for line in lines if line.row for key in line.row}),
    )


def _problem(line: _Line) -> str | None:
    return "The line is no JSON object." if line.row is None else problem_of(line.row)


def _page(lines: list[_Line], digest: str, offset: int, limit: int, query: str) -> ExamplePage:
    words = query.casefold().split()
    found: list[int] = []
    intents: dict[str, int] = {}
    labels: set[str] = set()
    for index, line in enumerate(lines):
        row = line.row or {}
        intent = _as_text(row.get("intent"))
        names = _labels(row)
        intents[intent] = intents.get(intent, 0) + 1
        labels.update(names)
        if words:
            said = " ".join((_as_text(row.get("text")) or line.bytes.decode(errors="replace"), intent, *names))
            if not all(word in said.casefold() for word in words):
                continue
        found.append(index)
    listed = [_listed(index, lines[index]) for index in found[offset : offset + limit]]
    intents.pop("", None)
    return ExamplePage(digest, len(found), listed, dict(sorted(intents.items())), sorted(labels))


def _listed(index: int, line: _Line) -> ListedExample:
    row = line.row
    if row is None or not is_example(row):
        return ListedExample(index, line.bytes.decode(errors="replace")[:2000], "", [], _problem(line))
    entities = row.get("entities")
    return ListedExample(
        index,
        _as_text(row.get("text")),
        _as_text(row.get("intent")),
        entities if isinstance(entities, list) else [],
        _problem(line),
    )


def _labels(row: dict[str, Any]) -> list[str]:
    entities = row.get("entities")
    if not isinstance(entities, list):
        return []
    return [str(one["label"]) for one in entities if isinstance(one, dict) and "label" in one]


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)
