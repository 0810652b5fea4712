"""A synthetic multi-level order book: sample data with a structure that a model can find.

`python -m pulsetrain.core.orderbook FILE ROWS SEED` writes one, so that the server itself needs no numpy for it.
"""

from __future__ import annotations

import csv
import math
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

LEVELS = 5
START = datetime(2026, 1, 5)
DAY_SECONDS = 86_400.0
_DAY_YEARS = 1 / 252


class Instrument(msgspec.Struct, frozen=True):
    """A bond of the US Treasury; prices per 100 of face value, sizes in millions of it."""

    symbol: str
    price: float
    duration: float
    """Years: how many percent the price falls when the yield rises by one."""
    tick: float
    spread_ticks: float
    """Mean distance of bid and ask."""
    size: float
    """Median size of the best level."""


INSTRUMENTS = [
    Instrument("2Y_ON", 99.9, 1.9, 1 / 256, 1.1, 120.0),
    Instrument("2Y_OFF", 99.4, 1.6, 1 / 256, 3.2, 30.0),
    Instrument("5Y_ON", 100.2, 4.5, 1 / 128, 1.1, 80.0),
    Instrument("5Y_OFF", 99.1, 4.2, 1 / 128, 2.8, 20.0),
    Instrument("10Y_ON", 100.5, 8.2, 1 / 64, 1.1, 60.0),
    Instrument("10Y_OFF", 98.6, 7.8, 1 / 64, 2.4, 14.0),
    Instrument("30Y_ON", 101.1, 17.0, 1 / 32, 1.2, 15.0),
    Instrument("30Y_OFF", 96.8, 16.2, 1 / 32, 2.2, 4.0),
]
"""The newest issue of each maturity (on the run) and an older one (off the run), which trades less and wider."""

# Yields in percent: one level moves all of them, one slope moves short against long, and each has its own noise.
_YEARLY_YIELD_VOLATILITY = {"level": 0.95, "slope": 0.35, "own": 0.06}
_REVERSION_HOURS = {"level": 8.0, "slope": 5.0, "own": 0.75}

Array = NDArray[np.float64]


def columns() -> list[str]:
    """The header: time, symbol, mid, spread, then price and size of each level, best first."""
    levels = [
        f"{side}_{figure}_{level}"
        for level in range(1, LEVELS + 1)
        for side in ("bid", "ask")
        for figure in ("price", "size")
    ]
    return ["timestamp", "symbol", "mid_price", "spread", *levels]


def order_book(rows: int, seed: int) -> list[list[str | float | int]]:
    """`rows` snapshots over 24 hours, in the order of time, of the eight instruments in turn.

    The mid price is a mean-reverting (Ornstein-Uhlenbeck) walk of yields times duration, exact for any time step.
    Quotes lie on ticks; spreads widen and sizes shrink outside of the busy hours. The same seed gives the same rows.
    """
    random = np.random.default_rng(seed)
    steps = math.ceil(rows / len(INSTRUMENTS))
    hours: Array = np.arange(steps, dtype=np.float64) * (24.0 / steps)
    busy = _activity(hours)
    level, slope = (_walk(random, steps, kind) for kind in ("level", "slope"))
    books = [_quotes(random, instrument, level, slope, busy) for instrument in INSTRUMENTS]
    table: list[list[str | float | int]] = []
    for step in range(steps):
        time = START + timedelta(milliseconds=round(step * 1000 * DAY_SECONDS / steps))
        stamp = time.isoformat(sep=" ", timespec="milliseconds")
        table += [[stamp, instrument.symbol, *book[step]] for instrument, book in zip(INSTRUMENTS, books, strict=True)]
    return table[:rows]


def _activity(hours: Array) -> Array:
    """Trading through the day, 0 to 1: quiet at night, busy when Europe opens and more so in New York."""
    peaks = ((3.5, 2.0, 0.35), (9.0, 1.8, 1.0), (14.5, 1.5, 0.7))
    return 0.08 + 0.92 * np.clip(sum(top * np.exp(-(((hours - at) / width) ** 2)) for at, width, top in peaks), 0, 1)


def _walk(random: np.random.Generator, steps: int, kind: str) -> Array:
    """A mean-reverting walk around 0, in percent of yield, drawn from its own stationary law."""
    kept = math.exp(-(24.0 / steps) / _REVERSION_HOURS[kind])
    # Of the variance of a day, the share that reversion leaves: σ² / 2θ.
    daily = _YEARLY_YIELD_VOLATILITY[kind] * math.sqrt(_DAY_YEARS)
    spread = daily * math.sqrt(_REVERSION_HOURS[kind] / 48.0)
    shocks = random.normal(size=steps) * spread * math.sqrt(1 - kept**2)
    walk = np.empty(steps)
    value = random.normal() * spread
    for step, shock in enumerate(shocks):
        value = kept * value + shock
        walk[step] = value
    return walk


def _quotes(
    random: np.random.Generator, instrument: Instrument, level: Array, slope: Array, busy: Array
) -> list[list[float | int]]:
    """Mid, spread, and five levels of both sides for each step."""
    steps, tick = len(level), instrument.tick
    tilt = (instrument.duration - 8.0) / 8.0
    yields = level + tilt * slope + _walk(random, steps, "own")
    fair = instrument.price * (1 - instrument.duration * yields / 100)
    wide = 1 + random.poisson(np.maximum(instrument.spread_ticks - 1, 0.05) * (1.6 - busy))
    bid = np.floor(fair / tick - wide / 2 + 0.5)
    gaps = 1 + random.poisson(0.12, size=(2, steps, LEVELS - 1))
    depth = np.concatenate([np.zeros((2, steps, 1)), np.cumsum(gaps, axis=2)], axis=2)
    bids, asks = (bid[:, None] - depth[0]) * tick, ((bid + wide)[:, None] + depth[1]) * tick
    # The side towards which the fair price leans is the thinner one: that is the pressure on it.
    lean = (fair / tick - (bid + wide / 2)) / wide
    grow = 1 + 0.45 * np.arange(LEVELS)
    noise = random.lognormal(0.0, 0.45, size=(2, steps, LEVELS))
    base = instrument.size * (0.35 + 0.65 * busy)[:, None] * grow
    bid_sizes = np.maximum(1, np.round(base * noise[0] * np.exp(0.8 * lean)[:, None])).astype(int)
    ask_sizes = np.maximum(1, np.round(base * noise[1] * np.exp(-0.8 * lean)[:, None])).astype(int)
    book: list[list[float | int]] = []
    for step in range(steps):
        row: list[float | int] = [float((bids[step, 0] + asks[step, 0]) / 2), float(wide[step] * tick)]
        for place in range(LEVELS):
            row += [float(bids[step, place]), int(bid_sizes[step, place])]
            row += [float(asks[step, place]), int(ask_sizes[step, place])]
        book.append(row)
    return book


def write_order_book(path: Path, rows: int, seed: int) -> None:
    """Write `rows` rows with a header as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns())
        writer.writerows(order_book(rows, seed))


if __name__ == "__main__":
    write_order_book(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
