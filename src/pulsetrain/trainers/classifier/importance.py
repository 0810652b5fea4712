"""What the model looks at: how much each column tells about the target alone, and how much the model needs it."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean, stdev
from typing import Any

import msgspec
import numpy as np
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from .encoder import Encoder, Numbers
from .growth import Growth
from .parts import Sample
from .target import Task

TELLING_ROWS = 3000
REPEATS = 5
IMPORTANCE_ROWS = 2000
MAX_COLUMNS = 40


class Tells(msgspec.Struct, frozen=True):
    """How much a column alone tells: mutual information, as a share of what there is to know about a class."""

    name: str
    bits: float
    share: float | None


class Need(msgspec.Struct, frozen=True):
    """What the model loses when a column is shuffled: in loss, and in accuracy or R²."""

    name: str
    loss: float
    loss_spread: float
    quality: float | None


def rank_columns(
    encoder: Encoder, train: Sample, task: Task, seed: int, on_share: Callable[[float], None]
) -> list[Tells]:
    """The columns by how much they tell about the target, on training rows; the most telling first."""
    chosen = np.random.default_rng(seed).permutation(len(train.rows))[:TELLING_ROWS]
    rows, truth = train.rows[chosen], train.truth[chosen]
    measure = mutual_info_classif if task == "classification" else mutual_info_regression
    entropy = _entropy(truth) if task == "classification" else None
    neighbours = max(1, min(3, _fewest(truth, task) - 1))
    found, blocks = [], encoder.blocks()
    for place, feature in enumerate(encoder.features):
        on_share(place / len(encoder.features))
        block = rows[:, blocks[place]]
        apart = feature.form in ("category", "flag")
        values = _levels(block) if apart else block
        nats = measure(values, truth, discrete_features=apart, n_neighbors=neighbours, random_state=seed)
        bits = float(max(nats, default=0.0)) / math.log(2)
        found.append(Tells(feature.name, bits, None if not entropy else min(1.0, bits / entropy)))
    return sorted(found, key=lambda one: -one.bits)


def _levels(block: Numbers) -> Any:
    """One column of whole numbers: which of the different rows of the block each row is."""
    return np.unique(block, axis=0, return_inverse=True)[1].reshape(-1, 1)


def _entropy(truth: Any) -> float:
    shares = np.bincount(truth) / len(truth)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


def _fewest(truth: Any, task: Task) -> int:
    counts = np.bincount(truth) if task == "classification" else np.array([len(truth)])
    return int(counts[counts > 0].min())


def needs(
    growth: Growth,
    encoder: Encoder,
    sample: Sample,
    ranking: list[Tells],
    seed: int,
    on_share: Callable[[float], None],
) -> list[Need]:
    """Permutation importance on rows that were held out, of the columns that tell most; the most needed first."""
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(sample.rows))[:IMPORTANCE_ROWS])
    rows, truth = sample.rows[chosen], sample.truth[chosen]
    whole = growth.judge(growth.model, Sample(rows, truth))
    wanted = {one.name for one in ranking[:MAX_COLUMNS]}
    places = [place for place, feature in enumerate(encoder.features) if feature.name in wanted]
    found, blocks = [], encoder.blocks()
    for position, place in enumerate(places):
        block = blocks[place]
        lost, quality = [], []
        for _ in range(REPEATS):
            on_share(position / len(places))
            # The numbers of one column are shuffled together: that equals shuffling the column in the table.
            shuffled = rows.copy()
            shuffled[:, block] = rows[:, block][random.permutation(len(rows))]
            now = growth.judge(growth.model, Sample(shuffled, truth))
            lost.append(now.loss - whole.loss)
            if now.quality is not None and whole.quality is not None:
                quality.append(whole.quality - now.quality)
        name = encoder.features[place].name
        found.append(Need(name, fmean(lost), stdev(lost), fmean(quality) if quality else None))
    return sorted(found, key=lambda one: -one.loss)
