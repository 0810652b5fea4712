"""Proves what a stream promises, from what was sent, what the store holds and what each reader applied. No I/O.

`verdict(history)` is empty where all of this holds, and else says what does not:

- nothing that was acknowledged is lost, nothing is in the log that was not sent, no row is doubled, late or altered;
- each reader, from its cursor on, applied exactly the log: contiguous, strictly rising, byte for byte, up to the tail;
- all readers agree with each other on every position;
- a reader was told to begin anew only where that was due.

A replay is a reader like any other that starts at an older cursor.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

_ALPHABET = 'abc 0{}[]",:\\/\r\n\0\t\u2028\u2029\ufeffé漢😀'
"""What has broken a frame, a decoder or a line somewhere before."""


class Published(msgspec.Struct):
    """What one publisher knows of its own rows."""

    name: str
    run: str
    size: int = 40
    """The most characters of a row beside its name and number."""
    attempted: int = 0
    """The newest row that was ever sent, whether or not an answer came."""
    acknowledged: int = 0
    """The newest row whose acknowledgement arrived."""


class Applied(msgspec.Struct, frozen=True):
    """One event as a reader took it."""

    generation: str
    seq: int
    raw: bytes
    """The envelope as it came; as JSON, where it came as MessagePack."""
    transport: str


class Told(msgspec.Struct, frozen=True):
    """A reader was told to begin anew after `generation`-`seq`."""

    reason: str
    generation: str
    seq: int


class Read(msgspec.Struct):
    """All that one reader applied, in its order."""

    name: str
    generation: str
    seq: int
    """Where it began: the events above are its own."""
    types: frozenset[str] = frozenset()
    """The types that it asked for; none means all."""
    entries: list[Applied | Told] = []
    strange: list[str] = []
    """What it met that the protocol does not allow."""


class History(msgspec.Struct):
    """What there is to judge."""

    logs: dict[str, list[bytes]]
    """The envelopes of each generation, from seq 1 on; the newest generation is the last."""
    tail: int
    """Up to here each reader must have come, in the newest generation."""
    published: list[Published]
    reads: list[Read]
    resets: frozenset[str] = frozenset()
    """The reasons for which a reader may have been told to begin anew."""


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seq: int
    run: str | None
    type: str
    time: str
    data: dict[str, Any]


envelope = msgspec.json.Decoder(Envelope).decode


def text_of(published: Published, n: int) -> str:
    """The text of a publisher's row `n`; nobody else can come to write it."""
    chance = random.Random(f"{published.name} {n}")
    length = chance.randint(0, published.size)
    pattern = "".join(chance.choices(_ALPHABET, k=min(length, 97)))
    return f"{published.name} {n} " + (pattern * (length // 97 + 1))[:length]


def value_of(published: Published, n: int) -> float:
    """The value of a publisher's row `n` that is a metric."""
    return random.Random(f"{published.name} {n}").uniform(-1e6, 1e6)


def verdict(history: History) -> list[str]:
    """What does not hold; nothing, if all does."""
    newest = list(history.logs)[-1]
    problems = [*_log(history.logs[newest], history.published)]
    if len(history.logs[newest]) < history.tail:
        problems.append(f"log: its tail was {history.tail}, and now it is {len(history.logs[newest])}")
    for read in history.reads:
        problems += [f"{read.name}: {strange}" for strange in read.strange]
        problems += [f"{read.name}: {problem}" for problem in _read(read, history, newest)]
    return [*problems, *_disagreements(history.reads)]


def _log(log: Sequence[bytes], published: Iterable[Published]) -> Iterator[str]:
    """Whether the store holds what was sent."""
    events = [envelope(raw) for raw in log]
    yield from _differences("log: event", range(1, len(events) + 1), [event.seq for event in events])
    publishers = {one.run: one for one in published}
    rows: dict[str, list[int]] = {run: [] for run in publishers}
    for event in events:
        publisher = publishers.get(event.run or "")
        if publisher is None or event.type not in ("run.log", "run.metrics"):
            if not (publisher is not None and event.type in ("run.created", "run.status", "run.lease")):
                yield f"log: event {event.seq} ({event.type} of {event.run}) was not appended by anyone"
            continue
        numbers, whole = _rows(event, publisher)
        rows[publisher.run] += numbers
        if not whole:
            yield f"log: event {event.seq} is altered: not the rows of {publisher.name} that were sent"
    for publisher in publishers.values():
        numbers = rows[publisher.run]
        # What was sent in vain may be in the log or not; what is there stands without a hole.
        upto = max(publisher.acknowledged, min(publisher.attempted, max(numbers, default=0)))
        yield from _differences(f"log: row of {publisher.name}", range(1, upto + 1), numbers)


def _rows(event: Envelope, publisher: Published) -> tuple[list[int], bool]:
    """The numbers of an event's rows, and whether each row is as it was sent."""
    data = event.data
    try:
        if event.type == "run.metrics":
            numbers = [int(step) for step in data["step"]]
            return numbers, data == metrics_of(publisher, numbers)
        numbers = [int(line["text"].split(" ")[1]) for line in data["lines"]]
        return numbers, data == {"lines": [line_of(publisher, n) for n in numbers]}
    except (KeyError, IndexError, ValueError, TypeError):
        return [], False


def metrics_of(publisher: Published, numbers: Sequence[int]) -> dict[str, Any]:
    """The data of an event with these rows as metrics."""
    values = {"value": [value_of(publisher, n) for n in numbers]}
    return {"step": list(numbers), "time": [float(n) for n in numbers], "values": values}


def line_of(publisher: Published, n: int) -> dict[str, Any]:
    """A row as a line of the log."""
    return {"stream": "stdout", "text": text_of(publisher, n), "time": float(n), "level": None}


def _read(read: Read, history: History, newest: str) -> Iterator[str]:
    """Whether a reader applied the log from its start on, stretch by stretch between the resets."""
    generation, after = read.generation, read.seq
    taken: list[Applied] = []
    for entry in read.entries:
        if isinstance(entry, Applied):
            taken.append(entry)
            continue
        if entry.reason not in history.resets:
            yield f"was told to begin anew, without need: {entry.reason}"
        yield from _stretch(read, history, generation, after, taken, whole=False)
        generation, after, taken = entry.generation, entry.seq, []
    yield from _stretch(read, history, generation, after, taken, whole=True)
    if generation != newest:
        yield f"still is in generation {generation}; the log is in {newest}"


def _stretch(
    read: Read, history: History, generation: str, after: int, taken: Sequence[Applied], *, whole: bool
) -> Iterator[str]:
    """Whether `taken` is what the log has above `after`: up to the tail, or at least without a hole."""
    for entry in taken:
        if entry.generation != generation:
            yield f"event {entry.seq} came as one of generation {entry.generation} in {generation}"
    log = history.logs.get(generation, [])
    last = max((entry.seq for entry in taken), default=after)
    upto = max(last, history.tail) if whole else last
    wanted = {
        seq: raw
        for seq, raw in enumerate(log[after:upto], after + 1)
        if not read.types or envelope(raw).type in read.types
    }
    yield from _differences("event", list(wanted), [entry.seq for entry in taken])
    for entry in taken:
        if entry.seq in wanted and entry.raw != wanted[entry.seq]:
            yield f"event {entry.seq} is altered (over {entry.transport}): {entry.raw!r}"


def _disagreements(reads: Iterable[Read]) -> Iterator[str]:
    """Whether two readers saw different bytes at one position."""
    seen: dict[tuple[str, int], tuple[str, bytes]] = {}
    for read in reads:
        for entry in read.entries:
            if isinstance(entry, Applied):
                who, raw = seen.setdefault((entry.generation, entry.seq), (read.name, entry.raw))
                if raw != entry.raw:
                    yield f"{who} and {read.name} disagree on event {entry.seq}"


def _differences(what: str, expected: Sequence[Hashable], actual: Sequence[Hashable]) -> Iterator[str]:
    """What of `expected` is lost, invented, doubled or out of order in `actual`."""
    times, known = Counter(actual), set(expected)
    for one in expected:
        if one not in times:
            yield f"{what} {one} is lost"
    for one, count in times.items():
        if one not in known:
            yield f"{what} {one} is invented"
        elif count > 1:
            yield f"{what} {one} is doubled"
    order = {one: place for place, one in enumerate(expected)}
    places = [order[one] for one in actual if one in order]
    for before, place in itertools.pairwise(places):
        if place < before:
            yield f"{what} {expected[place]} is out of order: it came after {expected[before]}"
