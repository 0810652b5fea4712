"""Letting the critic choose among generated rows.

After Azadi, Olsson, Darrell, Goodfellow and Odena, "Discriminator Rejection Sampling" (ICLR 2019): where a classifier
gives a row the odds p / (1 − p) of being real, keeping rows in proportion to these odds brings what is kept closer to
the real distribution. The classifier is a ridge logistic regression on all that the critic sees in a row: its hidden
layers, which know how columns hang together, and the row itself, which a hidden layer tells only in part. It is fitted
after the training to whole rows (one-hot, not the soft rows that the training uses).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RIDGE_ROWS = 500
RIDGE_POWER = 1.5
"""The ridge is (RIDGE_ROWS / rows) ** RIDGE_POWER, and 1 at most: what few rows say is trusted little."""
QUANTILE = 0.99
"""Rows with odds above those of this share of the generated rows are always kept."""


@dataclass(frozen=True)
class Judge:
    """Weights on what the critic sees in a row, the bias, and the odds from which a row is surely kept."""

    weights: Tensor
    bias: Tensor
    surely: Tensor

    def chance(self, views: Tensor) -> Tensor:
        """The probability with which each row is kept."""
        return (torch.exp(views @ self.weights + self.bias) / self.surely).clamp(max=1.0)


def judge_of(real: Tensor, generated: Tensor, rows: int) -> Judge:
    """The judge that tells what the critic sees in `real` rows from what it sees in `generated` ones (rows × views).

    `rows` says of how many different rows the real ones are drawn: few rows deserve little trust.
    """
    both = torch.cat([real, generated]).double()
    ridge = min(1.0, (RIDGE_ROWS / min(rows, len(real))) ** RIDGE_POWER)
    labels = torch.cat([torch.ones(len(real)), torch.zeros(len(generated))]).double()
    # Each side weighs the same, so that odds of 1 mean "as often among the real as among the generated".
    share = torch.cat([torch.full((len(real),), 0.5 / len(real)), torch.full((len(generated),), 0.5 / len(generated))])
    centre, scale = both.mean(dim=0), both.std(dim=0).clamp_min(1e-6)
    features = torch.cat([both.sub_(centre).div_(scale), torch.ones(len(both), 1, dtype=torch.float64)], dim=1)
    weights = _ridge_logistic(features, labels, share.double(), ridge)
    direction = weights[:-1] / scale
    bias = weights[-1] - (direction * centre).sum()
    odds = torch.exp(generated.double() @ direction + bias)
    surely = torch.quantile(odds, QUANTILE).clamp_min(1e-6)
    return Judge(direction.float(), bias.float(), surely.float())


def _ridge_logistic(features: Tensor, labels: Tensor, share: Tensor, ridge: float) -> Tensor:
    """Newton's method, with one curvature for three steps; the last feature is the constant and is not held back."""
    size = features.shape[1]
    hold = torch.full((size,), ridge, dtype=torch.float64)
    hold[-1] = 1e-9
    weights = torch.zeros(size, dtype=torch.float64)
    thin = features.float()
    for turn in range(18):
        chance = torch.sigmoid(features @ weights)
        gradient = features.T @ (share * (labels - chance)) - hold * weights
        if turn % 3 == 0:
            # Nearly all of the work, and it only says how far to go: it need be neither exact nor of this turn.
            spread = (thin * (share * chance * (1 - chance)).float()[:, None]).T @ thin
            curve = spread.double() + torch.diag(hold + 1e-6)
        step = torch.linalg.solve(curve, gradient)
        weights = weights + step
        if float(step.abs().max()) < 1e-4:
            break
    return weights
