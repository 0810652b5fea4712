"""Exactly once: whatever a producer sends again, and however it cuts its rows, the log has each row one time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.ingest import Ingest
from pulsetrain.model.errors import BadRequest, Fenced, Gap, PulsetrainError, RunNotFound, Unauthorized
from pulsetrain.model.events import NewEvent
from pulsetrain.model.records import Batch, Record
from pulsetrain.ports import Transaction

RUN, TOKEN = "r_aaaaaaaaaa", "secret-secret-secret"


def register(log: Transaction) -> Sequence[NewEvent]:
    log.set_run_token_digest(RUN, hashlib.sha256(TOKEN.encode()).hexdigest())
    return [NewEvent("run.created", {"name": "one"}, RUN), NewEvent("run.status", {"state": "starting"}, RUN)]


def lines(first: int, count: int) -> Record:
    """Rows `first … first+count-1` of a producer, each a line that says its number."""
    texts = [{"stream": "stdout", "text": str(n), "time": 0.0, "level": None} for n in range(first, first + count)]
    return Record(first, "run.log", {"lines": texts}, count=count)


def metrics(first: int, count: int) -> Record:
    numbers = list(range(first, first + count))
    times = [float(n) for n in numbers]
    return Record(first, "run.metrics", {"step": numbers, "time": times, "values": {"n": times}}, count=count)


class Server:
    """An ingest over a real log; `kill` leaves it as a crash would and opens the file again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[str] = []

    async def open(self) -> None:
        self.log = await SqliteLog.open(self.path, durability="normal")
        self.ingest = Ingest(self.log, self.seen.append)

    async def send(self, *records: Record, attempt: int = 1, producer: str = "sdk", token: str | None = TOKEN) -> Any:
        return await self.ingest.records(RUN, token, Batch(attempt, producer, list(records)))

    async def rows(self) -> list[int]:
        """The numbers of all rows in the log, in order."""
        _, events = await self.log.run_events(RUN, ["run.log", "run.metrics"])
        found: list[int] = []
        for event in events:
            if event.type == "run.log":
                found += [int(line["text"]) for line in event.data["lines"]]
            else:
                assert event.data["values"]["n"] == [float(n) for n in event.data["step"]]
                found += event.data["step"]
        return found


def on_server(path: Path, body: Any) -> None:
    async def main() -> None:
        server = Server(path / "log.db")
        await server.open()
        await server.log.append(register)
        try:
            await body(server)
        finally:
            await server.log.close()

    asyncio.run(asyncio.wait_for(main(), 60))


def refused(path: Path, error: type[PulsetrainError], *records: Record, **keywords: Any) -> PulsetrainError:
    caught: list[PulsetrainError] = []

    async def body(server: Server) -> None:
        with pytest.raises(error) as info:
            await server.send(*records, **keywords)
        caught.append(info.value)
        assert await server.rows() == []

    on_server(path, body)
    return caught[0]


cuts = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12), st.integers(1, 5), st.booleans()), max_size=25)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts, st.booleans())
def test_each_row_is_there_once(tmp_path_factory: pytest.TempPathFactory, script: Any, restart: bool) -> None:
    """Batches begin anywhere, overlap, repeat and are cut anew each time; holes are refused and lose nothing."""

    async def body(server: Server) -> None:
        last = 0
        for number, (first, count, parts, of_metrics) in enumerate(script):
            records = [(metrics if of_metrics else lines)(first + part * count, count) for part in range(parts)]
            if first > last + 1:
                with pytest.raises(Gap) as gap:
                    await server.send(*records)
                assert gap.value.expected == last + 1
            else:
                last = max(last, first + parts * count - 1)
                assert (await server.send(*records)).last_n == last
            if restart and number == len(script) // 2:
                await server.log.close()
                await server.open()
        assert await server.rows() == list(range(1, last + 1))

    on_server(tmp_path_factory.mktemp("ingest"), body)


def test_the_same_batch_many_times_at_once(tmp_path: Path) -> None:
    async def body(server: Server) -> None:
        answers = await asyncio.gather(*(server.send(lines(1, 5), metrics(6, 5)) for _ in range(20)))
        assert {answer.last_n for answer in answers} == {10}
        assert await server.rows() == list(range(1, 11))

    on_server(tmp_path, body)


def test_an_answer_tells_what_the_log_has(tmp_path: Path) -> None:
    async def body(server: Server) -> None:
        answer = await server.send(Record(1, "run.status", {"state": "running"}), lines(2, 3))
        assert (answer.last_n, answer.state, answer.lease_seconds) == (4, "running", 15.0)
        assert answer.cursor == f"{server.log.view().generation}-4"
        heartbeat = await server.send()
        assert (heartbeat.last_n, heartbeat.state, heartbeat.cursor) == (4, "running", answer.cursor)
        assert server.seen == [RUN, RUN]

    on_server(tmp_path, body)


def test_an_illegal_move_is_acknowledged_and_not_logged(tmp_path: Path) -> None:
    async def body(server: Server) -> None:
        await server.send(Record(1, "run.status", {"state": "stopped"}))
        answer = await server.send(Record(2, "run.status", {"state": "failed"}))
        assert (answer.last_n, answer.state) == (2, "stopped")
        _, events = await server.log.run_events(RUN, ["run.status"])
        assert [event.data["state"] for event in events] == ["starting", "stopped"]

    on_server(tmp_path, body)


def test_a_new_attempt_fences_the_old_one(tmp_path: Path) -> None:
    async def body(server: Server) -> None:
        await server.send(lines(1, 3))
        await server.send(attempt=2, producer="supervisor")
        seen = len(server.seen)
        for records in ([lines(4, 1)], []):
            with pytest.raises(Fenced):
                await server.send(*records)
        assert len(server.seen) == seen, "what is fenced is no sign of life"
        await server.send(lines(1, 2), attempt=2)
        assert await server.rows() == [1, 2, 3, 1, 2]

    on_server(tmp_path, body)


def test_a_gap_is_a_sign_of_life(tmp_path: Path) -> None:
    async def body(server: Server) -> None:
        with pytest.raises(Gap):
            await server.send(lines(5, 1))
        assert server.seen == [RUN]

    on_server(tmp_path, body)


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x"])
def test_only_the_runs_own_token_may_write(tmp_path: Path, token: str | None) -> None:
    refused(tmp_path, Unauthorized, lines(1, 1), token=token)


def test_a_run_without_a_token_takes_no_records(tmp_path: Path) -> None:
    async def body(server: Server) -> None:
        await server.log.append(lambda _: [NewEvent("run.created", {"name": "two"}, "r_bbbbbbbbbb")])
        with pytest.raises(Unauthorized):
            await server.ingest.records("r_bbbbbbbbbb", "", Batch(1, "sdk"))
        with pytest.raises(RunNotFound):
            await server.ingest.records("r_cccccccccc", TOKEN, Batch(1, "sdk"))

    on_server(tmp_path, body)


@pytest.mark.parametrize(
    "record",
    [
        Record(1, "run.created", {"name": "x"}),
        Record(1, "dataset.created", {"id": "x"}),
        Record(0, "run.log", {"lines": []}),
        Record(1, "run.status", {"state": "running"}, count=2),
        Record(1, "run.status", {}),
        Record(1, "run.metrics", {"step": [1], "time": [1.0, 2.0], "values": {}}),
        Record(1, "run.progress", {"percent": "much"}),
        Record(1, "run.system", {"text": "\ud800"}),
        Record(1, "run.system", {}, time='2026-01-01T00:00:00.000000Z","data":{}}\n\ndata: '),
        Record(1, "run.system", {}, time="yesterday"),
        Record(1, "run.system", {}, time="2026-13-01T00:00:00.000000Z"),
    ],
)
def test_what_is_not_well_formed_is_refused(tmp_path: Path, record: Record) -> None:
    refused(tmp_path, BadRequest, record)


def test_numbers_that_json_lacks_are_kept(tmp_path: Path) -> None:
    async def body(server: Server) -> None:
        values = {"loss": [float("nan"), float("inf"), None]}
        data = {"step": [1, 2, 3], "time": [1.0, 2.0, 3.0], "values": values}
        await server.send(Record(1, "run.metrics", data, count=3))
        _, events = await server.log.run_events(RUN, ["run.metrics"])
        assert events[0].data["values"]["loss"] == ["NaN", "Infinity", None]

    on_server(tmp_path, body)
