"""The checker sees each thing that can go wrong. A checker that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from faults.checker import (
    Applied,
    Envelope,
    History,
    Published,
    Read,
    Told,
    envelope,
    line_of,
    metrics_of,
    verdict,
)

ALPHA, BETA = "r_aaaaaaaaaa", "r_bbbbbbbbbb"
OLD, NEW = "oldoldol", "newnewne"


def good() -> History:
    """Two publishers, nine events, and readers from different positions, one of them with a filter."""
    alpha = Published("alpha", ALPHA, attempted=8, acknowledged=6)
    beta = Published("beta", BETA, attempted=2, acknowledged=2)
    events: list[tuple[str, str, dict[str, Any]]] = [
        (ALPHA, "run.created", {"name": "alpha"}),
        (BETA, "run.created", {"name": "beta"}),
        (ALPHA, "run.status", {"state": "running"}),
        (ALPHA, "run.log", {"lines": [line_of(alpha, 1), line_of(alpha, 2)]}),
        (BETA, "run.metrics", metrics_of(beta, [1, 2])),
        (ALPHA, "run.metrics", metrics_of(alpha, [3])),
        (ALPHA, "run.log", {"lines": [line_of(alpha, 4)]}),
        (ALPHA, "run.lease", {"held": False, "last_seen": 1.0}),
        (ALPHA, "run.log", {"lines": [line_of(alpha, n) for n in (5, 6, 7)]}),
    ]
    log = [
        msgspec.json.encode(Envelope(seq, run, type, "2026-11-20T10:05:05.123456Z", data))
        for seq, (run, type, data) in enumerate(events, 1)
    ]
    return History({NEW: log}, len(log), [alpha, beta], [_reader(log, 0), _reader(log, 4), _reader(log, 0, "run.log")])


def _reader(log: list[bytes], start: int, *types: str) -> Read:
    entries: list[Applied | Told] = [
        Applied(NEW, seq, raw, "sse")
        for seq, raw in enumerate(log[start:], start + 1)
        if not types or envelope(raw).type in types
    ]
    return Read(f"reader from {start}", NEW, start, frozenset(types), entries)


def test_nothing_is_said_of_a_good_history() -> None:
    assert verdict(good()) == []


def edit(history: History, seq: int, change: Callable[[Envelope], Envelope]) -> None:
    """Change an event of the log and what all readers took of it."""
    log = history.logs[NEW]
    log[seq - 1] = msgspec.json.encode(change(envelope(log[seq - 1])))
    for read in history.reads:
        read.entries = [
            msgspec.structs.replace(entry, raw=log[seq - 1])
            if entry.seq == seq and isinstance(entry, Applied)
            else entry
            for entry in read.entries
        ]


def _renumber(history: History, order: list[int]) -> None:
    """Make the log of the events of these old seqs, with new seqs that rise, and let all readers see just that."""
    old = [envelope(raw) for raw in history.logs[NEW]]
    log = [msgspec.json.encode(msgspec.structs.replace(old[at - 1], seq=seq)) for seq, at in enumerate(order, 1)]
    history.logs, history.tail, history.reads = {NEW: log}, len(log), [_reader(log, 0)]


def _with(**changes: Any) -> Callable[[Envelope], Envelope]:
    return lambda event: msgspec.structs.replace(event, **changes)


def _text(text: str) -> Callable[[Envelope], Envelope]:
    return lambda event: msgspec.structs.replace(event, data={"lines": [{**event.data["lines"][0], "text": text}]})


def _value(event: Envelope) -> Envelope:
    return msgspec.structs.replace(event, data=event.data | {"values": {"value": [1.5]}})


@pytest.mark.parametrize(
    ("corrupt", "says"),
    [
        (lambda history: _renumber(history, [1, 2, 3, 4, 6, 7, 8, 9]), "row of beta 1 is lost"),
        (lambda history: _renumber(history, [1, 2, 3, 4, 5, 6, 8, 9]), "row of alpha 4 is lost"),
        (lambda history: _renumber(history, [1, 2, 3, 4, 5, 6, 7]), "row of alpha 6 is lost"),
        (lambda history: _renumber(history, [1, 2, 3, 4, 5, 6, 6, 7, 8, 9]), "row of alpha 3 is doubled"),
        (lambda history: _renumber(history, [1, 2, 3, 4, 5, 7, 6, 8, 9]), "row of alpha 3 is out of order"),
        (lambda history: edit(history, 7, _text("alpha 4 something else")), "event 7 is altered"),
        (lambda history: edit(history, 7, _text("nonsense")), "event 7 is altered"),
        (lambda history: edit(history, 6, _value), "event 6 is altered"),
        (lambda history: setattr(history.published[0], "attempted", 6), "row of alpha 7 is invented"),
        (lambda history: edit(history, 3, _with(type="run.result")), "not appended"),
        (lambda history: edit(history, 3, _with(run="r_c")), "not appended"),
        (lambda history: edit(history, 9, _with(seq=10)), "event 9 is lost"),
        (lambda history: setattr(history, "tail", 10), "its tail was 10, and now it is 9"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_log_is_said(corrupt: Callable[[History], None], says: str) -> None:
    history = good()
    corrupt(history)
    assert any(problem.startswith("log: ") and says in problem for problem in verdict(history)), verdict(history)


def _swap(entries: list[Any], one: int, other: int) -> None:
    entries[one], entries[other] = entries[other], entries[one]


def _replace(entries: list[Any], at: int, **changes: Any) -> None:
    entries[at] = msgspec.structs.replace(entries[at], **changes)


@pytest.mark.parametrize(
    ("corrupt", "says"),
    [
        (lambda entries: entries.pop(2), "event 3 is lost"),
        (lambda entries: entries.pop(), "event 9 is lost"),
        (lambda entries: entries.clear(), "event 1 is lost"),
        (lambda entries: entries.insert(3, entries[2]), "event 3 is doubled"),
        (lambda entries: _swap(entries, 2, 3), "event 3 is out of order"),
        (lambda entries: entries.append(Applied(NEW, 12, b"{}", "sse")), "event 12 is invented"),
        (lambda entries: _replace(entries, 2, raw=entries[2].raw + b" "), "event 3 is altered"),
        (lambda entries: _replace(entries, 2, generation=OLD), f"of generation {OLD}"),
        (lambda entries: entries.append(Told("generation", NEW, 9)), "without need"),
        (lambda entries: entries.append(Told("generation", OLD, 9)), f"still is in generation {OLD}"),
    ],
)  # fmt: skip
def test_what_a_reader_took_wrongly_is_said(corrupt: Callable[[list[Any]], None], says: str) -> None:
    history = good()
    corrupt(history.reads[0].entries)
    assert any(problem.startswith("reader from 0: ") and says in problem for problem in verdict(history)), verdict(
        history
    )


def test_a_filter_explains_a_gap_and_nothing_else() -> None:
    history = good()
    history.reads[2].entries.pop(1)
    assert verdict(history) == ["reader from 0: event 7 is lost"]
    history.reads[2].entries.insert(1, history.reads[0].entries[5])
    assert "reader from 0: event 6 is invented" in verdict(history)


def test_two_that_disagree_are_named() -> None:
    history = good()
    _replace(history.reads[1].entries, 0, raw=b'{"seq":5}')
    assert "reader from 0 and reader from 4 disagree on event 5" in verdict(history)


def test_a_reset_that_was_due_leaves_out_what_lies_between() -> None:
    history = good()
    log = history.logs[NEW]
    before = [msgspec.json.encode(Envelope(seq, None, "old", "t", {})) for seq in (1, 2, 3)]
    history.logs = {OLD: before, NEW: log}
    old = [Applied(OLD, seq, raw, "sse") for seq, raw in enumerate(before[:2], 1)]
    new = [Applied(NEW, seq, raw, "sse") for seq, raw in enumerate(log[4:], 5)]
    history.reads = [Read("reader", OLD, 0, entries=[*old, Told("generation", NEW, 4), *new])]
    history.resets = frozenset({"generation"})
    assert verdict(history) == []
    history.reads[0].entries.pop(0)
    assert verdict(history) == ["reader: event 1 is lost"]


def test_what_a_reader_found_strange_is_passed_on() -> None:
    history = good()
    history.reads[0].strange.append("an event without id")
    assert verdict(history) == ["reader from 0: an event without id"]
