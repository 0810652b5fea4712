"""What other models make of synthetic rows: can they tell them from real ones, and can they learn from them?"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

CLASSIFIER = "gradient-boosted trees"
MAX_DETECTION_ROWS = 5_000
MAX_UTILITY_ROWS = 20_000
ENOUGH_HELD_OUT = 300
_MAX_LEVELS = 200

Matrix = NDArray[np.float64]


class Features:
    """Columns as numbers for trees: categories as codes, which only real rows define."""

    def __init__(self, real: pl.DataFrame, kinds: dict[str, str], *, without: str | None = None) -> None:
        self.names = [name for name in kinds if name != without]
        self.levels = {
            name: real[name].cast(pl.String).value_counts(sort=True)[name].drop_nulls().to_list()[:_MAX_LEVELS]
            for name in self.names
            if kinds[name] == "categorical"
        }
        self.categorical = [name in self.levels for name in self.names]

    def of(self, frame: pl.DataFrame) -> Matrix:
        """Rows × columns; missing is NaN."""
        return np.column_stack([self._column(frame[name]) for name in self.names])

    def _column(self, series: pl.Series) -> Matrix:
        if series.name in self.levels:
            places = {level: float(place) for place, level in enumerate(self.levels[series.name])}
            places_or_rest = [
                np.nan if value is None else places.get(value, float(len(places)))
                for value in series.cast(pl.String).to_list()
            ]
            return np.array(places_or_rest)
        if series.dtype.is_temporal():
            series = series.cast(pl.Datetime("us")).to_physical()
        return np.asarray(series.cast(pl.Float64).to_numpy())


def detection(
    train: pl.DataFrame,
    test: pl.DataFrame,
    synthetic: pl.DataFrame,
    kinds: dict[str, str],
    seed: int,
    notes: list[str],
) -> dict[str, Any] | None:
    """Area under the ROC curve of a classifier of real against synthetic rows, cross-validated in three parts.

    Real rows are those held out, or all where those are few. 0.5: the classifier cannot tell; 1: it always can.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    real = test if test.height >= ENOUGH_HELD_OUT else pl.concat([train, test])
    count = min(real.height, synthetic.height, MAX_DETECTION_ROWS)
    if count < 6 or not kinds:
        notes.append("Too few rows to tell real from synthetic ones.")
        return None
    features = Features(real, kinds)
    rows = np.vstack([features.of(frame.sample(count, seed=seed)) for frame in (real, synthetic)])
    labels = np.repeat([1, 0], count)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    model = _boosting(features, 2 * count, seed, classify=True)
    chance = cross_val_predict(model, rows, labels, cv=folds, method="predict_proba")[:, 1]
    return {"auc": float(roc_auc_score(labels, chance)), "classifier": CLASSIFIER}


def utility(
    train: pl.DataFrame,
    test: pl.DataFrame,
    synthetic: pl.DataFrame,
    kinds: dict[str, str],
    target: str,
    seed: int,
    notes: list[str],
) -> dict[str, Any] | None:
    """How well models predict `target` of the held-out rows after learning from real, synthetic and shuffled rows.

    F1 of the rarer of two classes, accuracy of more classes, R² of a number. Without `target`, it is the last
    categorical column, else the last column.
    """
    target = target or default_target(kinds)
    if target not in kinds or len(kinds) < 2:
        notes.append("There is no pair of columns to predict one from the other.")
        return None
    train, test, synthetic = (frame.filter(frame[target].is_not_null()) for frame in (train, test, synthetic))
    count = min(train.height, synthetic.height, MAX_UTILITY_ROWS)
    classify = kinds[target] == "categorical"
    if count < 5 or not test.height or train[target].n_unique() < 2 or (classify and test[target].n_unique() < 2):
        notes.append(f"{target} cannot be predicted: too few rows or values are held out.")
        return None
    learn = {"real": train, "synthetic": synthetic, "shuffled": shuffled(train, seed)}
    features = Features(train, kinds, without=target)
    judge = _Judge(train[target], test[target], classify=classify)
    scores = {}
    for name, frame in learn.items():
        rows = frame.sample(count, seed=seed)
        model = _boosting(features, count, seed, classify=classify)
        scores[name] = judge.score(model, features.of(rows), rows[target], features.of(test))
    task = "classification" if classify else "regression"
    return {"target": target, "task": task, "metric": judge.metric, **scores}


def default_target(kinds: dict[str, str]) -> str:
    """The last categorical column, else the last column."""
    categorical = [name for name, kind in kinds.items() if kind == "categorical"]
    return (categorical or list(kinds) or [""])[-1]


def shuffled(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Each column shuffled on its own: all distributions are right and nothing hangs together."""
    return pl.DataFrame([series.shuffle(seed=seed + place) for place, series in enumerate(frame)])


class _Judge:
    """Scores predictions of one target on the held-out rows."""

    def __init__(self, train: pl.Series, test: pl.Series, *, classify: bool) -> None:
        self.classify = classify
        self.truth = self._values(test)
        classes = train.cast(pl.String).value_counts(sort=True)[train.name].to_list() if classify else []
        self.rarer = classes[-1] if len(classes) == 2 else None
        self.metric = "R²" if not classify else "F1" if self.rarer is not None else "accuracy"

    def _values(self, series: pl.Series) -> NDArray[Any]:
        if self.classify:
            return np.array(series.cast(pl.String).to_list(), dtype=object).astype(str)
        series = series.cast(pl.Datetime("us")).to_physical() if series.dtype.is_temporal() else series
        return np.asarray(series.cast(pl.Float64).to_numpy())

    def score(self, model: Any, rows: Matrix, target: pl.Series, test_rows: Matrix) -> float:
        from sklearn.metrics import accuracy_score, f1_score, r2_score

        known = self._values(target)
        if len(np.unique(known)) < 2:
            predicted = np.full(len(test_rows), known[0])
        else:
            predicted = model.fit(rows, known).predict(test_rows)
        if self.metric == "F1":
            return float(f1_score(self.truth == self.rarer, predicted == self.rarer, zero_division=0.0))
        measure = accuracy_score if self.classify else r2_score
        return float(measure(self.truth, predicted))


def _boosting(features: Features, rows: int, seed: int, *, classify: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    return kind(
        categorical_features=features.categorical,
        min_samples_leaf=max(2, min(20, rows // 20)),
        early_stopping=False,
        random_state=seed,
    )
