"""Features → numbers. What is learnt for it (medians, levels, means of the target) is learnt from training rows alone.

`prepare` is without memory: it changes types and nothing else. All that has memory is in the encoder, which is fitted
anew inside every fold of the cross-validation.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from .columns import Feature, Form, date_part
from .target import Task

Numbers = npt.NDArray[np.float32]
MISSING = "(missing)"
"""The level of a category's empty cells."""
_LARGEST = 1e30
"""Squares of it can still be added up."""
_WORD_BUCKETS = 1 << 14
_WORD_DIRECTIONS = 40
_CROSS_FIT = 5
_PLACE = re.compile(r"(?:missingindicator_)?c(\d+)(?=[._]|$)")
"""A column of prepared rows, or what was made of it: the place of its feature."""


def prepare(frame: pl.DataFrame, features: list[Feature]) -> pl.DataFrame:
    """The cells of `features` as numbers (NaN: missing) and texts: `c3` is feature 3, `c3.year` a part of its dates."""
    columns: list[pl.Series] = []
    for place, feature in enumerate(features):
        column = frame[feature.name]
        if feature.form in ("number", "flag"):
            columns.append(_numbers(column).alias(f"c{place}"))
        elif feature.form == "date":
            columns += [_numbers(date_part(column, part)).alias(f"c{place}.{part}") for part in feature.parts]
        else:
            missing = "" if feature.form == "text" else MISSING
            columns.append(column.cast(pl.String).fill_null(missing).alias(f"c{place}"))
    return pl.DataFrame(columns)


def _numbers(column: pl.Series) -> pl.Series:
    return column.cast(pl.Float64).clip(-_LARGEST, _LARGEST).fill_null(math.nan)


class Encoder:
    """Learns from prepared training rows how to make numbers of prepared rows."""

    def __init__(self, features: list[Feature], task: Task, classes: int, seed: int) -> None:
        self.features = features
        self._task = task
        self._classes = classes
        self._seed = seed
        self.transformer: Any = None

    def fit(self, rows: pl.DataFrame, target: npt.NDArray[Any]) -> Numbers:
        """Learn from `rows`; the answer is their numbers.

        Where the target's means stand for levels, those of a row come from other rows than itself.
        """
        self.transformer = ColumnTransformer(self._groups(rows, target), sparse_threshold=0)
        return _plain(self.transformer.fit_transform(rows, target))

    def encode(self, rows: pl.DataFrame) -> Numbers:
        """The numbers of rows that it may never have seen."""
        return _plain(self.transformer.transform(rows))

    def blocks(self) -> list[list[int]]:
        """Which numbers of a row come from each feature."""
        found: list[list[int]] = [[] for _ in self.features]
        for group, transformer, _ in self.transformer.transformers_:
            where = self.transformer.output_indices_[group]
            if place := _PLACE.match(group):
                found[int(place[1])] += range(where.start, where.stop)
            elif group != "remainder":
                for at, name in enumerate(transformer.get_feature_names_out(), where.start):
                    if place := _PLACE.match(name):
                        found[int(place[1])].append(at)
        return found

    def _groups(self, rows: pl.DataFrame, target: npt.NDArray[Any]) -> list[tuple[str, Any, str | list[str]]]:
        """Transformers with their columns: one for all of a form, since one for each costs a wide table minutes."""
        named: dict[Form, list[str]] = {}
        for name in rows.columns:
            if place := _PLACE.match(name):
                named.setdefault(self.features[int(place[1])].form, []).append(name)
        numbers = [*named.get("number", []), *named.get("flag", []), *named.get("date", [])]
        fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        # Levels that are rare, or were never seen, share one number.
        rare = max(2, len(target) // 500)
        levels = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=rare, sparse_output=False)
        groups: list[tuple[str, Any, str | list[str]]] = [
            ("numbers", make_pipeline(fill, StandardScaler()), numbers),
            ("categories", levels, named.get("category", [])),
            (
                "means",
                TargetEncoder(target_type=self._target_type(), cv=self._cross_fit(target)),
                named.get("many", []),
            ),
        ]
        texts = [(name, self._words(), name) for name in named.get("text", [])]
        return [*(group for group in groups if group[2]), *texts]

    def _words(self) -> Any:
        return make_pipeline(
            HashingVectorizer(n_features=_WORD_BUCKETS, ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b"),
            TfidfTransformer(),
            TruncatedSVD(_WORD_DIRECTIONS, random_state=self._seed),
            StandardScaler(),
        )

    def _target_type(self) -> str:
        if self._task == "regression":
            return "continuous"
        return "binary" if self._classes == 2 else "multiclass"

    def _cross_fit(self, target: npt.NDArray[Any]) -> KFold | StratifiedKFold:
        if self._task == "regression":
            return KFold(min(_CROSS_FIT, len(target)), shuffle=True, random_state=self._seed)
        fewest = int(np.bincount(target).min())
        return StratifiedKFold(max(2, min(_CROSS_FIT, fewest)), shuffle=True, random_state=self._seed)


def _plain(numbers: Any) -> Numbers:
    return np.nan_to_num(np.asarray(numbers, dtype=np.float32), copy=False)
