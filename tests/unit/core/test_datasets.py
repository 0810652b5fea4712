"""The folder of data sets: samples, restarts, and files that break their reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core import workers
from pulsetrain.core.datasets import Datasets
from pulsetrain.model.errors import BadTable, TooLarge
from pulsetrain.tables.read import read_table


def with_datasets(folder: Path, body: Callable[[Datasets], Awaitable[None]], *, samples: bool = False) -> None:
    async def main() -> None:
        log = await SqliteLog.open(folder / "log.db", durability="normal")
        datasets = Datasets(folder / "datasets", log, upload_limit=1000, samples=samples)
        try:
            await datasets.start()
            await body(datasets)
        finally:
            await datasets.close()
            await log.close()

    asyncio.run(main())


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_samples_are_there_at_the_first_start_and_stay_deleted(tmp_path: Path) -> None:
    async def first(datasets: Datasets) -> None:
        _, found = await datasets.all()
        assert [(one.id, one.rows, one.columns) for one in found] == [
            ("assistant.jsonl", 300, 3), ("breast-cancer.csv", 569, 31), ("diabetes.csv", 442, 11),
            ("iris.csv", 150, 5), ("order-book.csv", 4000, 24), ("wine.csv", 178, 14),
        ]  # fmt: skip
        assert [one.task for one in found] == ["nlu", None, None, None, None, None]
        for one in found:
            assert one.sample and one.source and one.licence and one.problem is None
            assert read_table(datasets.path(one.id)).warnings == []
        await datasets.delete("iris.csv")

    async def second(datasets: Datasets) -> None:
        _, found = await datasets.all()
        assert [one.id for one in found] == [
            "assistant.jsonl", "breast-cancer.csv", "diabetes.csv", "order-book.csv", "wine.csv"
        ]  # fmt: skip
        assert all(one.sample for one in found)

    with_datasets(tmp_path, first, samples=True)
    with_datasets(tmp_path, second, samples=True)


def test_without_the_learning_libraries_there_is_the_order_book(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A module of this name that cannot be imported stands for a machine without scikit-learn.
    (tmp_path / "sklearn.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def body(datasets: Datasets) -> None:
        _, found = await datasets.all()
        assert [one.id for one in found] == ["order-book.csv"]

    with_datasets(tmp_path, body, samples=True)


def test_a_refused_upload_leaves_nothing(tmp_path: Path) -> None:
    async def body(datasets: Datasets) -> None:
        with pytest.raises(TooLarge):
            await datasets.upload("x.csv", chunks(b"a,b\n", b"1,2\n" * 300))
        with pytest.raises(BadTable):
            await datasets.upload("x.csv", chunks(b"a,b\n1\n"))
        with pytest.raises(ConnectionError):
            await datasets.upload("x.csv", _torn())
        assert [path.name for path in (tmp_path / "datasets").iterdir() if path.is_file()] == []
        _, found = await datasets.all()
        assert found == []

    with_datasets(tmp_path, body)


async def _torn() -> AsyncIterator[bytes]:
    yield b"a,b\n1,"
    raise ConnectionError


def test_uploads_of_one_name_at_the_same_time_all_get_names(tmp_path: Path) -> None:
    async def body(datasets: Datasets) -> None:
        uploads = [datasets.upload("x.csv", chunks(b"a,b\n1,%d\n" % number)) for number in range(3)]
        stored = [dataset.id for _, dataset in await asyncio.gather(*uploads)]
        assert sorted(stored) == ["x-2.csv", "x-3.csv", "x.csv"]
        contents = {datasets.path(id).read_bytes() for id in stored}
        assert len(contents) == 3

    with_datasets(tmp_path, body)


def test_a_file_that_kills_its_reader_is_a_bad_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The reader process ends at once: its start-up module does so.
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(9)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def body() -> None:
        [facts] = await workers.describe_tables([tmp_path / "x.csv"])
        with pytest.raises(BadTable, match="ended with code 9"):
            facts.sound()

    asyncio.run(body())
