"""The sample order book looks like one."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from pulsetrain.core.orderbook import INSTRUMENTS, LEVELS, columns, order_book, write_order_book

ROWS = 1600


def test_the_same_seed_gives_the_same_rows(tmp_path: Path) -> None:
    assert order_book(40, 1) == order_book(40, 1) != order_book(40, 2)
    write_order_book(tmp_path / "book.csv", 41, 1)
    with (tmp_path / "book.csv").open() as file:
        written = list(csv.reader(file))
    assert (written[0], len(written)) == (columns(), 42)


def test_it_covers_a_day_with_eight_symbols_in_turn() -> None:
    rows = order_book(ROWS, 0)
    assert [row[1] for row in rows[:8]] == [one.symbol for one in INSTRUMENTS]
    times = [datetime.fromisoformat(str(row[0])) for row in rows]
    assert times == sorted(times)
    assert 23 < (times[-1] - times[0]).total_seconds() / 3600 < 24


def test_quotes_are_on_ticks_ordered_and_never_crossed() -> None:
    names = columns()
    for row in order_book(ROWS, 0):
        quote = dict(zip(names, row, strict=True))
        tick = next(one.tick for one in INSTRUMENTS if one.symbol == quote["symbol"])
        bids = [float(quote[f"bid_price_{level}"]) for level in range(1, LEVELS + 1)]
        asks = [float(quote[f"ask_price_{level}"]) for level in range(1, LEVELS + 1)]
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert bids[0] < asks[0]
        assert all((price / tick).is_integer() for price in bids + asks)
        assert quote["spread"] == asks[0] - bids[0]
        assert quote["mid_price"] == (asks[0] + bids[0]) / 2
        assert all(int(quote[f"{side}_size_{level}"]) >= 1 for side in ("bid", "ask") for level in range(1, LEVELS + 1))


def test_mids_revert_move_together_and_off_the_run_is_wider() -> None:
    rows = order_book(24_000, 5)
    mids = {one.symbol: np.array([float(row[2]) for row in rows if row[1] == one.symbol]) for one in INSTRUMENTS}
    spreads = {one.symbol: np.mean([float(row[3]) for row in rows if row[1] == one.symbol]) for one in INSTRUMENTS}
    for years in ("2Y", "5Y", "10Y", "30Y"):
        assert spreads[f"{years}_OFF"] > 1.5 * spreads[f"{years}_ON"]
    # One yield curve moves all of them, long bonds more than short ones.
    assert np.corrcoef(mids["10Y_ON"], mids["30Y_ON"])[0, 1] > 0.8
    assert mids["30Y_ON"].std() > 3 * mids["2Y_ON"].std()
    for one in INSTRUMENTS:
        assert abs(mids[one.symbol].mean() - one.price) < 0.03 * one.price
