from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from contract.event_log import EventLogContract, always, created, everything, line
from pulsetrain.adapters.sqlite import SqliteLog, database
from pulsetrain.adapters.sqlite.writer import Commit
from pulsetrain.model.errors import DataFolderUnusable, LogUnavailable
from pulsetrain.model.log import Filter
from pulsetrain.ports import EventLog


class TestSqliteLog(EventLogContract):
    async def open(self, folder: Path) -> EventLog:
        return await SqliteLog.open(folder / "log.db")


def test_a_full_disk_fails_the_callers_and_keeps_the_log_whole(tmp_path: Path) -> None:
    """The file may not grow past a limit of the kernel: the write itself fails, as on a full disk."""

    async def main() -> None:
        log = await SqliteLog.open(tmp_path / "log.db")
        await log.append(always(created(), line("before")))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            both = await asyncio.gather(
                log.append(always(line("x" * 300_000))), log.append(always(line("y"))), return_exceptions=True
            )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert isinstance(both[0], LogUnavailable)
        assert log.view().tail == (2 if isinstance(both[1], LogUnavailable) else 3)
        await log.append(always(line("after")))
        run = (await log.run("r_aaaaaaaaaa"))[1]
        assert run is not None and run.log_lines == run.last_seq - 1 == log.view().tail - 1
        assert [event.seq for event in await everything(log)] == list(range(1, log.view().tail + 1))
        await log.close()

    asyncio.run(main())


WRITER = """
import asyncio, sys
from pathlib import Path
from contract.event_log import always, created, line
from pulsetrain.adapters.sqlite import SqliteLog

async def producer(log, name):
    for number in range(100_000):
        appended = await log.append(always(line(f"{name} {number}")))
        print(appended.events[0].seq, f"{name} {number}", flush=True)

async def main():
    log = await SqliteLog.open(Path(sys.argv[1]), durability=sys.argv[2])
    print(log.view().generation, flush=True)
    await log.append(always(created()))
    await asyncio.gather(*(producer(log, f"p{index}") for index in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_what_was_acknowledged_survives_sigkill(tmp_path: Path, durability: str) -> None:
    path = tmp_path / "log.db"
    tests = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), durability],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": tests, "PATH": ""},
    ) as writer:
        assert writer.stdout is not None
        generation = writer.stdout.readline().strip()
        said = [writer.stdout.readline() for _ in range(500)]
        writer.send_signal(signal.SIGKILL)
        said += [late for late in writer.stdout.readlines() if late.endswith("\n")]
    acknowledged = {int(seq): text.strip() for seq, text in (entry.split(" ", 1) for entry in said)}

    async def reopen() -> None:
        log = await SqliteLog.open(path)
        assert log.view().generation == generation
        _, events = await log.run_events("r_aaaaaaaaaa", ["run.log"])
        kept = {event.seq: event.data["lines"][0]["text"] for event in events}
        assert {seq: kept.get(seq) for seq in acknowledged} == acknowledged
        assert sorted(kept) == list(range(2, log.view().tail + 1))
        run = (await log.run("r_aaaaaaaaaa"))[1]
        assert run is not None and run.log_lines == len(kept)
        await log.close()

    asyncio.run(reopen())


def test_a_snapshot_waits_until_the_loop_has_heard_of_its_commit(tmp_path: Path) -> None:
    """Else its cursor would come back from the reader before `view()` knows it, and look as if it were ahead."""

    async def main() -> None:
        log = await SqliteLog.open(tmp_path / "log.db")
        committed = asyncio.Event()
        held: list[Commit] = []

        def hold(commit: Commit) -> None:
            held.append(commit)
            log._loop.call_soon_threadsafe(committed.set)

        log._writer._deliver = hold
        appending = asyncio.ensure_future(log.append(always(created())))
        await committed.wait()
        snapshot = asyncio.ensure_future(log.run("r_aaaaaaaaaa"))
        done, _ = await asyncio.wait([snapshot], timeout=0.3)
        assert not done and log.view().tail == 0
        log._announce(held[0])
        cursor, run = await snapshot
        assert cursor.seq == log.view().tail == 1 and run is not None
        await appending
        await log.close()

    asyncio.run(main())


def generation_of(path: Path, durability: database.Durability = "full") -> str:
    async def look() -> str:
        log = await SqliteLog.open(path, durability=durability)
        generation = log.view().generation
        await log.close()
        return generation

    return asyncio.run(look())


def test_a_power_cut_under_normal_durability_begins_a_new_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.db"
    first = generation_of(path, "normal")
    assert generation_of(path, "normal") == first, "an orderly end loses nothing"
    database.open_writer(path, "normal").close()  # An end without order, and then:
    assert generation_of(path) == first, "a crash of the process loses nothing"
    database.open_writer(path, "normal").close()
    monkeypatch.setattr(database, "_boot_id", lambda: "another boot of the machine")
    second = generation_of(path)
    assert second != first
    assert generation_of(path) == second


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    generation_of(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DataFolderUnusable, match="schema version 99"):
        generation_of(path)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(DataFolderUnusable, match="another program"):
        generation_of(path)
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone()[0] == "delete", "and left as it was"


@pytest.mark.parametrize("make", ["text", "folder"])
def test_what_is_no_database_is_refused(tmp_path: Path, make: str) -> None:
    path = tmp_path / "log.db"
    if make == "text":
        path.write_text("this is not a database, however long it is " * 100)
    else:
        path.mkdir()
    with pytest.raises(DataFolderUnusable, match=r"log\.db"):
        generation_of(path)


def test_a_long_trim_leaves_room_for_appends(tmp_path: Path) -> None:
    async def main() -> None:
        log = await SqliteLog.open(tmp_path / "log.db", durability="normal")
        for _ in range(9):
            await log.append(always(*(line("x") for _ in range(1000))))
        order: list[str] = []
        trimming = asyncio.ensure_future(log.trim(9001))
        trimming.add_done_callback(lambda _: order.append("trimmed"))
        await asyncio.sleep(0)
        appending = asyncio.ensure_future(log.append(always(line("y"))))
        appending.add_done_callback(lambda _: order.append("appended"))
        await asyncio.gather(trimming, appending)
        assert order == ["appended", "trimmed"]
        assert (log.view().oldest, log.view().tail) == (9001, 9001)
        await log.close()
        with sqlite3.connect(tmp_path / "log.db") as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == 1
        connection.close()

    asyncio.run(main())


def test_rare_matches_are_found_in_bounded_steps(tmp_path: Path) -> None:
    async def main() -> None:
        log = await SqliteLog.open(tmp_path / "log.db", durability="normal")
        await log.append(always(*(line("x") for _ in range(45_000)), created()))
        rare = Filter(types=frozenset({"run.created"}))
        first = await log.read(0, 10, rare)
        assert first.events == [] and 0 < first.upto < 45_000
        assert [event.seq for event in await everything(log, filter=rare)] == [45_001]
        await log.close()

    asyncio.run(main())
