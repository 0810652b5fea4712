"""How one column of a table becomes numbers for the network and back.

A column is one of four kinds:

- `Numeric`: numbers and times, by mode-specific normalisation (Xu et al. 2019, "Modeling Tabular Data using
  Conditional GAN", section 4.2): which mode a value belongs to (one-hot) and where in the mode it lies (−1 … 1). Two
  things are ours: a value that many rows share (the zero of `capital-gain`) is a mode of width zero, an *atom*, so
  that it comes back exactly; and "missing" is one more mode.
- `Category`: one-hot over its values, with "missing" as one more value and rare texts gathered in one.
- `Constant`: one value in every row (or none at all); carried through, unseen by the network.
- `Label`: texts that name rows, nearly all different; nothing to learn, and copying them would leak: made anew.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from .mixture import modes_of

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]

MAX_ATOMS = 24
"""A numeric column with at most so many different values is nothing but atoms."""
ATOM_SHARE = 0.02
"""A value that at least this share of the rows holds may be an atom …"""
ATOM_CONTRAST = 4
"""… if it is so many times as frequent as its neighbours; the years of an age do not stand out like that."""
MODE_WIDTH = 4.0
"""A mode reaches so many standard deviations to either side."""
FIT_ROWS = 5_000
MAX_VALUES = 100
"""Values that a category keeps apart, fewer in wide tables; the rest is gathered in one."""
LABEL_SHARE = 0.9
"""From this share of different values on, and more than MAX_VALUES of them, a text column names rows."""


class Fitted(Protocol):
    """What `Transform` needs from a column."""

    name: str

    @property
    def width(self) -> int:
        """Size of its one-hot group; 0: the network does not see it."""
        ...

    @property
    def has_alpha(self) -> bool:
        """Whether it also has a place within the mode."""
        ...

    def encode(self, series: pl.Series, random: np.random.Generator) -> tuple[Floats, Codes]:
        """Per row: the place within the mode, −1 … 1, and the index in the group."""
        ...

    def decode(self, alpha: Floats, codes: Codes, random: np.random.Generator) -> pl.Series: ...


class Constant(msgspec.Struct, frozen=True, tag=True):
    """One value in every row."""

    name: str
    value: Any
    dtype: str
    width: int = 0
    has_alpha: bool = False

    def encode(self, series: pl.Series, random: np.random.Generator) -> tuple[Floats, Codes]:
        return _nothing(len(series))

    def decode(self, alpha: Floats, codes: Codes, random: np.random.Generator) -> pl.Series:
        if self.dtype in _TIMES and self.value is not None:
            value = series_of(self.name, self.dtype, np.array([float(self.value)]))
        else:
            value = pl.Series(self.name, [self.value], dtype=_DTYPES[self.dtype])
        return value.new_from_index(0, len(codes))


class Label(msgspec.Struct, frozen=True, tag=True):
    """Names of rows: `<column>-1`, `<column>-2`, …"""

    name: str
    missing: float
    """Share of rows without a name."""
    width: int = 0
    has_alpha: bool = False

    def encode(self, series: pl.Series, random: np.random.Generator) -> tuple[Floats, Codes]:
        return _nothing(len(series))

    def decode(self, alpha: Floats, codes: Codes, random: np.random.Generator) -> pl.Series:
        absent = random.random(len(codes)) < self.missing
        names = [None if gone else f"{self.name}-{row}" for row, gone in enumerate(absent, 1)]
        return pl.Series(self.name, names, dtype=pl.String)


class Category(msgspec.Struct, frozen=True, tag=True):
    """Values without a distance between them."""

    name: str
    values: list[Any]
    dtype: str
    rest: list[str] = []
    """Rare texts that share one code, the one after `values`; decoded by drawing among them."""
    rest_counts: list[int] = []
    missing: bool = False
    """Whether rows without a value exist; they have the last code."""

    @property
    def width(self) -> int:
        return len(self.values) + bool(self.rest) + self.missing

    @property
    def has_alpha(self) -> bool:
        return False

    def encode(self, series: pl.Series, random: np.random.Generator) -> tuple[Floats, Codes]:
        known = pl.Series([*self.values, *self.rest], dtype=series.dtype)
        codes = [*range(len(self.values)), *([len(self.values)] * len(self.rest))]
        found = series.replace_strict(known, codes, default=None, return_dtype=pl.Int64)
        return np.zeros(len(series), np.float32), found.fill_null(self.width - 1).to_numpy()

    def decode(self, alpha: Floats, codes: Codes, random: np.random.Generator) -> pl.Series:
        dtype = _DTYPES[self.dtype]
        table = pl.Series(self.name, [*self.values, *([None] if self.missing or self.rest else [])], dtype=dtype)
        series = table.gather(np.minimum(codes, len(table) - 1))
        if not self.rest:
            return series
        gathered = np.flatnonzero(codes == len(self.values))
        weights = np.array(self.rest_counts, float)
        drawn = random.choice(len(self.rest), size=len(gathered), p=weights / weights.sum())
        return series.scatter(gathered, pl.Series(self.rest, dtype=dtype).gather(drawn))


class Numeric(msgspec.Struct, frozen=True, tag=True):
    """Numbers, or times as microseconds since 1970. Codes: the atoms, then the modes, then "missing"."""

    name: str
    dtype: str
    atoms: list[float]
    means: list[float] = []
    widths: list[float] = []
    """Distance from a mode's mean to where its place is ±1."""
    missing: bool = False
    minimum: float = 0.0
    maximum: float = 0.0
    step: float = 0.0
    """Values are multiples of it: 1 for integers, 0.01 for two decimals, a day for dates; 0 unknown."""
    lattice: list[float] = []
    """All values that were seen, where they are few and repeat; what comes back is one of them."""

    @property
    def width(self) -> int:
        return len(self.atoms) + len(self.means) + self.missing

    @property
    def has_alpha(self) -> bool:
        return bool(self.means)

    def encode(self, series: pl.Series, random: np.random.Generator) -> tuple[Floats, Codes]:
        values = numbers(series)
        codes = np.full(len(values), self.width - 1, np.int64)
        alpha = np.zeros(len(values), np.float32)
        present = np.isfinite(values)
        atoms = np.array(self.atoms)
        place = np.searchsorted(atoms, values) if len(atoms) else np.zeros(len(values), int)
        is_atom = present & (atoms[np.minimum(place, len(atoms) - 1)] == values) if len(atoms) else ~present & present
        codes[is_atom] = place[is_atom]
        inside = np.flatnonzero(present & ~is_atom)
        if len(inside):
            blurred = values[inside] + self.step * (random.random(len(inside)) - 0.5)
            distance = (blurred[:, None] - np.array(self.means)) / np.array(self.widths)
            mode = np.argmin(distance**2 * (MODE_WIDTH**2 / 2) + np.log(self.widths), axis=1)
            codes[inside] = len(atoms) + mode
            alpha[inside] = np.clip(distance[np.arange(len(inside)), mode], -1, 1)
        return alpha, codes

    def decode(self, alpha: Floats, codes: Codes, random: np.random.Generator) -> pl.Series:
        centres = np.array([*self.atoms, *self.means, *([np.nan] if self.missing else [])])
        widths = np.array([*([0.0] * len(self.atoms)), *self.widths, *([0.0] if self.missing else [])])
        values = centres[codes] + widths[codes] * np.clip(alpha.astype(float), -1, 1)
        inside = widths[codes] > 0
        values[inside] = self._possible(values[inside])
        return series_of(self.name, self.dtype, values)

    def _possible(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest values that the column can hold."""
        if self.lattice:
            lattice = np.array(self.lattice)
            return lattice[np.searchsorted((lattice[1:] + lattice[:-1]) / 2, values)]
        if self.step:
            digits = max(0, -round(np.log10(self.step)))
            values = np.round(np.round(values / self.step) * self.step, digits)
        return np.clip(values, self.minimum, self.maximum)


Column = Numeric | Category | Constant | Label


def fit(series: pl.Series, seed: int, max_values: int = MAX_VALUES) -> Column:
    """The kind of column that `series` is, with all that is needed to come back.

    A category keeps its `max_values` most frequent values apart.
    """
    dtype = _name(series.dtype)
    present = series.drop_nulls()
    if series.dtype.is_numeric() or series.dtype.is_temporal():
        present = present.filter(pl.Series(np.isfinite(numbers(present)), dtype=pl.Boolean))
    missing = len(present) < len(series)
    unique = present.n_unique()
    if unique == 0:
        return Constant(series.name, None, "Null" if series.dtype == pl.Null else dtype)
    if unique == 1 and not missing:
        return Constant(series.name, _plain(present[0], series), dtype)
    if series.dtype.is_numeric() or series.dtype.is_temporal():
        return _fit_numeric(series.name, dtype, numbers(present), missing, seed)
    return _fit_category(series, present, missing, max_values)


def numbers(series: pl.Series) -> NDArray[np.float64]:
    """The column as floats: times in microseconds, what is missing or infinite as NaN."""
    if series.dtype.is_temporal():
        series = series.cast(pl.Datetime("us")) if series.dtype != pl.Time else series
        values = series.to_physical().cast(pl.Float64).to_numpy().astype(float)
    else:
        values = series.cast(pl.Float64).to_numpy().astype(float)
    return np.where(np.isfinite(values), values, np.nan)


def series_of(name: str, dtype: str, values: NDArray[np.float64]) -> pl.Series:
    """The column of type `dtype` from floats; NaN is missing."""
    series = pl.Series(name, values, nan_to_null=True)
    if dtype == "Float64":
        return series
    whole = series.round(0).cast(pl.Int64)
    if dtype == "Int64":
        return whole
    if dtype == "Time":
        return whole.cast(pl.Time)
    return whole.cast(pl.Datetime("us")).cast(_DTYPES[dtype])


_DTYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "Float64": pl.Float64,
    "Int64": pl.Int64,
    "String": pl.String,
    "Boolean": pl.Boolean,
    "Date": pl.Date,
    "Datetime": pl.Datetime("us"),
    "Time": pl.Time,
    "Null": pl.Null,
}

_TIMES = ("Date", "Datetime", "Time")


def _name(dtype: pl.DataType) -> str:
    if dtype.is_float() or dtype.is_decimal():
        return "Float64"
    if dtype.is_integer():
        return "Int64"
    name = str(dtype.base_type())
    return name if name in _DTYPES else "String"


def _nothing(rows: int) -> tuple[Floats, Codes]:
    return np.zeros(rows, np.float32), np.zeros(rows, np.int64)


def _plain(value: Any, series: pl.Series) -> Any:
    """`value` as JSON can hold it: times as microseconds."""
    return int(numbers(pl.Series([value], dtype=series.dtype))[0]) if series.dtype.is_temporal() else value


def _fit_numeric(name: str, dtype: str, values: NDArray[np.float64], missing: bool, seed: int) -> Numeric:
    unique, counts = np.unique(values, return_counts=True)
    few = len(unique) <= MAX_ATOMS
    atoms = unique if few else unique[_stand_out(counts)]
    column = Numeric(
        name,
        dtype,
        atoms.tolist(),
        missing=missing,
        minimum=float(unique[0]),
        maximum=float(unique[-1]),
        step=_step(unique, dtype),
    )
    if few:
        return column
    rest = values[~np.isin(values, atoms)]
    random = np.random.default_rng(seed)
    means, deviations = modes_of(random.choice(rest, FIT_ROWS, replace=False) if len(rest) > FIT_ROWS else rest)
    if len(unique) <= min(0.05 * len(values), 2_000):
        column = msgspec.structs.replace(column, lattice=np.setdiff1d(unique, atoms).tolist())
    return msgspec.structs.replace(column, means=means.tolist(), widths=(MODE_WIDTH * deviations).tolist())


def _stand_out(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the values, in order, are so frequent that they are no part of a smooth distribution."""
    padded = np.pad(counts.astype(float), 5, constant_values=np.nan)
    around = np.delete(np.lib.stride_tricks.sliding_window_view(padded, 11), 5, axis=1)
    usual = np.nanmedian(around, axis=1)
    frequent = counts >= max(ATOM_SHARE * counts.sum(), 10)
    return np.asarray(frequent & (counts >= ATOM_CONTRAST * usual))


def _step(unique: NDArray[np.float64], dtype: str) -> float:
    """The coarsest grid that all values lie on, among those that people use; 0: none."""
    if dtype in _TIMES:
        steps = [86_400e6, 3_600e6, 60e6, 1e6, 1e3, 1.0]
    elif dtype == "Int64":
        steps = [1000.0, 100.0, 10.0, 1.0]
    else:
        steps = [1.0, 0.1, 0.01, 1e-3, 1e-4]
    for step in steps:
        scaled = unique / step
        if np.all(np.abs(scaled - np.round(scaled)) < 1e-6 * np.maximum(1, np.abs(scaled) * 1e-6)):
            return step
    return 0.0


def _fit_category(series: pl.Series, present: pl.Series, missing: bool, max_values: int) -> Category | Label:
    counts = present.value_counts(sort=True)
    values, shares = counts[series.name].to_list(), counts["count"].to_list()
    if len(values) > MAX_VALUES and len(values) >= LABEL_SHARE * len(present):
        return Label(series.name, 1 - len(present) / len(series))
    ordered = sorted(zip(values, shares, strict=True), key=lambda pair: (-pair[1], str(pair[0])))
    kept, rest = ordered[:max_values], ordered[max_values:]
    return Category(
        series.name,
        [value for value, _ in kept],
        _name(series.dtype),
        rest=[value for value, _ in rest],
        rest_counts=[count for _, count in rest],
        missing=missing,
    )
