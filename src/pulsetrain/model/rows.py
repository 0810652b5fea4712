"""What is wrong with single rows of a data set."""

from __future__ import annotations

import msgspec

MOST_SHOWN = 100
MOST_LEFT_OUT = 0.1
"""The share of its rows that cannot be read, up to which a file is used without them."""


class RowProblem(msgspec.Struct, frozen=True):
    """`row` counts from 1: the first row under a header, the first line that is not blank."""

    row: int
    message: str


class Problems:
    """Collects them: all are counted, the first are kept."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[RowProblem] = []

    def add(self, row: int, message: str) -> None:
        """Note that `row` is wrong. Rows come in order from any one check, not from all together."""
        self.total += 1
        if self.total <= MOST_SHOWN:
            self._kept.append(RowProblem(row, message))

    def take(self, other: Problems) -> None:
        """Take in what another check found."""
        self.total += other.total
        self._kept += other._kept

    def first(self) -> list[RowProblem]:
        """The first ones, by row."""
        return sorted(self._kept, key=lambda one: one.row)[:MOST_SHOWN]


def shown(problem: RowProblem) -> str:
    """`Row 12: …`, for a message that has room for one."""
    return f"Row {problem.row}: {problem.message}"
