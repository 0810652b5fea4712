"""Coalescing for panels that show the newest value (PROTOCOL §3.1, `latest=`): opt-in, and said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pulsetrain.model.log import Stored

COALESCED = frozenset({"run.metrics", "run.progress", "run.system", "system.metrics"})

_Key = tuple[str | None, str, frozenset[str]]


class _Columns(msgspec.Struct):
    values: dict[str, msgspec.Raw] = {}


class _Metrics(msgspec.Struct):
    data: _Columns


_names = msgspec.json.Decoder(_Metrics).decode


class Latest:
    """Holds events back, and of those that newer ones replace keeps the newest alone."""

    def __init__(self) -> None:
        self._kept: dict[int, Stored] = {}
        self._newest: dict[_Key, int] = {}
        self._skipped = 0
        self.size = 0
        """Bytes that are held."""

    def add(self, events: Sequence[Stored]) -> None:
        """Take `events`, which follow those that were added before."""
        for event in events:
            if event.type in COALESCED:
                key = _key(event)
                old = self._newest.get(key)
                if old is not None:
                    self.size -= len(self._kept.pop(old).body)
                    self._skipped += 1
                self._newest[key] = event.seq
            self._kept[event.seq] = event
            self.size += len(event.body)

    def take(self) -> tuple[list[Stored], int]:
        """What is held, in order, and how many events were left out since the last time."""
        # Replacing removes and adds at the end, so the order of insertion is the order of seq.
        events, skipped = list(self._kept.values()), self._skipped
        self._kept, self._newest, self._skipped, self.size = {}, {}, 0, 0
        return events, skipped

    def __bool__(self) -> bool:
        return bool(self._kept)


def _key(event: Stored) -> _Key:
    """Events with the same key replace each other: for each metric the newest event that has it is always kept."""
    names: Any = _names(event.body).data.values if event.type == "run.metrics" else ()
    return event.run, event.type, frozenset(names)
