"""The kinds of model that compete, each one able to grow step by step: trees, rounds, epochs or iterations."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from pulsetrain.model.errors import BadParameters

from .encoder import Numbers
from .target import Task
from .trainer import Effort

Target = npt.NDArray[Any]


@dataclass(frozen=True)
class Size:
    """How large the training part is: small tables want smaller models."""

    rows: int
    columns: int


@dataclass(frozen=True)
class Family:
    """One kind of model. `unit` is what it grows by, `chunk` how many between two looks at the validation rows."""

    name: str
    title: str
    unit: str
    make: Callable[[Task, Size, int], Any]
    chunk: int
    trial: int
    """How far it grows in the cross-validation."""
    overfits: bool = False
    """Whether more of it may be worse, so that the best moment is kept."""
    learning_rate: float | None = None
    thorough: bool = False


def grow(family: Family, estimator: Any, rows: Numbers, target: Target, *, done: int, to: int, rate: float = 0) -> None:
    """Train `estimator`, which has grown to `done`, until it has grown to `to`. `rate` 0: the family's own."""
    rate = rate or family.learning_rate or 0.0
    with warnings.catch_warnings():
        # It is grown on purpose in steps that end before it has converged.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if family.unit == "epochs":
            for _ in range(done, to):
                _epoch(estimator, rows, target, rate)
            return
        name = "n_estimators" if family.unit == "trees" else "max_iter"
        estimator.set_params(**{name: to - done if family.unit == "iterations" else to})
        if family.learning_rate is not None:
            estimator.set_params(learning_rate=rate)
        estimator.fit(rows, target)


def _epoch(estimator: Any, rows: Numbers, target: Target, rate: float) -> None:
    begun = getattr(estimator, "_optimizer", None)
    if begun is None:
        estimator.set_params(learning_rate_init=rate)
    else:
        # The optimizer keeps its own; there is no public way to change it between epochs.
        begun.learning_rate_init = rate
    if isinstance(estimator, MLPClassifier):
        estimator.partial_fit(rows, target, classes=np.unique(target))
    else:
        estimator.partial_fit(rows, target)


def converged(family: Family, estimator: Any, grown: int) -> bool:
    """Whether the last growth, by `grown`, ended before its time because nothing changes any more."""
    return family.unit == "iterations" and int(np.max(estimator.n_iter_)) < grown


def _threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and given != "0" else 1


def _linear(strength: float) -> Callable[[Task, Size, int], Any]:
    def make(task: Task, size: Size, seed: int) -> Any:
        if task == "classification":
            return LogisticRegression(C=strength, warm_start=True, tol=1e-5, random_state=seed)
        return ElasticNet(alpha=0.01 / strength, l1_ratio=0.5, warm_start=True, tol=1e-5, random_state=seed)

    return make


def _boosting(leaves: int, penalty: float) -> Callable[[Task, Size, int], Any]:
    def make(task: Task, size: Size, seed: int) -> Any:
        kind = HistGradientBoostingClassifier if task == "classification" else HistGradientBoostingRegressor
        return kind(
            max_leaf_nodes=leaves,
            # With the usual 20 rows a leaf, a table of 60 rows could not be split at all.
            min_samples_leaf=min(20, max(2, size.rows // 50)),
            l2_regularization=penalty,
            early_stopping=False,
            warm_start=True,
            random_state=seed,
        )

    return make


def _forest(kinds: dict[Task, Any]) -> Callable[[Task, Size, int], Any]:
    def make(task: Task, size: Size, seed: int) -> Any:
        leaf = min(5, max(1, size.rows // 1000))
        return kinds[task](min_samples_leaf=leaf, warm_start=True, n_jobs=_threads(), random_state=seed)

    return make


def _network(task: Task, size: Size, seed: int) -> Any:
    kind = MLPClassifier if task == "classification" else MLPRegressor
    batch = min(200, max(10, size.rows // 20), size.rows)
    return kind(hidden_layer_sizes=(64, 32), alpha=1e-3, batch_size=batch, random_state=seed)


FAMILIES = {
    family.name: family
    for family in (
        Family("linear", "Linear model", "iterations", _linear(1.0), chunk=5, trial=200),
        Family(
            "boosting",
            "Gradient boosting",
            "rounds",
            _boosting(31, 0.0),
            chunk=5,
            trial=80,
            overfits=True,
            learning_rate=0.1,
        ),
        Family(
            "forest",
            "Random forest",
            "trees",
            _forest({"classification": RandomForestClassifier, "regression": RandomForestRegressor}),
            chunk=10,
            trial=80,
        ),
        Family("linear-strict", "Strict linear model", "iterations", _linear(0.05), chunk=5, trial=200, thorough=True),
        Family(
            "boosting-slow",
            "Slow gradient boosting",
            "rounds",
            _boosting(15, 1.0),
            chunk=10,
            trial=200,
            overfits=True,
            learning_rate=0.05,
            thorough=True,
        ),
        Family(
            "extra-trees",
            "Extremely random trees",
            "trees",
            _forest({"classification": ExtraTreesClassifier, "regression": ExtraTreesRegressor}),
            chunk=10,
            trial=80,
            thorough=True,
        ),
        Family(
            "network",
            "Neural network",
            "epochs",
            _network,
            chunk=1,
            trial=30,
            overfits=True,
            learning_rate=1e-3,
            thorough=True,
        ),
    )
}


def chosen_families(names: str, effort: Effort) -> list[Family]:
    """Those that the user named, else those of the effort. Raises BadParameters for one that is not known."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in FAMILIES]
    if unknown:
        raise BadParameters(f"There is no kind of model {unknown[0]!r}.", hint=f"Known: {', '.join(FAMILIES)}.")
    if wanted:
        return [FAMILIES[name] for name in dict.fromkeys(wanted)]
    return [family for family in FAMILIES.values() if effort == "thorough" or not family.thorough]
