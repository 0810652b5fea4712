"""How the learning rate goes up and down: a share of what was asked for, by how far the training is. Pure."""

from __future__ import annotations

import math


def factor(step: int, steps: int, *, warmup: float, shape: str) -> float:
    """The share of the learning rate for step `step` (from 0) of `steps`: up during `warmup`, then down by `shape`."""
    warm = round(warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if shape == "constant":
        return 1.0
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return 1.0 - done if shape == "linear" else 0.5 * (1 + math.cos(math.pi * done))
