"""The modes of a column: a Gaussian mixture that finds out for itself how many it needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

MODES = 10
MIN_WEIGHT = 0.005
_CONCENTRATION = 1e-3
"""Of the Dirichlet process: the smaller, the fewer modes."""
_PRIOR_VARIANCE = 0.01
"""Of a mode, as a share of the column's variance; a column of hills far apart needs it to be small."""
_ROUNDS = 100
_TOLERANCE = 1e-3


def modes_of(values: Values) -> tuple[Values, Values]:
    """Means and standard deviations of at most MODES modes, by mean.

    A variational Bayesian mixture (Bishop, "Pattern Recognition and Machine Learning", 2006, section 10.2) with the
    stick-breaking weights of a Dirichlet process (Blei and Jordan 2006), in one dimension. The priors are the column's
    own mean and variance, with the weight of one row. It begins with even slices of the sorted values.
    """
    centre, scale = float(values.mean()), float(values.std()) or 1.0
    x = (values - centre) / scale
    count = min(MODES, len(np.unique(x)))
    order = np.argsort(np.argsort(x, kind="stable"), kind="stable")
    shares = np.eye(count)[order * count // len(x)]
    means = np.full(count, np.inf)
    for _ in range(_ROUNDS):
        before = means
        size = shares.sum(axis=0) + 1e-12
        means, variances = _update(x, shares, size)
        shares = _assign(x, size, means, variances)
        if np.abs(means - before)[size > 1].max(initial=0.0) < _TOLERANCE:
            break
    used = size > MIN_WEIGHT * len(x)
    used[np.argmax(size)] = True
    by_mean = np.argsort(means[used])
    deviations = np.sqrt(variances[used]) * scale
    return (means[used] * scale + centre)[by_mean], np.maximum(deviations, 1e-12)[by_mean]


def _update(x: Values, shares: Values, size: Values) -> tuple[Values, Values]:
    """Means and expected variances of the modes, given whose rows are whose."""
    mean = shares.T @ x / size
    within = np.maximum(shares.T @ x**2 / size - mean**2, 0) + 1e-6
    spread = _PRIOR_VARIANCE + size * within + size / (1 + size) * mean**2 * _PRIOR_VARIANCE
    return size * mean / (1 + size), spread / (1 + size)


def _assign(x: Values, size: Values, means: Values, variances: Values) -> Values:
    """Whose rows are whose, in shares (rows × modes), given the modes."""
    from scipy.special import digamma

    freedom = 1 + size
    rest = _CONCENTRATION + np.append(size[::-1].cumsum()[::-1][1:], 0.0)
    total = digamma(1 + size + rest)
    passed = np.append(0.0, np.cumsum(digamma(rest) - total)[:-1])
    log_weight = digamma(1 + size) - total + passed
    log_precision = np.log(2.0) + digamma(freedom / 2) - np.log(freedom) - 1 / freedom
    score = log_weight + (log_precision - np.log(variances) - (x[:, None] - means) ** 2 / variances) / 2
    score -= score.max(axis=1, keepdims=True)
    np.exp(score, out=score)
    return np.asarray(score / score.sum(axis=1, keepdims=True))
