"""What the server counts of its own work. Plain numbers on the hot path; `http/metrics.py` gives them their names."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds."""


class Lane:
    """One transport's share: `sse`, `websocket` or `poll`."""

    __slots__ = ("bytes", "connections", "events")

    def __init__(self) -> None:
        self.connections = 0
        """Open now."""
        self.events = 0
        """Events written, once for each reader."""
        self.bytes = 0


class Histogram:
    """Seconds in buckets, as Prometheus has them."""

    def __init__(self, bounds: tuple[float, ...] = LATENCY_BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += times
        self.sum += seconds * times


class Meter:
    """The counters of one server process. They begin at zero with it."""

    def __init__(self) -> None:
        self.lanes = {"sse": Lane(), "websocket": Lane(), "poll": Lane()}
        self.delivery = Histogram()
        """From the commit of the oldest event of a page to its write to the socket of a reader at the tail."""
        self.resumes: Counter[str] = Counter()
        """Streams that began at a cursor: `served`, or the reason of their reset."""
        self.resets: Counter[str] = Counter()
        """Resets that readers were told of, by reason."""
        self.store_reads = 0
        """Pages that were read from the store because memory did not hold them."""
        self.ring_misses = 0
        """Pages that a reader asked for and that memory did not hold."""
        self.skipped = 0
        """Events left out for readers who asked for the latest alone."""
        self.stalled = 0
        """Readers given up because they took nothing."""
