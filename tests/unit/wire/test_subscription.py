"""The machine against a model of the log: nothing lost, doubled or reordered; every gap an explicit reset."""

from __future__ import annotations

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsetrain.model.log import Filter, Page, Stored, View
from pulsetrain.wire.subscription import Fetch, Heartbeat, Hello, Live, Reset, Subscription, Wait, wants

GENERATION = "abcdefgh"
RUNS = [None, "r_aaaaaaaaaa", "r_bbbbbbbbbb", "r_cccccccccc"]
TYPES = ["run.log", "run.metrics", "command.applied", "runaway", "run"]


def stored(seq: int, run: str | None, type: str) -> Stored:
    return Stored(seq, run, type, b"%d" % seq)


class Log:
    """A log in memory that keeps what it trims, so that a test can know what should have been delivered."""

    def __init__(self) -> None:
        self.all: list[Stored] = []
        self.oldest = 1

    def append(self, run: str | None, type: str) -> None:
        self.all.append(stored(len(self.all) + 1, run, type))

    def trim(self, oldest: int) -> None:
        self.oldest = max(self.oldest, min(oldest, len(self.all) + 1))

    def view(self, lag: int = 0) -> View:
        """What a reader knows; with `lag`, of a moment when the last events had not been announced."""
        return View(GENERATION, self.oldest, max(len(self.all) - lag, 0))

    def read(self, after: int, limit: int, filter: Filter, window: int) -> Page:
        upto = min(len(self.all), after + window)
        kept = [event for event in self.all[after:upto] if event.seq >= self.oldest and wants(filter, event)]
        return Page(kept[:limit], kept[limit - 1].seq if len(kept) >= limit else upto)


class Client:
    """A reader that knows the truth and complains."""

    def __init__(self, log: Log, start: str | None, filter: Filter) -> None:
        self.log, self.filter = log, filter
        self.machine = Subscription(log.view(), start, filter=filter)
        self.hello = self.machine.next(log.view())
        assert isinstance(self.hello, Hello)
        self.due: int | None = None if self.hello.cursor is None else int(self.hello.cursor.partition("-")[2])
        self.resets = 0

    def step(self, limit: int, window: int, lag: int, trim_during_read: int | None) -> str:
        step = self.machine.next(self.log.view(lag))
        if isinstance(step, Fetch):
            assert step.after == self.machine.cursor.seq
            before = step.after
            if trim_during_read is not None:
                self.log.trim(trim_during_read)
            page = self.machine.take(self.log.read(step.after, limit, step.filter, window), self.log.view(lag))
            if page is not None:
                self.check(page, before)
        elif isinstance(step, Reset):
            self.resets += 1
            self.due = step_seq(step.cursor)
            assert self.due >= self.log.oldest - 1, "the next step would be a reset again"
        elif isinstance(step, Live):
            assert step_seq(step.cursor) == self.machine.cursor.seq
        return type(step).__name__

    def check(self, page: Page, after: int) -> None:
        """Exactly the wanted events between the two positions, in order, whatever retention took meanwhile."""
        upto = self.machine.cursor.seq
        assert self.due == after, "the stream moved without handing over or resetting"
        assert [event.seq for event in page.events] == [
            event.seq for event in self.log.all[after:upto] if wants(self.filter, event)
        ]
        self.due = upto


def step_seq(cursor: str | None) -> int:
    assert cursor is not None
    return int(cursor.partition("-")[2])


filters = st.builds(
    Filter,
    st.frozensets(st.sampled_from([run for run in RUNS if run])),
    st.frozensets(st.sampled_from([*TYPES, "run.*", "command.*"])),
)
actions = st.one_of(
    st.tuples(st.just("append"), st.sampled_from(RUNS), st.sampled_from(TYPES)),
    st.tuples(st.just("burst"), st.integers(1, 30)),
    st.tuples(st.just("trim"), st.integers(0, 80)),
    st.tuples(st.just("step"), st.integers(1, 7), st.integers(1, 9), st.integers(0, 3), st.none() | st.integers(0, 80)),
    st.tuples(st.just("heartbeat")),
    st.tuples(st.just("reconnect")),
)
starts = st.sampled_from([None, "", "0", "now"]) | st.integers(0, 12).map(lambda seq: f"{GENERATION}-{seq}")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10), st.integers(0, 8), starts, filters, st.lists(actions, max_size=60))
def test_nothing_is_lost_doubled_or_reordered(
    before: int, trimmed: int, start: str | None, filter: Filter, script: list[tuple[object, ...]]
) -> None:
    log = Log()
    for number in range(before):
        log.append(RUNS[number % 4], TYPES[number % 5])
    log.trim(trimmed)
    client = Client(log, start, filter)
    for name, *arguments in script:
        play(log, client, str(name), arguments)
    # Wake-ups may have been lost all along; one look at the true tail brings the reader there.
    steps = [client.step(3, 4, 0, None) for _ in range(600)]
    assert steps[-1] == "Wait"
    assert client.machine.cursor.seq == client.due == len(log.all)
    note(f"resets: {min(client.resets, 3)}")


def play(log: Log, client: Client, name: str, arguments: list[object]) -> None:
    if name == "append":
        log.append(*arguments)  # type: ignore[arg-type]  # the script's tuples carry what the action takes
    elif name == "burst":
        for number in range(int(str(arguments[0]))):
            log.append(RUNS[number % 4], TYPES[number % 3])
    elif name == "trim":
        log.trim(int(str(arguments[0])))
    elif name == "step":
        client.step(*arguments)  # type: ignore[arg-type]  # as above
    elif name == "heartbeat":
        beat = client.machine.heartbeat(log.view())
        assert step_seq(beat.cursor) == client.machine.cursor.seq <= beat.tail
    elif client.due is not None:
        # A reader comes back with the cursor it has: the stream goes on there or says why not.
        seq, resets = client.due, client.resets
        client.__init__(log, f"{GENERATION}-{seq}", client.filter)  # type: ignore[misc]  # the same reader, anew
        client.resets = resets
        assert (client.due == seq) == (seq >= log.oldest - 1)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("nonsense", "malformed"),
        ("abcdefgh-", "malformed"),
        ("abcdefgh-01", "malformed"),
        ("abcdefgh-99999999999999999999", "malformed"),
        ("a\r\nb", "malformed"),
        ("zzzzzzzz-5", "generation"),
        ("abcdefgh-3", "trimmed"),
        ("abcdefgh-11", "ahead"),
        ("abcdefgh-9223372036854775807", "ahead"),
    ],
)
def test_a_position_that_cannot_be_served_is_a_reset(start: str, reason: str) -> None:
    view = View(GENERATION, 5, 10)
    machine = Subscription(view, start, filter=Filter(runs=frozenset({"r_aaaaaaaaaa"})))
    hello, reset, live, wait = (machine.next(view) for _ in range(4))
    assert isinstance(hello, Hello) and hello.cursor is None
    assert reset == Reset(reason, "abcdefgh-10", 10, 5, "/api/runs/r_aaaaaaaaaa")  # type: ignore[arg-type]  # a str
    assert live == Live("abcdefgh-10")
    assert wait == Wait(10)


@pytest.mark.parametrize(
    ("start", "after"), [("abcdefgh-4", 4), ("abcdefgh-10", 10), ("0", 4), ("now", 10), (None, 10)]
)
def test_where_a_stream_begins(start: str | None, after: int) -> None:
    view = View(GENERATION, 5, 10)
    machine = Subscription(view, start)
    assert machine.next(view) == Hello(f"abcdefgh-{after}", 10, 5, GENERATION, 15.0, "1")
    assert machine.cursor.seq == after


def test_a_new_life_of_the_log_is_a_reset() -> None:
    machine = Subscription(View(GENERATION, 1, 3))
    machine.next(View(GENERATION, 1, 3))
    reset = machine.next(View("ijklmnop", 1, 2))
    assert reset == Reset("generation", "ijklmnop-2", 2, 1, "/api/runs")
    assert machine.next(View("ijklmnop", 1, 2)) == Live("ijklmnop-2")


def test_live_means_all_that_there_was_at_the_start() -> None:
    """What is announced may lag behind what is durable; a stream is not live before it has caught up with both."""
    machine = Subscription(View(GENERATION, 1, 5), "0")
    machine.next(View(GENERATION, 1, 2))
    machine.take(Page([stored(1, None, "run.log"), stored(2, None, "run.log")], 2), View(GENERATION, 1, 2))
    assert machine.next(View(GENERATION, 1, 2)) == Wait(2)
    assert isinstance(machine.next(View(GENERATION, 1, 5)), Fetch)
    machine.take(Page([], 5), View(GENERATION, 1, 5))
    assert machine.next(View(GENERATION, 1, 5)) == Live("abcdefgh-5")


def test_a_page_of_another_position_is_refused() -> None:
    view = View(GENERATION, 1, 9)
    machine = Subscription(view, "abcdefgh-5")
    for page in (Page([stored(5, None, "run.log")], 9), Page([], 4)):
        with pytest.raises(ValueError, match="does not follow"):
            machine.take(page, view)


def test_heartbeats_carry_a_filtered_cursor_on() -> None:
    view = View(GENERATION, 1, 9)
    machine = Subscription(view, "abcdefgh-5", filter=Filter(types=frozenset({"run.log"})))
    machine.take(Page([], 9), view)
    assert machine.heartbeat(view) == Heartbeat("abcdefgh-9", 9)
    machine.skip(20)
    assert machine.heartbeat(view) == Heartbeat("abcdefgh-20", 20)
    machine.skip(7)
    assert machine.cursor.seq == 20


def test_a_type_filter_is_exact_or_a_prefix() -> None:
    prefix = Filter(types=frozenset({"run.*"}))
    assert wants(prefix, stored(1, None, "run.log"))
    assert not wants(prefix, stored(1, None, "run"))
    assert not wants(prefix, stored(1, None, "runaway"))
    assert not wants(Filter(types=frozenset({"run.log"})), stored(1, None, "run.log2"))
    assert not wants(Filter(runs=frozenset({"r_aaaaaaaaaa"})), stored(1, None, "run.log"))
