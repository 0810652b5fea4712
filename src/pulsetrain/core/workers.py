"""Work on files of strangers, in short processes that may fail, hang or grow without harm to the server."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from pulsetrain.model.errors import BadTable
from pulsetrain.model.rows import RowProblem

logger = logging.getLogger(__name__)
T = TypeVar("T")

_DESCRIBE_SECONDS = 180.0
_MAKE_SECONDS = 60.0


class _Counts(msgspec.Struct):
    """Of a table's description, what is kept with the data set."""

    rows: int
    columns: list[dict[str, object]]


class TableFacts(msgspec.Struct):
    """What `python -m pulsetrain.tables` says of one file; `table` is its JSON, `null` where there is a problem."""

    table: msgspec.Raw = msgspec.Raw(b"null")
    problem: str | None = None
    hint: str = ""
    problems: list[RowProblem] = []
    problems_total: int = 0
    task: str | None = None
    rows: int | None = None
    columns: int | None = None

    def sound(self) -> TableFacts:
        """These facts. Raises BadTable where the file cannot be used."""
        if self.problem is not None:
            raise BadTable(self.problem, hint=self.hint, problems=self.problems)
        return self


class SampleSet(msgspec.Struct):
    """A file that `python -m pulsetrain.trainers.sample_sets` wrote, and where its data come from."""

    file: str
    title: str
    source: str
    licence: str


class WorkerFailed(Exception):
    """A worker process took too long or ended with an error; the message says which."""


async def describe_tables(paths: Sequence[Path]) -> list[TableFacts]:
    """The facts of each file. A file that breaks the reader has a problem, not an exception."""
    try:
        output = await _run("pulsetrain.tables", *map(str, paths), seconds=_DESCRIBE_SECONDS)
        return [_counted(line) for line in output.splitlines()]
    except WorkerFailed as problem:
        if len(paths) > 1:
            return [fact for path in paths for fact in await describe_tables([path])]
        return [TableFacts(problem=f"The file could not be read: its reader {problem}.", hint="Try a smaller file.")]


def _counted(line: bytes) -> TableFacts:
    facts = _decoded(line, TableFacts)
    if facts.problem is None:
        found = _decoded(bytes(facts.table), _Counts)
        facts.rows, facts.columns = found.rows, len(found.columns)
    return facts


async def write_order_book(path: Path, rows: int, seed: int) -> None:
    """Write the sample order book. Raises WorkerFailed."""
    await _run("pulsetrain.core.orderbook", str(path), str(rows), str(seed), seconds=_MAKE_SECONDS)


async def write_sample_sets(folder: Path) -> list[SampleSet]:
    """Write the real sample sets into `folder`; none where the learning libraries are missing or fail."""
    try:
        output = await _run("pulsetrain.trainers.sample_sets", str(folder), seconds=_MAKE_SECONDS)
        return _decoded(output, list[SampleSet])
    except WorkerFailed as problem:
        logger.error("The sample data sets could not be written: the process %s.", problem)
        return []


def _decoded(output: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(output, type=kind)
    except msgspec.DecodeError as problem:
        # A library that prints to stdout by itself, for instance.
        raise WorkerFailed(f"wrote something else than its answer ({problem})") from None


async def _run(module: str, *arguments: str, seconds: float) -> bytes:
    """What `python -m module` writes to stdout. Raises WorkerFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        raise WorkerFailed(f"took longer than {seconds:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        logger.error("%s failed:\n%s", module, errors.decode(errors="replace")[-4000:])
        raise WorkerFailed(f"ended with code {process.returncode}")
    return output
