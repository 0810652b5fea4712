"""What every event log must do. A store's own test file subclasses `EventLogContract` and says how it is opened."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pulsetrain.model.cursor import Cursor
from pulsetrain.model.errors import BadRequest, Closing
from pulsetrain.model.events import Event, NewEvent
from pulsetrain.model.fold import fold
from pulsetrain.model.log import Filter, Page, Stored
from pulsetrain.model.records import Position
from pulsetrain.model.runs import Run
from pulsetrain.ports import EventLog, Transaction

RUN, OTHER = "r_aaaaaaaaaa", "r_bbbbbbbbbb"
TIME = "2026-01-02T03:04:05.678901Z"


def created(run: str = RUN, name: str = "one") -> NewEvent:
    return NewEvent("run.created", {"name": name}, run)


def line(text: str = "hello", run: str = RUN) -> NewEvent:
    return NewEvent("run.log", {"lines": [{"stream": "stdout", "text": text, "time": 1.5, "level": None}]}, run)


def status(state: str, run: str = RUN) -> NewEvent:
    return NewEvent("run.status", {"state": state}, run)


def always(*events: NewEvent) -> Callable[[Transaction], Sequence[NewEvent]]:
    return lambda _: events


async def everything(log: EventLog, after: int = 0, limit: int = 7, filter: Filter | None = None) -> list[Stored]:
    """All events above `after`, page by page."""
    found: list[Stored] = []
    while after < log.view().tail:
        page = await log.read(after, limit, filter or Filter())
        assert page.upto > after, "a page must come on"
        assert len(page.events) <= limit
        found += page.events
        after = page.upto
    return found


class Refused(Exception):
    """What a decision of a test raises."""


class EventLogContract:
    """The suite. Each test opens its own log in `tmp_path`; opening the same folder again is the next life."""

    async def open(self, folder: Path) -> EventLog:
        raise NotImplementedError

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[EventLog]:
        log = await self.open(folder)
        try:
            yield log
        finally:
            await log.close()

    def run(self, folder: Path, test: Callable[[EventLog], Awaitable[None]]) -> None:
        async def body() -> None:
            async with self.opened(folder) as log:
                await test(log)

        asyncio.run(asyncio.wait_for(body(), 60))

    def test_an_empty_log(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            view = log.view()
            assert (view.oldest, view.tail) == (1, 0)
            assert await log.read(0, 10) == Page([], 0)
            assert await log.runs(10) == (Cursor(view.generation, 0), [], 0)
            assert await log.run(RUN) == (Cursor(view.generation, 0), None)
            assert await log.active_runs() == []
            assert await log.run_token_digest(RUN) is None
            assert await log.run_events(RUN, ["run.log"]) == (Cursor(view.generation, 0), [])

        self.run(tmp_path, test)

    def test_an_append_answers_with_what_readers_see(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            first = await log.append(always(created(), NewEvent("run.status", {"state": "running"}, RUN, TIME)))
            assert [event.seq for event in first.events] == [1, 2]
            assert first.cursor == Cursor(log.view().generation, 2) and log.view().tail == 2
            assert first.events[1] == Event(2, RUN, "run.status", TIME, {"state": "running"})
            page = await log.read(0, 10)
            assert [msgspec.json.decode(stored.body, type=Event) for stored in page.events] == list(first.events)
            assert [(stored.seq, stored.run, stored.type) for stored in page.events] == [
                (1, RUN, "run.created"),
                (2, RUN, "run.status"),
            ]

        self.run(tmp_path, test)

    def test_a_decision_that_raises_fails_alone(self, tmp_path: Path) -> None:
        def refuse(log: Transaction) -> Sequence[NewEvent]:
            log.advance(RUN, "sdk", Position(1, 9))
            log.set_run_token_digest(RUN, "digest")
            raise Refused

        async def test(log: EventLog) -> None:
            answers = await asyncio.gather(
                log.append(always(created())),
                log.append(refuse),
                log.append(always(NewEvent("run.log", {"lines": {1, 2}}, RUN))),
                log.append(always(line("a"), NewEvent("run.status", {}, RUN))),
                log.append(always(line("b"))),
                return_exceptions=True,
            )
            assert [type(answer).__name__ for answer in answers] == [
                "Appended", "Refused", "BadRequest", "BadRequest", "Appended",
            ]  # fmt: skip
            assert [event.type for event in await everything(log)] == ["run.created", "run.log"]
            assert await log.run_token_digest(RUN) is None
            run = (await log.run(RUN))[1]
            assert run is not None and run.log_lines == 1 and run.last_seq == 2

        self.run(tmp_path, test)

    def test_half_a_request_leaves_no_trace_in_a_known_run(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            await log.append(always(created(), line()))
            with pytest.raises(BadRequest):
                await log.append(always(line(), status("running"), NewEvent("run.stage", {"no": "name"}, RUN)))
            await log.append(always(line()))
            run = (await log.run(RUN))[1]
            assert run is not None and (run.log_lines, run.state, run.last_seq) == (2, "queued", 3)

        self.run(tmp_path, test)

    def test_a_decision_sees_all_before_it(self, tmp_path: Path) -> None:
        seen: list[Any] = []

        def look(log: Transaction) -> Sequence[NewEvent]:
            run = log.run(RUN)
            seen.append((run and run.log_lines, log.position(RUN, "sdk"), log.newest_attempt(RUN)))
            seen.append(log.run_token_digest(RUN))
            return []

        def keep(log: Transaction) -> Sequence[NewEvent]:
            log.advance(RUN, "sdk", Position(1, 3))
            log.advance(RUN, "supervisor", Position(2, 1))
            log.set_run_token_digest(RUN, "digest")
            return [line()]

        async def test(log: EventLog) -> None:
            # In one commit and over commits alike.
            await asyncio.gather(*(log.append(decision) for decision in (look, always(created()), keep, look)))
            empty = await log.append(look)
            assert seen[:2] == [(None, None, 0), None]
            assert seen[2:] == 2 * [(1, Position(1, 3), 2), "digest"]
            assert empty.events == [] and empty.cursor.seq == 2
            assert await log.run_token_digest(RUN) == "digest"

        self.run(tmp_path, test)

    def test_concurrent_appends_are_contiguous_and_whole(self, tmp_path: Path) -> None:
        heard: list[Stored] = []

        async def producer(log: EventLog, name: str) -> None:
            for number in range(25):
                appended = await log.append(always(*(line(f"{name} {number} {part}") for part in range(3))))
                seqs = [event.seq for event in appended.events]
                assert seqs == list(range(seqs[0], seqs[0] + 3))
                # Announced before it is answered: whoever has the answer can read it.
                assert log.view().tail >= seqs[-1] and heard[seqs[-1] - 1].seq == seqs[-1]

        async def test(log: EventLog) -> None:
            log.on_commit(heard.extend)
            await asyncio.gather(*(producer(log, f"p{index}") for index in range(16)))
            assert [event.seq for event in heard] == list(range(1, 16 * 25 * 3 + 1))
            assert await everything(log, limit=100) == heard

        self.run(tmp_path, test)

    def test_states_are_the_fold_of_the_log(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            rng = random.Random(7)
            await log.append(always(created(), created(OTHER, "two")))
            jobs = [
                always(rng.choice([line, lambda *, run: status("running", run)])(run=rng.choice([RUN, OTHER])))
                for _ in range(200)
            ]
            await asyncio.gather(*map(log.append, jobs))
            folded: dict[str, Run | None] = {}
            for stored in await everything(log, limit=50):
                assert stored.run is not None
                event = msgspec.json.decode(stored.body, type=Event)
                folded[stored.run] = fold(folded.get(stored.run), event)
            cursor, runs, total = await log.runs(10)
            assert total == 2 and cursor.seq == log.view().tail
            assert runs == [folded[OTHER], folded[RUN]], "newest first"
            assert (await log.runs(1))[1:] == ([folded[OTHER]], 2)

        self.run(tmp_path, test)

    def test_ended_runs_are_not_active(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            await log.append(always(created(), created(OTHER, "two"), status("running"), status("running", OTHER)))
            await log.append(always(status("succeeded", OTHER)))
            assert [run.id for run in await log.active_runs()] == [RUN]

        self.run(tmp_path, test)

    def test_a_snapshot_never_runs_ahead_of_the_view(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            await log.append(always(created()))
            going = asyncio.gather(*(log.append(always(line())) for _ in range(300)))
            while not going.done():
                for cursor in ((await log.run(RUN))[0], (await log.runs(5))[0]):
                    assert cursor.seq <= log.view().tail
                assert (await log.read(0, 5)).upto <= log.view().tail
            await going

        self.run(tmp_path, test)

    def test_pages_are_bounded_and_filtered(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            await log.append(always(created(), created(OTHER), *[line(str(number)) for number in range(20)]))
            await log.append(always(line("big" * 200_000), line("next", OTHER), NewEvent("dataset.created", {})))
            assert [event.seq for event in await everything(log)] == list(range(1, 26))
            big = await log.read(22, 100)
            assert [event.seq for event in big.events] == [23], "a page ends with the event that fills it"

            async def seqs(*, runs: Sequence[str] = (), types: Sequence[str] = ()) -> list[int]:
                found = await everything(log, filter=Filter(frozenset(runs), frozenset(types)))
                return [event.seq for event in found]

            assert await seqs(runs=[OTHER]) == [2, 24]
            assert await seqs(types=["run.created", "dataset.*"]) == [1, 2, 25]
            assert await seqs(runs=[OTHER], types=["run.log"]) == [24]
            assert await seqs(runs=[RUN, OTHER], types=["run.*"]) == list(range(1, 25))
            assert await seqs(types=["run"]) == [] == await seqs(types=["r.*"])
            assert (await log.read(24, 5, Filter(types=frozenset({"run.log"})))) == Page([], 25)

        self.run(tmp_path, test)

    def test_the_events_of_a_run_by_type(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            await log.append(always(created(), created(OTHER)))
            for number in range(6):
                await log.append(always(line(str(number)), status("running"), line("not mine", OTHER)))
            cursor, events = await log.run_events(RUN, ["run.log", "run.status"])
            assert cursor.seq == 20
            assert [event.seq for event in events] == [3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19]
            assert events[0].data["lines"][0]["text"] == "0"
            last = (await log.run_events(RUN, ["run.log", "run.status"], before=13, limit=3))[1]
            assert [event.seq for event in last] == [9, 10, 12]
            assert (await log.run_events(RUN, []))[1] == []

        self.run(tmp_path, test)

    def test_trimmed_events_are_gone_and_states_stay(self, tmp_path: Path) -> None:
        async def first(log: EventLog) -> None:
            await log.append(always(created(), *[line(str(number)) for number in range(50)]))
            await log.trim(31)
            assert (log.view().oldest, log.view().tail) == (31, 51)
            assert [event.seq for event in await everything(log, 30)] == list(range(31, 52))
            assert [event.seq for event in (await log.run_events(RUN, ["run.log"]))[1]] == list(range(31, 52))
            run = (await log.run(RUN))[1]
            assert run is not None and run.log_lines == 50
            await log.trim(5)
            assert log.view().oldest == 31, "what is gone stays gone"

        async def second(log: EventLog) -> None:
            assert (log.view().oldest, log.view().tail) == (31, 51)
            await log.trim(10_000)
            assert (log.view().oldest, log.view().tail) == (52, 51)

        async def third(log: EventLog) -> None:
            # With everything trimmed, no seq is given out a second time.
            assert (log.view().oldest, log.view().tail) == (52, 51)
            assert (await log.append(always(line()))).events[0].seq == 52
            run = (await log.run(RUN))[1]
            assert run is not None and run.log_lines == 51

        for test in (first, second, third):
            self.run(tmp_path, test)

    def test_a_restart_keeps_the_generation_and_everything(self, tmp_path: Path) -> None:
        before: list[Any] = []

        def position(log: Transaction) -> Sequence[NewEvent]:
            log.advance(RUN, "sdk", Position(3, 77))
            log.set_run_token_digest(RUN, "digest")
            return [created(), status("running"), line()]

        async def state(log: EventLog) -> list[Any]:
            return [log.view(), await log.runs(9), await everything(log), await log.run_token_digest(RUN)]

        async def first(log: EventLog) -> None:
            await log.append(position)
            before.extend(await state(log))

        async def second(log: EventLog) -> None:
            assert await state(log) == before
            known: list[Any] = []

            def look(log: Transaction) -> Sequence[NewEvent]:
                known.extend([log.position(RUN, "sdk"), log.newest_attempt(RUN), log.run(RUN)])
                return [line()]

            assert (await log.append(look)).events[0].seq == 4
            assert known[:2] == [Position(3, 77), 3] and known[2].state == "running"

        self.run(tmp_path, first)
        self.run(tmp_path, second)

    def test_another_log_has_another_generation(self, tmp_path: Path) -> None:
        generations: set[str] = set()

        async def test(log: EventLog) -> None:
            generations.add(log.view().generation)

        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            self.run(tmp_path / name, test)
        assert len(generations) == 2

    def test_closing_commits_what_waits_and_refuses_the_rest(self, tmp_path: Path) -> None:
        async def first(log: EventLog) -> None:
            waiting = [asyncio.ensure_future(log.append(always(line(str(number))))) for number in range(50)]
            await asyncio.sleep(0)
            await log.close()
            assert [(await one).events[0].seq for one in waiting] == list(range(1, 51))
            with pytest.raises(Closing):
                await log.append(always(line()))

        async def second(log: EventLog) -> None:
            assert log.view().tail == 50

        self.run(tmp_path, first)
        self.run(tmp_path, second)

    def test_a_caller_that_leaves_takes_nothing_with_it(self, tmp_path: Path) -> None:
        async def test(log: EventLog) -> None:
            leaving = asyncio.ensure_future(log.append(always(line("left"))))
            await asyncio.sleep(0)
            leaving.cancel()
            assert (await log.append(always(line("stayed")))).events[0].seq == 2

        self.run(tmp_path, test)

    def test_a_listener_that_fails_harms_nobody(self, tmp_path: Path) -> None:
        heard: list[Stored] = []

        def fail(_: Sequence[Stored]) -> None:
            raise Refused

        async def test(log: EventLog) -> None:
            log.on_commit(fail)
            log.on_commit(heard.extend)
            assert (await log.append(always(line()))).cursor.seq == 1 == len(heard)

        self.run(tmp_path, test)
