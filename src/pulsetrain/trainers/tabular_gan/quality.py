"""How good synthetic rows are, measured against real ones: the numbers of report.json.

- shape: per column, one minus the distance between the two distributions;
- pairs: how far the columns' correlations differ;
- detection: how well a classifier tells real rows from synthetic ones, cross-validated (0.5: not at all);
- utility: how well a model that learnt from synthetic rows predicts held-out real ones ("train on synthetic, test on
  real", Esteban et al. 2017), between one that learnt from real rows and one from independently shuffled columns;
- duplicates: the share of synthetic rows that are copies of training rows.

Unknown is None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .learners import detection, utility
from .pairs import correlation

BINS = 30
SHOWN_VALUES = 20
FEW_VALUES = 10
"""A numeric column with at most so many different values is treated as categorical."""

Part = Callable[[str], None]


def report(
    train: pl.DataFrame,
    test: pl.DataFrame,
    synthetic: pl.DataFrame,
    *,
    target: str = "",
    leave_out: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    seed: int = 0,
    on_part: Part = lambda name: None,
) -> dict[str, Any]:
    """The quality report of `synthetic`, which was learnt from `train` and never saw `test`.

    `leave_out` names columns that carry nothing to compare (labels of rows). `on_part` is called before each part with
    its name; what it raises ends the report.
    """
    real = pl.concat([train, test])
    kinds = {name: kind_of(real[name]) for name in real.columns if name not in leave_out and real[name].count()}
    said = list(notes)
    on_part("columns")
    columns = [compare(real[name], synthetic[name], kind) for name, kind in kinds.items()]
    on_part("pairs")
    pairs = correlation(real, synthetic, kinds, seed, said)
    on_part("detection")
    told = detection(train, test, synthetic, kinds, seed, said)
    on_part("utility")
    useful = utility(train, test, synthetic, kinds, target, seed, said)
    on_part("duplicates")
    copies = duplicates(train, synthetic, list(kinds))
    return {
        "version": 1,
        "rows_real": real.height,
        "rows_synthetic": synthetic.height,
        "overall": overall(columns, pairs, told, useful),
        "columns": columns,
        "correlation": pairs,
        "detection": told,
        "utility": useful,
        "duplicates": {"share": copies},
        "notes": said,
    }


def kind_of(series: pl.Series) -> str:
    """`continuous`, `categorical` or `datetime`."""
    if series.dtype.is_temporal():
        return "datetime"
    if series.dtype.is_numeric() and series.drop_nulls().n_unique() > FEW_VALUES:
        return "continuous"
    return "categorical"


def compare(real: pl.Series, synthetic: pl.Series, kind: str) -> dict[str, Any]:
    """One column of the report: its similarity (1: same distribution), and both distributions for a plot."""
    if kind == "categorical":
        return {"name": real.name, "kind": kind, "measure": "1 − TV", **_compare_values(real, synthetic)}
    one, other = floats(real), floats(synthetic)
    edges = _edges(one, whole=real.dtype.is_integer())
    return {
        "name": real.name,
        "kind": kind,
        "measure": "1 − KS",
        "similarity": 1 - kolmogorov_smirnov(one, other),
        "real": {"edges": edges.tolist(), "share": _histogram(one, edges)},
        "synthetic": {"edges": edges.tolist(), "share": _histogram(other, edges)},
    }


def floats(series: pl.Series) -> NDArray[np.float64]:
    """The column as floats, times as Unix seconds, what is missing as NaN."""
    if series.dtype.is_temporal():
        series = series.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / 1e6
    values: NDArray[np.float64] = series.cast(pl.Float64).to_numpy()
    return values


def kolmogorov_smirnov(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Largest difference between the two cumulative shares; missing counts as smaller than any value."""
    one, other = (np.sort(np.nan_to_num(values, nan=-np.inf)) for values in (one, other))
    places = np.concatenate([one, other])
    shares = [np.searchsorted(values, places, side="right") / max(len(values), 1) for values in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max(initial=0.0))


def _compare_values(real: pl.Series, synthetic: pl.Series) -> dict[str, Any]:
    """Total variation over all values, "missing" being one; the most frequent ones to show."""
    counts = [series.cast(pl.String).value_counts() for series in (real, synthetic)]
    shares = [dict(zip(table[real.name], table["count"] / table["count"].sum(), strict=True)) for table in counts]
    values = sorted(set(shares[0]) | set(shares[1]), key=lambda value: (-shares[0].get(value, 0.0), str(value)))
    distance = sum(abs(shares[0].get(value, 0.0) - shares[1].get(value, 0.0)) for value in values) / 2
    shown, rest = values[:SHOWN_VALUES], values[SHOWN_VALUES:]
    names = ["(missing)" if value is None else value for value in shown] + (["(other)"] if rest else [])
    both = [
        [share.get(value, 0.0) for value in shown] + ([sum(share.get(value, 0.0) for value in rest)] if rest else [])
        for share in shares
    ]
    return {
        "similarity": max(0.0, 1 - distance),
        "real": {"values": names, "share": both[0]},
        "synthetic": {"values": names, "share": both[1]},
    }


def _edges(values: NDArray[np.float64], *, whole: bool) -> NDArray[np.float64]:
    """Edges of equal bins from the 0.5 % to the 99.5 % quantile; of whole numbers, each bin holds as many of them."""
    present = values[np.isfinite(values)]
    low, high = np.quantile(present, [0.005, 0.995], method="nearest")
    if low == high:
        low, high = present.min(), present.max()
    if whole:
        width = max(1.0, np.ceil((high - low + 1) / BINS))
        return np.asarray(low - 0.5 + width * np.arange(int(np.ceil((high - low + 1) / width)) + 1))
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _histogram(values: NDArray[np.float64], edges: NDArray[np.float64]) -> list[float]:
    """Shares of all rows in the bins; what lies outside is in the first and the last, what is missing in none."""
    present = values[np.isfinite(values)]
    counts, _ = np.histogram(np.clip(present, edges[0], edges[-1]), edges)
    return [float(count) / max(len(values), 1) for count in counts]


def duplicates(train: pl.DataFrame, synthetic: pl.DataFrame, names: list[str]) -> float | None:
    """Share of the synthetic rows that equal a training row in all of the columns `names`."""
    if not names or not synthetic.height:
        return None
    seen = train.select(names).unique()
    return synthetic.select(names).join(seen, on=names, how="semi", nulls_equal=True).height / synthetic.height


def overall(
    columns: list[dict[str, Any]],
    pairs: dict[str, Any] | None,
    told: dict[str, Any] | None,
    useful: dict[str, Any] | None,
) -> float | None:
    """Mean of what is known of four shares, 1 being perfect.

    The columns' mean similarity; one minus the mean difference of correlations; how often the classifier is lost
    (1 at AUC 0.5, 0 at AUC 1); and how much of the way from shuffled to real data the synthetic rows' utility goes.
    """
    parts: list[float] = []
    if columns:
        parts.append(float(np.mean([column["similarity"] for column in columns])))
    if pairs is not None and pairs["mean_absolute_difference"] is not None:
        parts.append(1 - min(1.0, pairs["mean_absolute_difference"]))
    if told is not None:
        parts.append(2 * (1 - max(0.5, told["auc"])))
    if useful is not None and useful["real"] > useful["shuffled"]:
        way = (useful["synthetic"] - useful["shuffled"]) / (useful["real"] - useful["shuffled"])
        parts.append(min(1.0, max(0.0, way)))
    return float(np.mean(parts)) if parts else None
