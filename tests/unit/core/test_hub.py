"""The hub with its real log: whatever way an event comes to a reader, it comes once and in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pulsetrain.adapters.sqlite import SqliteLog
from pulsetrain.core.hub import Hub, Reader
from pulsetrain.core.ring import HubPage
from pulsetrain.model.events import NewEvent
from pulsetrain.model.log import Filter, Page, Stored
from pulsetrain.wire.subscription import Fetch, Reset, Subscription, Wait, wants

RUNS = ["r_aaaaaaaaaa", "r_bbbbbbbbbb", "r_cccccccccc"]
FILTERS = [
    Filter(),
    Filter(runs=frozenset(RUNS[:1])),
    Filter(types=frozenset({"run.log"})),
    Filter(runs=frozenset(RUNS[1:]), types=frozenset({"run.*"})),
    Filter(types=frozenset({"never"})),
]


def some(rng: random.Random) -> NewEvent:
    if rng.random() < 0.1:
        return NewEvent("dataset.created", {"id": "x"})
    return NewEvent(rng.choice(["run.log", "run.system"]), {"lines": [], "text": "x" * 20}, rng.choice(RUNS))


class Follower:
    """A stream without a socket. By chance it takes what is handed over, refuses it, dawdles, is rung for nothing."""

    def __init__(self, hub: Hub, start: str, filter: Filter, rng: random.Random) -> None:
        self.hub, self.filter, self.rng = hub, filter, rng
        self.subscription = Subscription(hub.newest_view(), start, filter=filter)
        self.began = self.subscription.cursor.seq
        self.reader: Reader = hub.open(filter, self.hand_over)
        self.got: list[int] = []
        self.handed_over = self.resets = 0

    def hand_over(self, page: HubPage) -> bool:
        if self.rng.random() < 0.4:
            return False
        self.got += [event.seq for event in page.events]
        self.handed_over += 1
        return True

    async def follow(self, finished: Callable[[], bool]) -> None:
        """Until `finished` and all that there is has come."""
        while True:
            step = self.subscription.next(self.hub.view())
            if isinstance(step, Fetch):
                page = await self.hub.page(step.after, step.filter)
                taken = self.subscription.take(page, self.hub.view())
                self.got += [event.seq for event in taken.events] if taken is not None else []
            elif isinstance(step, Reset):
                self.resets += 1
            elif isinstance(step, Wait):
                if finished() and self.subscription.cursor.seq >= self.hub.newest_view().tail:
                    return
                self.subscription.skip(await self.reader.wait(step.after))
            for _ in range(self.rng.choice([0, 0, 0, 1, 5])):
                await asyncio.sleep(0)


async def announced(hub: Hub, tail: int) -> None:
    """Until `tail` is announced; where that wakes nobody there is no signal."""
    while hub.view().tail < tail:  # noqa: ASYNC110 (see above)
        await asyncio.sleep(0.001)


def on_hub(folder: Path, body: Callable[[SqliteLog, Hub], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        log = await SqliteLog.open(folder / "log.db", durability="normal")
        try:
            await asyncio.wait_for(body(log, Hub(log, **settings)), 60)
        finally:
            await log.close()

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ring", [5, 50, 10_000])
def test_each_event_comes_once_and_in_order(tmp_path: Path, seed: int, ring: int) -> None:
    async def body(log: SqliteLog, hub: Hub) -> None:
        rng = random.Random(seed)
        done = False

        async def produce() -> None:
            for _ in range(40):
                events = [some(rng) for _ in range(rng.randint(1, 12))]
                await log.append(lambda _, events=events: events)  # type: ignore[misc]  # bound as it is made
                for _ in range(rng.choice([0, 0, 3])):
                    await asyncio.sleep(0.001)

        await log.append(lambda _: [some(rng) for _ in range(30)])
        followers = [Follower(hub, rng.choice(["0", "now"]), rng.choice(FILTERS), rng) for _ in range(12)]
        following = [asyncio.create_task(one.follow(lambda: done)) for one in followers]
        producers = [asyncio.create_task(produce()) for _ in range(3)]
        while not all(producer.done() for producer in producers):
            rng.choice(followers).reader.ring()
            await asyncio.sleep(0.001)
        done = True
        while not all(one.done() for one in following):
            for follower in followers:
                follower.reader.ring()
            await asyncio.sleep(0.001)
        await asyncio.gather(*following, *producers)
        stored: list[Stored] = []
        while len(stored) < log.view().tail:
            stored += (await log.read(len(stored), 500)).events
        for one in followers:
            assert one.resets == 0
            assert one.got == [event.seq for event in stored[one.began :] if wants(one.filter, event)]

    on_hub(tmp_path, body, ring_events=ring)


def test_a_reader_ahead_of_the_announcements_gets_nothing_twice(tmp_path: Path) -> None:
    async def body(log: SqliteLog, hub: Hub) -> None:
        held: list[Sequence[Stored]] = []
        announce = log._listeners.pop()
        log.on_commit(held.append)
        await log.append(lambda _: [NewEvent("run.log", {"lines": []}, RUNS[0]) for _ in range(3)])
        follower = Follower(hub, "0", Filter(), random.Random(1))
        follower.subscription.take(await log.read(0, 2), hub.newest_view())
        follower.got += [1, 2]
        follower.rng.random = lambda: 1.0  # type: ignore[method-assign]  # takes whatever is handed over
        following = asyncio.create_task(follower.follow(lambda: True))
        await asyncio.sleep(0)
        announce(held[0])
        await following
        assert follower.got == [1, 2, 3]

    on_hub(tmp_path, body)


def test_what_is_committed_while_the_hub_announces_is_announced_too(tmp_path: Path) -> None:
    async def body(log: SqliteLog, hub: Hub) -> None:
        held: list[Sequence[Stored]] = []
        announce = log._listeners.pop()
        log.on_commit(held.append)
        follower = Follower(hub, "now", Filter(), random.Random(1))
        follower.rng.random = lambda: 1.0  # type: ignore[method-assign]  # takes whatever is handed over
        for _ in range(2):
            await log.append(lambda _: [NewEvent("dataset.created", {"id": "x"})])
        following = asyncio.create_task(follower.follow(lambda: True))
        while follower.reader._wake is None:  # noqa: ASYNC110 (nothing says that it waits)
            await asyncio.sleep(0)
        announce(held[0])
        announce(held[1])
        await announced(hub, 2)
        follower.reader.ring()
        await following
        assert (follower.got, follower.handed_over) == ([1, 2], 2)

    on_hub(tmp_path, body)


def test_a_reader_that_fails_harms_no_other(tmp_path: Path) -> None:
    async def body(log: SqliteLog, hub: Hub) -> None:
        def fail(_: HubPage) -> bool:
            raise RuntimeError

        woken = [asyncio.create_task(hub.open(Filter(), take).wait(0)) for take in (fail, None)]
        await asyncio.sleep(0)
        await log.append(lambda _: [NewEvent("dataset.created", {"id": "x"})])
        assert await asyncio.gather(*woken) == [0, 0]

    on_hub(tmp_path, body)


def test_who_wants_none_of_it_sleeps_on_and_comes_along(tmp_path: Path) -> None:
    async def body(log: SqliteLog, hub: Hub) -> None:
        reader = hub.open(Filter(types=frozenset({"run.log"})))
        waiting = asyncio.create_task(reader.wait(0))
        await asyncio.sleep(0)
        for _ in range(5):
            await log.append(lambda _: [NewEvent("dataset.created", {"id": "x"})])
        await announced(hub, 5)
        assert not waiting.done()
        reader.ring()
        assert await waiting == 5

    on_hub(tmp_path, body)


def test_many_who_ask_for_the_same_old_page_cause_one_read(tmp_path: Path) -> None:
    async def body(log: SqliteLog, hub: Hub) -> None:
        for _ in range(10):
            await log.append(lambda _: [NewEvent("dataset.created", {"id": "x"})])
        reads: list[int] = []
        read = log.read

        async def counting(after: int, limit: int, filter: Filter) -> Page:
            reads.append(after)
            return await read(after, limit, filter)

        log.read = counting  # type: ignore[method-assign,assignment]  # to count
        pages = await asyncio.gather(*(hub.page(0, Filter()) for _ in range(50)))
        assert reads == [0]
        assert len({id(page.sse()) for page in pages}) == 1

    on_hub(tmp_path, body, ring_events=2)


def test_a_store_that_cannot_be_read_fails_the_readers_and_is_asked_again(tmp_path: Path) -> None:
    async def body(log: SqliteLog, hub: Hub) -> None:
        await log.append(lambda _: [NewEvent("dataset.created", {"id": "x"}) for _ in range(10)])
        read = log.read

        async def failing(after: int, limit: int, filter: Filter) -> Page:
            raise OSError("the disk is gone")

        log.read = failing  # type: ignore[method-assign,assignment]  # the fault
        with pytest.raises(OSError, match="gone"):
            await hub.page(0, Filter())
        log.read = read  # type: ignore[method-assign]  # the disk is back
        assert (await hub.page(0, Filter())).upto == 10

    on_hub(tmp_path, body, ring_events=2)


def test_draining_ends_the_waits_and_returns(tmp_path: Path) -> None:
    async def body(log: SqliteLog, hub: Hub) -> None:
        readers = [hub.open(Filter()) for _ in range(3)]

        async def stay(reader: Reader) -> None:
            await reader.wait(0)
            reader.close()

        staying = [asyncio.create_task(stay(reader)) for reader in readers]
        await asyncio.sleep(0)
        await hub.drain("restart")
        await asyncio.gather(*staying)
        assert (hub.closing, hub.readers) == ("restart", 0)
        stuck = hub.open(Filter())
        await hub.drain("restart", timeout=0.01)
        stuck.close()

    on_hub(tmp_path, body)
