"""A table as the network sees it: places within modes, and one index per one-hot group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import polars as pl

from .columns import MAX_VALUES, Category, Codes, Column, Constant, Floats, Label, Numeric, fit

MAX_INPUTS = 4_000
"""About so many numbers a row the network sees at most: a wide table's categories keep fewer values apart."""
MIN_VALUES = 10


@dataclass(frozen=True)
class Encoded:
    """Rows of a table for the network.

    `alphas` (rows × columns with modes) are places in −1 … 1; `codes` (rows × groups) are indices into the groups.
    """

    alphas: Floats
    codes: Codes

    def __len__(self) -> int:
        return len(self.codes)


class Transform(msgspec.Struct, frozen=True):
    """All that leads from a table to numbers and back; it is JSON, so a model file needs no code."""

    columns: list[Column]
    formats: dict[str, str] = {}
    """How the times of a column are written (strftime)."""

    @staticmethod
    def fitted(
        frame: pl.DataFrame,
        seed: int,
        formats: dict[str, str] | None = None,
        on_column: Callable[[int], None] = lambda index: None,
    ) -> Transform:
        """The transform that suits `frame`. `on_column` is called after each column."""
        columns: list[Column] = []
        max_values = max(MIN_VALUES, min(MAX_VALUES, MAX_INPUTS // max(1, frame.width)))
        for index, series in enumerate(frame):
            columns.append(fit(series, seed, max_values))
            on_column(index)
        return Transform(columns, formats or {})

    @property
    def seen(self) -> list[Column]:
        """The columns that the network learns, in the order of their groups."""
        return [column for column in self.columns if column.width]

    @property
    def widths(self) -> list[int]:
        return [column.width for column in self.seen]

    @property
    def alphas(self) -> int:
        return sum(column.has_alpha for column in self.seen)

    @property
    def discrete(self) -> list[int]:
        """The groups that say all of their column: these can be asked for as a condition."""
        return [group for group, column in enumerate(self.seen) if not column.has_alpha]

    def encode(self, frame: pl.DataFrame, seed: int) -> Encoded:
        random = np.random.default_rng(seed)
        alphas: list[Floats] = []
        codes: list[Codes] = []
        for column in self.seen:
            alpha, code = column.encode(frame[column.name], random)
            codes.append(code)
            if column.has_alpha:
                alphas.append(alpha)
        rows = len(frame)
        return Encoded(
            np.stack(alphas, axis=1) if alphas else np.zeros((rows, 0), np.float32),
            np.stack(codes, axis=1) if codes else np.zeros((rows, 0), np.int64),
        )

    def decode(self, encoded: Encoded, seed: int) -> pl.DataFrame:
        random = np.random.default_rng(seed)
        nothing = np.zeros(len(encoded), np.float32)
        series: list[pl.Series] = []
        group = place = 0
        for column in self.columns:
            code = encoded.codes[:, group] if column.width else np.zeros(len(encoded), np.int64)
            alpha = encoded.alphas[:, place] if column.has_alpha else nothing
            series.append(column.decode(alpha, code, random))
            group += bool(column.width)
            place += column.has_alpha
        return pl.DataFrame(series)

    def write_csv(self, frame: pl.DataFrame, to: Path | BinaryIO) -> None:
        """Write decoded rows as CSV, times in the form that the table had them in."""
        times = [
            pl.col(name).dt.strftime(form.replace("%#z", "+00:00"))
            for name, form in self.formats.items()
            if name in frame.columns and frame[name].dtype.is_temporal()
        ]
        frame.with_columns(times).write_csv(to)

    def notes(self) -> list[str]:
        """What a reader of the synthetic table should know about columns that are not simply learnt."""
        notes = []
        for column in self.columns:
            match column:
                case Constant(value=None):
                    notes.append(f"{column.name} has no values; it stays empty.")
                case Constant():
                    notes.append(f"{column.name} has one value in every row; it is carried through.")
                case Label():
                    notes.append(f"{column.name} names nearly every row differently; new names are made up.")
                case Category(rest=[_, *_]):
                    notes.append(
                        f"{column.name}: the {len(column.values)} most frequent values are learnt; the other "
                        f"{len(column.rest)} are learnt as one and drawn by their frequency."
                    )
                case _:
                    pass
        return notes


__all__ = ["Category", "Constant", "Encoded", "Label", "Numeric", "Transform"]
