"""What a reader sees of the log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Filter(msgspec.Struct, frozen=True):
    """Which events a reader wants: any of `runs` and any of `types`; empty means all. A type may end in `.*`."""

    runs: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()


class Stored(msgspec.Struct, frozen=True):
    """An event as readers get it: what filters look at, and the JSON envelope, encoded once."""

    seq: int
    run: str | None
    type: str
    body: bytes


class Page(msgspec.Struct, frozen=True):
    """Some events after a position. `upto` is the seq that the reader has seen after it: at least the last event's."""

    events: Sequence[Stored]
    upto: int


class View(msgspec.Struct, frozen=True):
    """What of the log can be read now: seqs `oldest … tail` of `generation`."""

    generation: str
    oldest: int
    tail: int
