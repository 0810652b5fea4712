"""How the log is read through everything that can happen, against a scripted server without a socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsetrain.model.errors import PulsetrainError
from pulsetrain.model.events import Event
from pulsetrain.model.runs import Run
from pulsetrain.sdk.answers import Interrupted, Lost, News, Page, Refused, Snapshot, Unreachable
from pulsetrain.sdk.plan import Ask, HangUp, Listen, Pause, Plan, Read, Say
from pulsetrain.sdk.reader import FOR_GOOD, Pace, Reader, follow

GENERATION = "aaaaaaaa"
TIME = "2026-11-20T10:05:05.123456Z"
LENGTH = 30
"""Events in the log of the scripted server."""


def cursor(seq: int) -> str:
    return f"{GENERATION}-{seq}"


def event(seq: int) -> Event:
    return Event(seq, None, "test.event", TIME, {"n": seq})


@dataclass
class Way:
    """How one connection fares."""

    kind: str = "whole"
    """`whole`; `cut` after so many bytes; `silent`; `refused` (503); `away` (nobody listens); `bye`."""
    bytes: int = 0


@dataclass
class Server:
    """Serves a log of LENGTH events; each connection fares as `ways` say, and after these all goes well."""

    ways: list[Way] = field(default_factory=list)
    page_ways: list[Way] | None = None
    """How pages fare; like streams where None."""
    time: float = 0.0
    done: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    pieces: list[Any] = field(default_factory=list)

    def run(self, plan: Plan[News], until: Callable[[list[News]], bool]) -> list[News]:
        """Carry out `plan` until `until` holds of what it said."""
        said: list[News] = []
        step = next(plan)
        for _ in range(100_000):
            if isinstance(step, Say):
                said.append(step.item)
                if until(said):
                    return said
                step = next(plan)
                continue
            try:
                answer = self._do(step)
            except PulsetrainError as problem:
                step = plan.throw(problem)
            else:
                step = plan.send(answer)
        raise AssertionError("It goes round in circles.")

    def _do(self, step: Any) -> Any:
        match step:
            case Pause(seconds):
                self.pauses.append(seconds)
                self.time += seconds
                return None
            case Listen(call):
                self.done.append("stream")
                return self._open(call.headers["Last-Event-ID"])
            case Ask(call):
                self.done.append("page")
                self.asked.append(dict(call.query))
                return self._page(call.query["cursor"])
            case Read():
                piece = self.pieces.pop(0) if self.pieces else None
                if isinstance(piece, Exception):
                    raise piece
                return piece
            case HangUp():
                self.pieces = []
        return None

    def _way(self, ways: list[Way]) -> Way:
        way = ways.pop(0) if ways else Way()
        if way.kind == "away":
            raise Unreachable("nobody")
        if way.kind == "refused":
            raise Refused(503, "closing", "closing", retry_seconds=2.0)
        return way

    def _open(self, start: str) -> None:
        way = self._way(self.ways)
        if way.kind == "silent":
            self.pieces = [Interrupted("silence")]
            return
        if way.kind == "bye":
            self.pieces = [b'event: bye\ndata: {"reason":"restart","retry_seconds":3.0}\n\n']
            return
        body = stream_from(0 if start == "0" else int(start.partition("-")[2]))
        if way.kind == "cut":
            self.pieces = [body[: way.bytes][at : at + 7] for at in range(0, min(way.bytes, len(body)), 7)]
            self.pieces.append(Interrupted("cut"))
        else:
            self.pieces = [body, None]

    def _page(self, start: str) -> Page:
        way = self._way(self.ways if self.page_ways is None else self.page_ways)
        if way.kind in ("cut", "silent"):
            raise Interrupted("cut")
        seq = 0 if start == "0" else int(start.partition("-")[2])
        events = [event(n) for n in range(seq + 1, min(seq + 4, LENGTH) + 1)]
        end = seq + len(events)
        self.time += 1.0
        return Page(cursor(end), GENERATION, events, live=end == LENGTH)


def stream_from(seq: int) -> bytes:
    """What the server streams to who has read up to `seq`: a replay, `live` and a heartbeat."""

    def control(name: str, at: int) -> bytes:
        data = {"cursor": cursor(at), "tail": LENGTH, "heartbeat_seconds": 5.0}
        return b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), cursor(at).encode(), msgspec.json.encode(data))

    events = [
        b"id: %b\ndata: %b\n\n" % (cursor(n).encode(), msgspec.json.encode(event(n)))
        for n in range(seq + 1, LENGTH + 1)
    ]
    return b"".join([control("hello", seq), *events, control("live", LENGTH), control("heartbeat", LENGTH)])


def reader(server: Server, start: str = "0", **how: Any) -> Reader:
    return Reader(start, clock=lambda: server.time, chance=lambda: 0.5, **how)


def all_seen(said: list[News]) -> bool:
    return any(news.event is not None and news.event.seq == LENGTH for news in said)


def cut(plan: Plan[News]) -> Any:
    """The step after that with which `plan` hangs up on a connection that was cut."""
    assert isinstance(plan.throw(Interrupted("cut")), HangUp)
    return next(plan)


ways = st.builds(
    Way, st.sampled_from(["whole", "cut", "silent", "refused", "away", "bye"]), st.integers(0, len(stream_from(0)))
)


@given(st.lists(ways, max_size=30), st.integers(0, LENGTH - 1))
@settings(max_examples=300, deadline=None)
def test_every_event_comes_once_and_in_order_whatever_happens_to_connections(fates: list[Way], start: int) -> None:
    server = Server(fates)
    plan = reader(server, cursor(start), patient=True).plan()
    said = server.run(plan, lambda said: all_seen(said) and not server.ways)
    assert [news.event.seq for news in said if news.event is not None] == list(range(start + 1, LENGTH + 1))
    assert all(0 < pause <= 30 for pause in server.pauses)


@given(st.lists(ways, max_size=12))
@settings(max_examples=200, deadline=None)
def test_who_stops_anywhere_and_begins_again_from_there_misses_nothing_and_sees_nothing_twice(fates: list[Way]) -> None:
    said = Server(list(fates)).run(reader(Server(), patient=True).plan(), all_seen)
    for count, news in enumerate(said[:-1], 1):
        before = [one.event.seq for one in said[:count] if one.event is not None]
        rest = Server().run(reader(Server(), news.cursor, patient=True).plan(), all_seen)
        after = [one.event.seq for one in rest if one.event is not None]
        assert before + after == list(range(1, LENGTH + 1)), news


def test_after_five_streams_in_vain_it_asks_for_pages_and_says_what_comes() -> None:
    server = Server([Way("silent")] * 1000, page_ways=[])
    said = server.run(reader(server).plan(), all_seen)
    assert server.done[:6] == ["stream"] * 5 + ["page"]
    assert [news.about for news in said if news.about != "event"] == ["offline"] * 4 + ["online"]
    assert [news.event.seq for news in said if news.event is not None] == list(range(1, LENGTH + 1))
    assert {asked["wait"] for asked in server.asked} == {0}, "what is already there is not waited for"


def test_while_it_asks_for_pages_it_tries_to_stream_ever_more_rarely_and_stays_once_it_can() -> None:
    server = Server([Way("silent")] * 8, page_ways=[])
    plan = reader(server, pace=Pace(again_seconds=10.0)).plan()
    server.run(plan, lambda said: server.done[-1] == "stream" and not server.ways and said[-1].about == "live")
    between = "".join("s" if what == "stream" else "p" for what in server.done).lstrip("s").split("s")
    assert [len(pages) for pages in between] == [10, 20, 40, 80, 0], "each page takes a second here"
    assert server.asked[-1]["wait"] == 25, "caught up, it waits"
    # The stream works: the next break is one of five again.
    server.ways = [Way("silent")]
    server.run(plan, lambda said: said[-1].about == "live" and server.done[-1] == "stream" and not server.ways)
    assert server.done[-2:] == ["stream", "stream"]


def test_a_stream_that_replays_and_then_holds_back_is_a_failed_one() -> None:
    replayed = stream_from(0).index(b"id: %b" % cursor(4).encode())
    server = Server([Way("cut", replayed)] * 5, page_ways=[])
    server.run(reader(server).plan(), lambda said: "page" in server.done)
    assert server.done == ["stream"] * 5 + ["page"]


def test_where_it_goes_on_moves_without_events_too() -> None:
    """A filter lets none pass: heartbeats, and pages, say how far the reader has come all the same."""
    server = Server()
    plan = reader(server, cursor(3), pace=Pace(failures=1, again_seconds=1.0)).plan()

    def listens(step: Any) -> str:
        assert isinstance(step, Listen)
        return step.call.headers["Last-Event-ID"]

    assert listens(next(plan)) == cursor(3)
    plan.send(None)
    plan.send(b"event: heartbeat\nid: %b\ndata: {}\n\n" % cursor(8).encode())
    asked = cut(plan)
    assert isinstance(asked, Ask) and asked.call.query["cursor"] == cursor(8)
    server.time += 2.0
    assert listens(plan.send(Page(cursor(9), GENERATION, []))) == cursor(9)
    # A reset is on its way, so this hello has no id; who is cut off here asks again for what he had.
    plan.send(None)
    plan.send(b"event: hello\ndata: {}\n\n")
    asked = cut(plan)
    assert isinstance(asked, Ask) and asked.call.query["cursor"] == cursor(9)


def test_who_is_back_with_pages_says_so_though_nothing_has_happened() -> None:
    server = Server([Way("silent")] * 2, page_ways=[Way(), Way(), Way("away"), Way()])
    pace = Pace(failures=1, again_seconds=1e9, longest_again_seconds=1e9)
    plan = reader(server, cursor(LENGTH), patient=True, pace=pace).plan()
    said = server.run(plan, lambda said: [news.about for news in said].count("live") == 2)
    assert [news.about for news in said] == ["live", "offline", "online", "live"]


def test_pauses_double_up_to_thirty_seconds_and_differ_between_clients() -> None:
    def pauses(chance: float) -> list[float]:
        server = Server([Way("away")] * 12)
        plan = Reader("0", clock=lambda: 0.0, chance=lambda: chance, patient=True).plan()
        server.run(plan, all_seen)
        return server.pauses

    # From the fifth attempt on a page is asked for at once when the stream fails.
    assert pauses(1.0) == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses(0.0) == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_after_a_long_absence_of_the_server_it_streams_at_once() -> None:
    server = Server([Way("away")] * 400)
    server.run(reader(server, patient=True).plan(), all_seen)
    assert len(server.pauses) > 200 and server.done[-1] == "stream"


@pytest.mark.parametrize(("way", "seconds"), [(Way("bye"), 3.0), (Way("refused"), 2.0)])
def test_when_the_server_says_when_to_come_back_it_is_believed(way: Way, seconds: float) -> None:
    server = Server([way])
    said = server.run(reader(server).plan(), all_seen)
    assert server.pauses == [seconds * 1.25]
    assert [news.about for news in said[:2]] == ["offline", "online"]
    assert said[1].cursor in ("0", cursor(0)), "who stops at `online` has seen nothing yet"


def test_the_first_pause_is_no_shorter_than_the_server_asks_for() -> None:
    plan = reader(Server()).plan()
    next(plan)
    plan.send(None)
    plan.send(b"event: hello\nretry: 3000\ndata: {}\n\n")
    said = cut(plan)
    assert isinstance(said, Say) and said.item.retry_seconds == 3.0 * 0.75


def test_a_stream_that_says_bye_gets_through_so_it_does_not_count_as_failed() -> None:
    server = Server([Way("bye")] * 8)
    server.run(reader(server).plan(), all_seen)
    assert "page" not in server.done


@pytest.mark.parametrize("status", sorted(FOR_GOOD))
@pytest.mark.parametrize("patient", [True, False])
def test_a_final_answer_is_raised(status: int, patient: bool) -> None:
    plan = reader(Server(), patient=patient).plan()
    assert isinstance(next(plan), Listen)
    with pytest.raises(Refused):
        plan.throw(Refused(status, "x", "no"))


def test_nobody_there_is_raised_at_first_and_waited_for_later() -> None:
    with pytest.raises(Unreachable):
        Server([Way("away")]).run(reader(Server()).plan(), all_seen)
    for fates in ([Way("refused"), Way("away")], [Way("cut", 500), Way("away")], [Way("cut"), Way("silent")]):
        server = Server(fates)
        assert all_seen(server.run(reader(server).plan(), all_seen))


def test_silence_is_told_by_the_heartbeat_that_the_server_names() -> None:
    server = Server([Way("cut", len(stream_from(0)))])
    plan = reader(server).plan()
    first = next(plan)
    assert isinstance(first, Listen) and first.silence_seconds == 45.0
    server._do(first)
    server.run(_after(plan), lambda said: said[-1].about == "offline")
    step = next(plan)
    assert isinstance(step, Pause)
    second = plan.send(None)
    assert isinstance(second, Listen) and second.silence_seconds == 15.0


def _after(plan: Plan[News]) -> Plan[News]:
    """`plan` from its next step on, its first having been done."""
    step = plan.send(None)
    while True:
        try:
            answer = yield step
        except PulsetrainError as problem:
            step = plan.throw(problem)
        else:
            step = plan.send(answer)


def test_a_page_that_resets_says_so_and_goes_on_from_the_tail() -> None:
    plan = Reader("bbbbbbbb-9", pace=Pace(failures=0), clock=lambda: -1.0).plan()
    asked = next(plan)
    assert isinstance(asked, Ask) and asked.call.query["cursor"] == "bbbbbbbb-9"
    said = plan.send(Page(cursor(7), GENERATION, [], live=True, reset=Lost("generation", cursor(7))))
    assert said == Say(News(cursor(7), about="reset", detail="generation"))
    assert next(plan) == Say(News(cursor(7), about="live"))
    again = next(plan)
    assert isinstance(again, Ask) and again.call.query["cursor"] == cursor(7)


def test_what_is_not_understood_is_a_break_and_no_crash() -> None:
    for nonsense in (b"data: {\n\n", b"event: hello\ndata: []\n\n", b"data: {}\n\n"):
        plan = reader(Server(), patient=True).plan()
        assert isinstance(next(plan), Listen)
        assert isinstance(plan.send(None), Read)
        step = plan.send(nonsense)
        assert isinstance(step, HangUp)
        step = next(plan)
        assert isinstance(step, Say) and step.item.about == "offline"
        assert "not understood" in step.item.detail


def test_a_followed_run_ends_with_its_end_and_is_taken_anew_after_a_reset() -> None:
    def run(last_seq: int = 5, log_lines: int = 0) -> Run:
        return Run("r_aaaaaaaaaa", "x", TIME, TIME, 1, last_seq, state="running", log_lines=log_lines)

    plan = follow("r_aaaaaaaaaa")
    assert isinstance(next(plan), Ask)
    step = plan.send(Snapshot(cursor(5), run()))
    assert isinstance(step, Say) and step.item[1].about == "live"
    assert isinstance(next(plan), Listen)
    assert isinstance(plan.send(None), Read)
    reset = b'event: reset\nid: %b\ndata: {"reason":"trimmed"}\n\n' % cursor(9).encode()
    assert isinstance(plan.send(reset), Ask)
    assert isinstance(plan.throw(Unreachable("away")), Pause)
    assert isinstance(plan.send(None), Ask)
    step = plan.send(Snapshot(cursor(12), run(last_seq=12, log_lines=3)))
    assert isinstance(step, Say) and step.item[0].log_lines == 3
    old = Event(11, "r_aaaaaaaaaa", "run.log", TIME, {"lines": [{"text": "in the snapshot already"}]})
    end = Event(13, "r_aaaaaaaaaa", "run.status", TIME, {"state": "succeeded"})
    assert isinstance(next(plan), Read)
    frames = [b"id: %b\ndata: %b\n\n" % (cursor(one.seq).encode(), msgspec.json.encode(one)) for one in (old, end)]
    step = plan.send(b"".join(frames))
    assert isinstance(step, Say) and step.item[0].log_lines == 3
    step = next(plan)
    assert isinstance(step, Say) and step.item[0].state == "succeeded"
    with pytest.raises(StopIteration):
        next(plan)
